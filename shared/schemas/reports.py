"""The report `audio2txt.report/1`: what was found in one transcript. Every file format is a rendering of it.

Speakers and segments are referred to by id and named by the transcript, so that a renamed speaker is renamed
everywhere. The document is a function of the job's options and the transcript alone: the same input gives the same bytes.
"""

from __future__ import annotations

import enum
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from shared.schemas.transcripts import Confidence, Milliseconds


class Reference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The moment a statement rests on."""

    segment_id: str
    start_ms: Milliseconds
    end_ms: Milliseconds
    quote: str | None = None
    """The words themselves, as they stand in the segment."""


class Evidence(enum.StrEnum):
    """Whether code has found what an item says in the segments it refers to."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    NONE = "none"


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One statement and what it rests on."""

    text: str
    refs: tuple[Reference, ...] = ()
    evidence: Evidence = Evidence.NONE


class Section(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One heading of the scenario template and the statements under it, in the report's language."""

    id: str
    title: str
    items: tuple[Item, ...] = ()


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the recording the report rests on."""

    segments_used: int
    segments_total: int
    through_ms: Milliseconds
    """Everything said up to here was considered; the recording's end unless the engine stopped early."""
    duration_ms: Milliseconds

    @property
    def complete(self) -> bool:
        """Whether the whole recording was considered."""
        return self.through_ms >= self.duration_ms and self.segments_used == self.segments_total


class SpeakerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How much one speaker said."""

    speaker_id: str
    speech_ms: Milliseconds
    words: int
    turns: int
    """How often the speaker took the floor."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What can be counted."""

    duration_ms: Milliseconds
    language: str | None
    """BCP-47 code of the transcript's text."""
    engine: str
    model: str
    words: int
    """Words between spaces, and Chinese and Japanese characters one by one."""
    mean_confidence: Confidence | None = None
    speakers: tuple[SpeakerFacts, ...] = ()
    """In the transcript's order."""


class TranscriptReference(msgspec.Struct, frozen=True, kw_only=True):
    """The transcript that the report describes."""

    key: str
    version: int
    sha256: str | None
    """Digest of the stored document; null when it was missing."""


class SolutionReference(msgspec.Struct, frozen=True, kw_only=True):
    """The scenario template that the report follows."""

    id: str
    version: Annotated[int, Meta(ge=1)] | None
    """Null when the installation no longer has the template."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document."""

    schema: Literal["audio2txt.report/1"] = "audio2txt.report/1"
    job_id: UUID
    version: Annotated[int, Meta(ge=1)]
    """The transcription run that it reports on."""
    language: str
    """BCP-47 code of the report's own words: headings, labels, statements."""
    title: str | None
    """As the customer gave it."""
    solution: SolutionReference
    transcript: TranscriptReference
    facts: Facts
    coverage: Coverage
    notes: tuple[str, ...] = ()
    """Codes of what a reader should know, such as `speakers_not_separated` or `truncated`."""
    sections: tuple[Section, ...] = ()
