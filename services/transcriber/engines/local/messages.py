"""What the local engine and its process say to each other, one JSON line each; a `Window` is also what is stored."""

from __future__ import annotations

import msgspec

from services.transcriber.decoding import Recording


class Hear(msgspec.Struct, frozen=True, kw_only=True, tag="hear"):
    """Hear the next window of a recording."""

    pcm: str
    """Path of the samples: 16 kHz, mono, 16 bit."""
    start_ms: int
    longest_ms: int
    """Longest window."""
    total_ms: int
    language: str | None
    """Null: find out."""
    vocabulary: tuple[str, ...] = ()
    """Terms that are likely to be said."""
    speaker_model: str | None = None
    """Folder of the networks that tell voices apart; null: do not."""


class Separate(msgspec.Struct, frozen=True, kw_only=True, tag="separate"):
    """Say who speaks when in a recording, all of whose windows were heard."""

    voices: str
    """Path of the windows' `Voices`, a JSON line each."""
    at_least: int | None
    at_most: int | None
    """How many speakers to expect; null: find out."""


Request = Hear | Separate


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


class Run(msgspec.Struct, frozen=True, array_like=True):
    """A stretch in which the same one or two voices speak, by what ten seconds around it tell."""

    start_ms: int
    end_ms: int
    chunk: int
    """Number of the ten seconds; only within them a local voice is one person."""
    voices: tuple[int, ...]
    """Local voices, 0 to 2."""
    pieces: tuple[tuple[int, int], ...]
    """Start and end of what was taken from it to hear whose voice it is, in milliseconds."""


class Voices(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said about speakers from one window alone; times count from the recording's start."""

    runs: tuple[Run, ...]
    embeddings: bytes
    """What each piece sounds like, in their order: 192 numbers of 16 bits."""


class Window(msgspec.Struct, frozen=True, kw_only=True, tag="window"):
    """All that was heard from `start_ms` up to `end_ms`, where the next window starts."""

    start_ms: int
    end_ms: int
    speech_ms: int
    language: str | None
    """Null when nobody speaks."""
    language_probability: float | None
    passages: tuple[HeardPassage, ...]
    voices: Voices | None = None
    """Null when speakers are not told apart, and in the final answer."""


class Position(msgspec.Struct, frozen=True, kw_only=True, tag="position"):
    """How far into the recording the work has come."""

    ms: int


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """Somebody speaks. Turns of different speakers may overlap."""

    start_ms: int
    end_ms: int
    speaker: int
    """From 0, in the order in which they first speak."""


class Turns(msgspec.Struct, frozen=True, kw_only=True, tag="turns"):
    """Who speaks when in the whole recording."""

    turns: tuple[Turn, ...]
    threshold: float
    """From which distance on voices were taken for different people's."""


Message = Position | Window | Turns


class Speakers(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the answer that says who speaks when, and how that was found."""

    model: str
    """Digest of the networks."""
    threshold: float
    at_least: int | None
    at_most: int | None
    turns: tuple[Turn, ...]


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
    vocabulary: tuple[str, ...] = ()
    speakers: Speakers | None = None
    """Null when speakers were not told apart."""
