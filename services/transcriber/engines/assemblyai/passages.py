"""What was said: from the utterances of a transcript, or else from its words, or else from its bare text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from services.transcriber.engines import Passage
from services.transcriber.engines.assemblyai.answer import Fields, SaidWord, Unreadable, Utterance
from services.transcriber.engines.assemblyai.times import estimated, latest_ms, plausible
from shared.schemas.transcripts import Word
from shared.words import separator, split_words

NO_TIMES = "no_word_times"
MENDED_TIMES = "times_mended"


class PassageReader:
    """Reads the first of the three that is there and can be read."""

    def __init__(self, fields: Fields, *, duration_ms: int, language: str | None) -> None:
        self._fields = fields
        self._duration_ms = duration_ms
        self._latest = latest_ms(duration_ms)
        self._language = language
        self.notes: set[str] = set()
        """Codes of what a reader of the transcript should know."""

    def passages(self) -> tuple[Passage, ...]:
        """Everything that was said; nothing when nobody speaks."""
        for source in (self._of_utterances, self._of_words):
            self.notes.clear()
            try:
                found = tuple(passage for passage in source() if passage.words)
            except Unreadable:
                continue
            if found:
                return found
        return tuple(passage for passage in self._of_text() if passage.words)

    def _of_utterances(self) -> Iterator[Passage]:
        for one in self._fields.each("utterances", Utterance):
            said = self._words(one.words) if one.words else self._untimed(one.text)
            start_ms = plausible(one.start, self._latest) or 0
            end_ms = plausible(one.end, self._latest)
            yield self._passage(said, speaker_label(one.speaker, one.channel), start_ms, end_ms or start_ms)

    def _of_words(self) -> Iterator[Passage]:
        words = self._fields.each("words", SaidWord)
        for speaker, said in groupby(words, key=lambda one: speaker_label(one.speaker, one.channel)):
            yield self._passage(self._words(said), speaker, 0, self._duration_ms)

    def _of_text(self) -> Iterator[Passage]:
        yield self._passage(self._untimed(self._fields.get("text", str)), None, 0, self._duration_ms)

    def _passage(self, words: list[Word], speaker: str | None, start_ms: int, end_ms: int) -> Passage:
        if any(word.s is None for word in words):
            words = estimated(words, start_ms, end_ms)
        return Passage(words=tuple(words), speaker=speaker, language=self._language)

    def _words(self, said: Iterable[SaidWord]) -> list[Word]:
        words: list[Word] = []
        before = ""
        for one in said:
            text = (one.text or "").strip()
            if not text:
                continue
            start_ms, end_ms = self._times(one.start, one.end)
            # Nearly all words of nearly all recordings take the shorter way.
            sep = " " if text.isascii() else separator(before, text)
            words.append(Word(t=text, s=start_ms, e=end_ms, c=ratio(one.confidence), sep=sep))
            before = text
        return words

    def _times(self, start: float | None, end: float | None) -> tuple[int | None, int | None]:
        if start is not None and end is not None and 0 <= start <= end <= self._latest:
            return int(start), int(end)
        start_ms, end_ms = plausible(start, self._latest), plausible(end, self._latest)
        if start_ms is None or end_ms is None:
            self.notes.add(MENDED_TIMES)
            return None, None
        return start_ms, max(start_ms, end_ms)

    def _untimed(self, text: str | None) -> list[Word]:
        words: list[Word] = []
        for piece in split_words(text or ""):
            words.append(Word(t=piece, sep=separator(words[-1].t if words else "", piece)))
            self.notes.add(NO_TIMES)
        return words


def speaker_label(speaker: str | None, channel: str | int | None) -> str | None:
    """AssemblyAI's label: a letter, or a channel where each is a speaker."""
    if speaker and speaker != "UNKNOWN":
        return speaker
    return None if channel is None else str(channel)


def ratio(number: float | None) -> float | None:
    """A number between 0 and 1."""
    return number if number is None or 0.0 <= number <= 1.0 else min(1.0, max(0.0, number))
