"""Long conversations as engines hear them: the words of real meetings, timed at the pace of speech and with its overlaps."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from shared.schemas.transcripts import Segment, Transcript, Word, render_words
from tests.meetings import CHINESE, ENGLISH, load
from tests.speech import transcript

_HAN = re.compile("[\u4e00-\u9fff]")
_TOKEN = re.compile(r"[\u4e00-\u9fff][^\w\s]*|[^\s\u4e00-\u9fff]+")
"""A Chinese character or any other word, with the marks after it: what engines give times to."""
_SENTENCE = re.compile(r"[^.?!。？！]*[.?!。？！]*[”\"」]*")
_SENTENCES_PER_SEGMENT = 3


def conversation(language: str, hours: float, *, seed: int = 1) -> Transcript:
    """Meetings in English (`en`) or Chinese (`zh-Hant`), again and again until so much time has passed. Speakers begin a
    little after the end of the one before or before it, and short answers fall into others' sentences."""
    chance = random.Random(seed)
    segments: list[Segment] = []
    ends: dict[str, int] = {}
    now = 0
    for speaker, text in _turns(language):
        start = max(0, now + round(chance.gauss(200, 450)), ends.get(speaker, 0) + 20)
        segments += _spoken(text, speaker, start, chance)
        now = ends[speaker] = segments[-1].end_ms
        if now > hours * 3_600_000:
            break
    segments.sort(key=lambda segment: (segment.start_ms, segment.id))
    return transcript(segments, language=language)


def _turns(language: str) -> Iterator[tuple[str, str]]:
    while True:
        for name in ENGLISH if language == "en" else CHINESE:
            for speaker, text in load(name).turns:
                if readable := " ".join(re.sub(r"[⟦⟧]|--", " ", text).split()):
                    yield speaker, re.sub(r"\s+([,.?!])", r"\1", readable)


def _spoken(text: str, speaker: str, start: int, chance: random.Random) -> list[Segment]:
    """A turn's segments of a few sentences each."""
    segments, at, words = [], start, list[Word]()
    sentences = [_TOKEN.findall(sentence) for sentence in _SENTENCE.findall(text) if sentence.strip()]
    for number, tokens in enumerate(sentences, start=1):
        words += _timed(tokens, at, chance, continues=bool(words))
        at = (words[-1].e or 0) + chance.choice((40, 80, 200, 400, 900, 1500))
        if number % _SENTENCES_PER_SEGMENT == 0 or number == len(sentences):
            segments.append(_segment(words, speaker))
            words = []
    return segments


def _timed(tokens: Sequence[str], at: int, chance: random.Random, *, continues: bool) -> list[Word]:
    words: list[Word] = []
    for token in tokens:
        length = round((200 if _HAN.match(token) else 90 + 52 * len(token)) * chance.uniform(0.75, 1.3))
        before = words[-1].t if words else "。" if _HAN.match(token) else "."
        apart = (words or continues) and not (_HAN.match(token) or _HAN.match(before))
        words.append(Word(t=token, s=at, e=at + round(length * 0.92), sep=" " if apart else ""))
        at += length + (chance.choice((0, 60, 150, 300)) if token[-1] in ",，、" else 0)
    return words


def _segment(words: Sequence[Word], speaker: str) -> Segment:
    start, end = words[0].s or 0, words[-1].e or 0
    return Segment(
        id=f"s{start:09}.{speaker}",
        start_ms=start,
        end_ms=end,
        text=render_words(list(words)),
        words=tuple(words),
        speaker_id=f"spk_{speaker}",
    )
