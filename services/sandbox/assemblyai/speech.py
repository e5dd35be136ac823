"""What was heard, in the words that answers are made of."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec
from msgspec import UNSET, UnsetType

from services.transcriber.engines import Heard

SURE = 0.9
"""The confidence of a word whose engine tells none."""
_CJK = (("\u3000", "\u30ff"), ("\u3400", "\u9fff"), ("\uf900", "\ufaff"), ("\uff00", "\uffef"))


class Word(msgspec.Struct, kw_only=True):
    """A word as the vendor writes it; times in milliseconds."""

    text: str
    start: int
    end: int
    confidence: float = SURE
    speaker: str | None = None
    channel: str | UnsetType = UNSET


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """All that was said, in order. Every word knows its speaker, `A` when nobody told them apart."""

    words: tuple[Word, ...]
    duration_ms: int
    language: str
    language_confidence: float
    speech_ms: int


def from_heard(heard: Heard) -> Speech:
    """An engine's answer as speech; speakers are named A, B … in the order in which they begin."""
    names: dict[str | None, str] = {}
    words = []
    for passage in heard.passages:
        speaker = names.setdefault(passage.speaker, speaker_name(len(names)))
        words += [
            Word(text=word.t, start=word.s, end=word.e, confidence=SURE if word.c is None else word.c, speaker=speaker)
            for word in passage.words
            if word.s is not None and word.e is not None
        ]
    return Speech(
        words=tuple(words),
        duration_ms=heard.duration_ms,
        language=heard.language or "en",
        language_confidence=0.99 if heard.language_confidence is None else heard.language_confidence,
        speech_ms=sum(word.end - word.start for word in words) if heard.speech_ms is None else heard.speech_ms,
    )


def speaker_name(number: int) -> str:
    """A, B … Z, AA, AB …"""
    letters = string.ascii_uppercase
    return letters[number] if number < len(letters) else speaker_name(number // 26 - 1) + letters[number % 26]


def joined(words: Iterable[str]) -> str:
    """Words as running text: with spaces, save between two of a script that has none."""
    text = ""
    for word in words:
        text += word if not text or (is_cjk(text[-1]) and is_cjk(word[0])) else f" {word}"
    return text


def is_cjk(character: str) -> bool:
    """Whether it belongs to a script without spaces."""
    return any(first <= character <= last for first, last in _CJK)


def confidence_of(words: Sequence[Word]) -> float:
    """The mean."""
    return sum(word.confidence for word in words) / len(words) if words else 0.0


def turns(words: Iterable[Word]) -> list[list[Word]]:
    """Runs of words of one speaker."""
    return [list(run) for _, run in groupby(words, key=lambda word: word.speaker)]
