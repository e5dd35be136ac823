"""What the local engine and its process say to each other, one JSON line each; a `Window` is also what is stored."""

from __future__ import annotations

import msgspec

from services.transcriber.decoding import Recording


class Hear(msgspec.Struct, frozen=True, kw_only=True):
    """Hear the next window of a recording."""

    pcm: str
    """Path of the samples: 16 kHz, mono, 16 bit."""
    start_ms: int
    longest_ms: int
    """Longest window."""
    total_ms: int
    language: str | None
    """Null: find out."""


class HeardWord(msgspec.Struct, frozen=True, kw_only=True):
    """A word as the model gives it, in front of it the space it gives; times count from the recording's start."""

    text: str
    start_ms: int
    end_ms: int
    probability: float


class HeardPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A segment of the model, with its own doubts."""

    words: tuple[HeardWord, ...]
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    temperature: float


class Window(msgspec.Struct, frozen=True, kw_only=True, tag="window"):
    """All that was heard from `start_ms` up to `end_ms`, where the next window starts."""

    start_ms: int
    end_ms: int
    speech_ms: int
    language: str | None
    """Null when nobody speaks."""
    language_probability: float | None
    passages: tuple[HeardPassage, ...]


class Position(msgspec.Struct, frozen=True, kw_only=True, tag="position"):
    """How far into the recording the work has come."""

    ms: int


Message = Position | Window


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The raw answer of the local engine: what was found in the file, and every window as it was heard."""

    model: str
    beam_size: int
    language: str | None
    """What was asked for; null: find out."""
    language_detected: bool
    """False when it was asked for, and when the model knows but one."""
    recording: Recording
    windows: tuple[Window, ...]
