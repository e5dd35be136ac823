"""The transcript `audio2txt.transcript/1`. Times are milliseconds from the start; unknown is `None`, never 0."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum
from audio2txt_client.models.jobs import Cost


class WordSource(OpenEnum):
    """Where a word and its times come from."""

    ASR = "asr"
    INTERPOLATED = "interpolated"
    EDIT = "edit"


class Word(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One word with its punctuation attached."""

    t: str
    """Text."""
    s: int | None = None
    """Start."""
    e: int | None = None
    """End."""
    c: float | None = None
    """Confidence, from 0 to 1."""
    sep: str = ""
    """What stands before the word inside its segment: a space, or nothing."""
    src: WordSource = WordSource.ASR
    raw: str | None = None
    """As it was recognised, where that was something else."""


class SegmentFlag(OpenEnum):
    """What a reader should know before trusting a segment."""

    LOW_CONFIDENCE = "low_confidence"
    POSSIBLE_HALLUCINATION = "possible_hallucination"
    REPEATED = "repeated"


class Segment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One to three sentences of one speaker."""

    id: str
    start_ms: int
    end_ms: int
    text: str
    speaker_id: str | None = None
    language: str | None = None
    confidence: float | None = None
    words: tuple[Word, ...] = ()
    flags: tuple[SegmentFlag, ...] = ()
    raw: str | None = None
    """As it was recognised, where it was changed and has no words."""
    raw_words: tuple[Word, ...] = ()
    """As they were recognised, where they were others or more."""
    edited: int | None = None
    """The revision in which a person last changed it."""


class Speaker(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who speaks."""

    id: str
    label: str
    """The engine's word for them."""
    name: str | None = None
    """What a person called them."""
    speech_ms: int | None = None


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """The recording that was heard."""

    duration_ms: int
    channels: int | None = None
    sha256: str | None = None


class DetectedLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine took the language for."""

    code: str
    confidence: float | None = None


class EngineRun(msgspec.Struct, frozen=True, kw_only=True):
    """Who transcribed, and with what."""

    provider: str
    model: str
    raw_key: str
    raw_sha256: str
    job_id: str | None = None
    """The provider's own id."""
    params: dict[str, str] = {}
    started_at: dt.datetime | None = None
    finished_at: dt.datetime | None = None
    cost: Cost | None = None
    charged_before: bool = False
    """Whether an earlier transcript of the job was made of the same answer, which costs nothing a second time."""


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a vocabulary that changed something."""

    vocabulary: str
    from_: str = msgspec.field(name="from")
    to: str
    count: int
    """How often."""


class ProcessingStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step between the engine's words and these."""

    step: str
    tool: str
    config: str | None = None
    version: str | None = None
    from_language: str | None = None
    to_language: str | None = None
    replaced: tuple[Replaced, ...] = ()


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What the whole document is worth."""

    mean_confidence: float | None = None
    low_confidence_ratio: float | None = None
    speech_ms: int | None = None
    notes: tuple[str, ...] = ()


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A name, place, date … that was said."""

    type: str
    text: str
    start_ms: int
    end_ms: int


class Sentiment(msgspec.Struct, frozen=True, kw_only=True):
    """The mood of one sentence."""

    sentiment: str
    start_ms: int
    end_ms: int
    confidence: float | None = None
    speaker_id: str | None = None


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """What the recording is about."""

    label: str
    relevance: float | None = None


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the recording."""

    start_ms: int
    end_ms: int


class Highlight(msgspec.Struct, frozen=True, kw_only=True):
    """A phrase that matters, and where it was said."""

    text: str
    count: int
    rank: float | None = None
    moments: tuple[Moment, ...] = ()


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the recording with a headline."""

    start_ms: int
    end_ms: int
    headline: str
    summary: str | None = None


class ContentWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Sensitive content."""

    label: str
    start_ms: int
    end_ms: int
    confidence: float | None = None
    severity: float | None = None


class Insights(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine found out beside the words. `None` was not asked for; empty was not found."""

    entities: tuple[Entity, ...] | None = None
    sentiments: tuple[Sentiment, ...] | None = None
    topics: tuple[Topic, ...] | None = None
    highlights: tuple[Highlight, ...] | None = None
    chapters: tuple[Chapter, ...] | None = None
    summary: str | None = None
    content_warnings: tuple[ContentWarning, ...] | None = None
    raw: Insights | None = None
    """As the engine wrote them, where a step has changed them."""


class RedactionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed from the text."""

    categories: tuple[str, ...]
    substitute: str
    audio_key: str | None = None
    audio_media_type: str | None = None


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document; segments in the order of their start."""

    schema: str = "audio2txt.transcript/1"
    id: UUID
    job_id: UUID
    version: int
    """The run that made it."""
    revision: int = 0
    """How often it was edited since."""
    created_at: dt.datetime
    revised_at: dt.datetime | None = None
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
    etag: str | None = None
    """Not of the document: names these bytes, for `transcripts.edit`."""

    @property
    def text(self) -> str:
        """What was said, a line a segment."""
        return "\n".join(segment.text for segment in self.segments)

    def speaker(self, segment: Segment) -> str | None:
        """Who says a segment, by name or else by the engine's label."""
        for speaker in self.speakers:
            if speaker.id == segment.speaker_id:
                return speaker.name or speaker.label
        return None


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One edit of a transcript."""

    number: int
    segments: int
    """How many are others than in the revision before."""
    speakers: int
    """How many were named, renamed or added."""
    restored: int | None
    """The revision that was gone back to; null for an edit."""
    created_at: dt.datetime
    etag: str | None = None
    """Of the transcript as it is then, for the next edit; only in the answer to an edit."""
