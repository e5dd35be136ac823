"""Which speaker said which word: by the turns it lies in, and never a single word in the middle of another's sentence."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from services.transcriber.engines.local.messages import HeardPassage, HeardWord, Turn

_ENDS = tuple(".?!。！？…")
_CLOSERS = "\"'”’」』）)]»"
_BREAK_MS = 1_000
"""A pause like this ends a sentence even without a full stop."""
_SHORTEST_MS = 500
"""What somebody says within another's sentence is at least this long, and more than one word."""


@dataclass
class _Word:
    passage: int
    word: HeardWord
    speaker: int


def attribute(passages: Sequence[HeardPassage], turns: Sequence[Turn]) -> list[list[tuple[int, tuple[HeardWord, ...]]]]:
    """For each passage its words, grouped by speaker in the order they are said. There is at least one turn."""
    speakers = Speaking(turns)
    words: list[_Word] = []
    for number, passage in enumerate(passages):
        for word in passage.words:
            words.append(_Word(number, word, speakers.of(word, words[-1].speaker if words else None)))
    for sentence in _sentences(words):
        _settle(sentence)
    shares: list[list[tuple[int, tuple[HeardWord, ...]]]] = [[] for _ in passages]
    for (number, speaker), group in groupby(words, key=lambda one: (one.passage, one.speaker)):
        shares[number].append((speaker, tuple(one.word for one in group)))
    return shares


class Speaking:
    """Turns, to be asked about words."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: turn.start_ms)
        self._starts = [turn.start_ms for turn in self._turns]
        self._longest_ms = max(turn.end_ms - turn.start_ms for turn in self._turns)

    def of(self, word: HeardWord, before: int | None) -> int:
        """Who speaks most of the word; of two who speak at once, the one who spoke `before`; in a pause, who is nearest."""
        around = self._around(word)
        return max(around, key=lambda turn: (_overlap(word, turn), turn.speaker == before)).speaker

    def _around(self, word: HeardWord) -> list[Turn]:
        """The turns that may overlap the word, and its neighbours."""
        first = max(0, bisect_left(self._starts, word.start_ms - self._longest_ms) - 1)
        return self._turns[first : bisect_left(self._starts, word.end_ms) + 1]


def _overlap(word: HeardWord, turn: Turn) -> int:
    """Shared milliseconds; below zero the distance."""
    return min(word.end_ms, turn.end_ms) - max(word.start_ms, turn.start_ms)


def _sentences(words: Sequence[_Word]) -> Iterator[list[_Word]]:
    sentence: list[_Word] = []
    for one in words:
        if sentence and one.word.start_ms - sentence[-1].word.end_ms >= _BREAK_MS:
            yield sentence
            sentence = []
        sentence.append(one)
        if one.word.text.rstrip(_CLOSERS).endswith(_ENDS):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _settle(sentence: list[_Word]) -> None:
    """Give runs that are too short to be believed to the longer run beside them, the shortest first."""
    runs = _runs(sentence)
    while len(runs) > 1 and (doubtful := [place for place, run in enumerate(runs) if _is_doubtful(run)]):
        place = min(doubtful, key=lambda place: _length_ms(runs[place]))
        beside = [runs[index] for index in (place - 1, place + 1) if 0 <= index < len(runs)]
        speaker = max(beside, key=_length_ms)[0].speaker
        for one in runs[place]:
            one.speaker = speaker
        runs = _runs(sentence)


def _runs(sentence: Sequence[_Word]) -> list[list[_Word]]:
    return [list(run) for _, run in groupby(sentence, key=lambda one: one.speaker)]


def _is_doubtful(run: Sequence[_Word]) -> bool:
    return len(run) == 1 or _length_ms(run) < _SHORTEST_MS


def _length_ms(run: Sequence[_Word]) -> int:
    return run[-1].word.end_ms - run[0].word.start_ms
