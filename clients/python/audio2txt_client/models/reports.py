"""The report `audio2txt.report/1`. Speakers and segments are ids of the transcript; `{spk_1}` in a text is a speaker's name."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum
from audio2txt_client.models.jobs import Usage
from audio2txt_client.models.options import ReportMode
from audio2txt_client.models.solutions import EvidencePolicy, SectionFormat, SectionKind


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """The moment a statement rests on."""

    segment_id: str
    start_ms: int
    end_ms: int
    quote: str | None = None
    """The words themselves, as they stand in the segment."""
    speaker_id: str | None = None


class Evidence(OpenEnum):
    """Whether code has found what an item says in the segments it refers to."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    NONE = "none"


class Doubt(OpenEnum):
    """Why a statement could not be verified."""

    NO_REFERENCE = "no_reference"
    UNKNOWN_SEGMENT = "unknown_segment"
    QUOTE_NOT_FOUND = "quote_not_found"
    QUOTE_TOO_SHORT = "quote_too_short"
    UNKNOWN_SPEAKER = "unknown_speaker"
    NUMBER_NOT_SAID = "number_not_said"
    DATE_NOT_SAID = "date_not_said"
    MONEY_NOT_SAID = "money_not_said"
    WRONG_ROLE = "wrong_role"
    ROLE_UNKNOWN = "role_unknown"
    WRONG_PERSON = "wrong_person"
    NEGATION = "negation"
    LITTLE_IN_COMMON = "little_in_common"
    CONTRADICTION = "contradiction"
    STALE = "stale"
    """The words it rests on have been edited since."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of a table's row, or one field."""

    column: str
    text: str = ""
    speaker_id: str | None = None
    date: dt.date | None = None
    """The day that `text` means, where that is certain."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One statement and what it rests on."""

    text: str
    refs: tuple[Reference, ...] = ()
    evidence: Evidence = Evidence.NONE
    id: str = ""
    label: str | None = None
    """The question of an answer, the headline of a moment."""
    cells: tuple[Cell, ...] = ()
    speaker_id: str | None = None
    """Who said it, where the text is a quotation."""
    doubts: tuple[Doubt, ...] = ()
    confidence: float | None = None


class SectionColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column, in the report's language."""

    id: str
    title: str


class ReportSection(msgspec.Struct, frozen=True, kw_only=True):
    """One heading and the statements under it."""

    id: str
    title: str
    items: tuple[Item, ...] = ()
    kind: SectionKind = SectionKind.POINTS
    format: SectionFormat = SectionFormat.BULLETS
    policy: EvidencePolicy = EvidencePolicy.NONE
    columns: tuple[SectionColumn, ...] = ()
    unverified: tuple[Item, ...] = ()
    """Statements that failed the check, shown apart."""
    dropped: int = 0
    """Statements left out because they failed the check."""
    empty: str | None = None
    """What to print where there are no items."""


class SpeakerRole(msgspec.Struct, frozen=True, kw_only=True):
    """The part that a speaker plays, and how that is known."""

    speaker_id: str
    role: str
    title: str
    source: str


class InputValue(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer filled in."""

    id: str
    label: str
    value: str


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the recording the report rests on."""

    segments_used: int
    segments_total: int
    through_ms: int
    duration_ms: int


class SpeakerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How much one speaker said."""

    speaker_id: str
    speech_ms: int
    words: int
    turns: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What can be counted."""

    duration_ms: int
    language: str | None
    engine: str
    model: str
    words: int
    mean_confidence: float | None = None
    speakers: tuple[SpeakerFacts, ...] = ()


class TranscriptReference(msgspec.Struct, frozen=True, kw_only=True):
    """The transcript that the report describes."""

    key: str
    version: int
    revision: int = 0
    sha256: str | None


class SolutionReference(msgspec.Struct, frozen=True, kw_only=True):
    """The scenario that the report follows."""

    id: str
    version: int | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document; every file is a rendering of it."""

    schema: str = "audio2txt.report/1"
    job_id: UUID
    version: int
    """The run that it reports on."""
    language: str
    title: str | None
    solution: SolutionReference
    transcript: TranscriptReference
    facts: Facts
    coverage: Coverage
    notes: tuple[str, ...] = ()
    """Codes of what a reader should know, such as `truncated`."""
    sections: tuple[ReportSection, ...] = ()
    mode: ReportMode | None = None
    model: str | None = None
    inputs: tuple[InputValue, ...] = ()
    roles: tuple[SpeakerRole, ...] = ()
    excluded: dict[str, int] = {}
    """How many statements were shown apart or dropped, by doubt."""
    usage: Usage | None = None
