"""The transcript `audio2txt.transcript/1`: one engine-neutral document with speakers, segments and word times.

Times are integer milliseconds from the start of the recording; unknown is `null`, never 0. Speakers and segments
are referred to by id. The document is immutable: a later run or an edit is a new document.
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

Milliseconds = Annotated[int, Meta(ge=0)]
Confidence = Annotated[float, Meta(ge=0, le=1)]


class WordSource(enum.StrEnum):
    """Where a word and its times come from: the recogniser, or interpolation inside its segment."""

    ASR = "asr"
    INTERPOLATED = "interpolated"


class Word(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One word with its punctuation attached. Field names are short because a long recording has tens of thousands."""

    t: str
    """Text."""
    s: Milliseconds | None = None
    """Start."""
    e: Milliseconds | None = None
    """End."""
    c: Confidence | None = None
    sep: str = ""
    """What stands before the word inside its segment: a space, or nothing (first word, Chinese)."""
    src: WordSource = WordSource.ASR


class SegmentFlag(enum.StrEnum):
    """What a reader should know before trusting a segment."""

    LOW_CONFIDENCE = "low_confidence"
    POSSIBLE_HALLUCINATION = "possible_hallucination"
    REPEATED = "repeated"


class Segment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One to three sentences of one speaker. Invariant: `text == render_words(words)` when there are words."""

    id: str
    start_ms: Milliseconds
    end_ms: Milliseconds
    text: str
    speaker_id: str | None = None
    language: str | None = None
    confidence: Confidence | None = None
    words: tuple[Word, ...] = ()
    flags: tuple[SegmentFlag, ...] = ()


class Speaker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who speaks; `label` is the engine's word for them, `name` what a person called them."""

    id: str
    label: str
    name: str | None = None
    speech_ms: Milliseconds | None = None


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """The recording that was heard."""

    duration_ms: Milliseconds
    channels: int | None = None
    sha256: str | None = None


class DetectedLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine took the language for."""

    code: str
    confidence: Confidence | None = None


class EngineRun(msgspec.Struct, frozen=True, kw_only=True):
    """Who transcribed, with what, and where the unchanged answer lies."""

    provider: str
    model: str
    raw_key: str
    raw_sha256: str
    job_id: str | None = None
    """The provider's own id."""
    params: dict[str, str] = {}
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None


class ProcessingStep(msgspec.Struct, frozen=True, kw_only=True):
    """One deterministic step between the engine's words and these."""

    step: str
    tool: str
    config: str | None = None
    version: str | None = None


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole document is worth."""

    mean_confidence: Confidence | None = None
    low_confidence_ratio: Confidence | None = None
    speech_ms: Milliseconds | None = None
    notes: tuple[str, ...] = ()
    """Codes of what a reader should know, such as `speakers_not_separated`."""


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document. Segments are sorted by `(start_ms, id)`."""

    schema: Literal["audio2txt.transcript/1"] = "audio2txt.transcript/1"
    id: UUID
    job_id: UUID
    version: int
    """The transcription run that made it."""
    created_at: dt.datetime
    media: Media
    language: str | None
    detected_language: DetectedLanguage | None = None
    engine: EngineRun
    processing: tuple[ProcessingStep, ...] = ()
    speakers: tuple[Speaker, ...] = ()
    segments: tuple[Segment, ...]
    quality: Quality = Quality()


def render_words(words: tuple[Word, ...] | list[Word]) -> str:
    """The text that the words make up, with each word's own separator."""
    return "".join(word.sep + word.t for word in words)
