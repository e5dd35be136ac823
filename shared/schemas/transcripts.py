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
Timestamp = Annotated[dt.datetime, Meta(tz=True)]
"""With its zone."""


class WordSource(enum.StrEnum):
    """Where a word and its times come from: the recogniser, or interpolation inside its segment, of a recognised word or
    of one that a person wrote."""

    ASR = "asr"
    INTERPOLATED = "interpolated"
    EDIT = "edit"


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
    raw: str | None = None
    """The text as it was recognised, where a step of `Transcript.processing` has changed it."""


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
    raw: str | None = None
    """The text as it was recognised, where it was changed and there are no words to tell."""
    raw_words: tuple[Word, ...] = ()
    """All words as they were recognised, where they were others or more than now; else `Word.raw` tells."""
    edited: Annotated[int, Meta(ge=1)] | None = None
    """The revision in which a person last changed it; null for as it was transcribed."""


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


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider asks for one transcription, by a dated price list: never a guess."""

    amount: Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$", examples=["0.2150"])]
    """A decimal number."""
    currency: Annotated[str, Meta(examples=["USD"])] = "USD"
    billed_ms: Milliseconds
    """Length of audio that is charged, all channels together."""
    prices: tuple[str, ...]
    """Ids of the rows of the price list that add up to it."""


class EngineRun(msgspec.Struct, frozen=True, kw_only=True):
    """Who transcribed, with what, and where the unchanged answer lies."""

    provider: str
    model: str
    raw_key: str
    raw_sha256: str
    job_id: str | None = None
    """The provider's own id."""
    params: dict[str, str] = {}
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    cost: Cost | None = None
    """Null for an engine that costs nothing by the recording, and where a price is not known."""
    charged_before: bool = False
    """Whether an earlier transcript of the job was made of the same answer, which costs nothing a second time."""


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a vocabulary that changed something."""

    vocabulary: str
    """Name of the set."""
    from_: str = msgspec.field(name="from")
    to: str
    count: Annotated[int, Meta(ge=1)]
    """How often."""


class ProcessingStep(msgspec.Struct, frozen=True, kw_only=True):
    """One deterministic step between the engine's words and these."""

    step: str
    tool: str
    config: str | None = None
    version: str | None = None
    from_language: str | None = None
    """Tag of the text before the step, where it changes that."""
    to_language: str | None = None
    replaced: tuple[Replaced, ...] = ()
    """What rules of vocabularies changed in the segments, in the order of the rules."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole document is worth."""

    mean_confidence: Confidence | None = None
    low_confidence_ratio: Confidence | None = None
    speech_ms: Milliseconds | None = None
    notes: tuple[str, ...] = ()
    """Codes of what a reader should know, such as `speakers_not_separated`."""


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A name, place, date … that was said."""

    type: str
    """In the engine's words."""
    text: str
    start_ms: Milliseconds
    end_ms: Milliseconds


class Sentiment(msgspec.Struct, frozen=True, kw_only=True):
    """The mood of one sentence."""

    sentiment: str
    """`positive`, `neutral`, `negative`, or another word of the engine."""
    start_ms: Milliseconds
    end_ms: Milliseconds
    confidence: Confidence | None = None
    speaker_id: str | None = None


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """What the recording is about; the label may be a path such as `Business>Sales`."""

    label: str
    relevance: Confidence | None = None


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the recording."""

    start_ms: Milliseconds
    end_ms: Milliseconds


class Highlight(msgspec.Struct, frozen=True, kw_only=True):
    """A phrase that matters, and where it was said."""

    text: str
    count: int
    rank: float | None = None
    moments: tuple[Moment, ...] = ()


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the recording with a headline; the words are a model's, not a speaker's."""

    start_ms: Milliseconds
    end_ms: Milliseconds
    headline: str
    summary: str | None = None


class ContentWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Sensitive content."""

    label: str
    start_ms: Milliseconds
    end_ms: Milliseconds
    confidence: Confidence | None = None
    severity: Confidence | None = None


class Insights(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the engine found out beside the words. Null was not asked for; empty was asked for and not found."""

    entities: tuple[Entity, ...] | None = None
    sentiments: tuple[Sentiment, ...] | None = None
    topics: tuple[Topic, ...] | None = None
    highlights: tuple[Highlight, ...] | None = None
    chapters: tuple[Chapter, ...] | None = None
    summary: str | None = None
    content_warnings: tuple[ContentWarning, ...] | None = None
    raw: Insights | None = None
    """Those that a step of `Transcript.processing` has changed, as the engine wrote them."""


class RedactionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed from the text, and the recording in which it cannot be heard."""

    categories: tuple[str, ...]
    substitute: str
    audio_key: str | None = None
    """Blob key; null when it was not asked for."""
    audio_media_type: str | None = None


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document. Segments are sorted by `(start_ms, id)`."""

    schema: Literal["audio2txt.transcript/1"] = "audio2txt.transcript/1"
    id: UUID
    job_id: UUID
    version: int
    """The transcription run that made it."""
    revision: Annotated[int, Meta(ge=0)] = 0
    """How often it was edited since: 0 is as it was transcribed."""
    created_at: Timestamp
    revised_at: Timestamp | None = None
    """When this revision was made; null for the first."""
    media: Media
    language: str | None
    detected_language: DetectedLanguage | None = None
    engine: EngineRun
    processing: tuple[ProcessingStep, ...] = ()
    speakers: tuple[Speaker, ...] = ()
    segments: tuple[Segment, ...]
    quality: Quality = Quality()
    insights: Insights | None = None
    redaction: RedactionRecord | None = None


def render_words(words: tuple[Word, ...] | list[Word]) -> str:
    """The text that the words make up, with each word's own separator."""
    return "".join(word.sep + word.t for word in words)
