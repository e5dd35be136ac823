"""The report `audio2txt.report/1`: what was found in one transcript. Every file format is a rendering of it.

Speakers and segments are referred to by id and named by the transcript, so that a renamed speaker is renamed
everywhere. The document is a function of the job's options and the transcript alone: the same input gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from shared.schemas.jobs import ReportMode
from shared.schemas.solutions import EvidencePolicy, SectionFormat, SectionKind
from shared.schemas.transcripts import Confidence, Milliseconds


class Reference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The moment a statement rests on."""

    segment_id: str
    start_ms: Milliseconds
    end_ms: Milliseconds
    quote: str | None = None
    """The words themselves, as they stand in the segment."""
    speaker_id: str | None = None


class Evidence(enum.StrEnum):
    """Whether code has found what an item says in the segments it refers to."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    NONE = "none"
    """Nothing was to be checked."""


class Doubt(enum.StrEnum):
    """Why a statement could not be verified."""

    NO_REFERENCE = "no_reference"
    """It says nothing of what it rests on."""
    UNKNOWN_SEGMENT = "unknown_segment"
    """It refers to a segment that does not exist."""
    QUOTE_NOT_FOUND = "quote_not_found"
    """What it quotes was not said there."""
    QUOTE_TOO_SHORT = "quote_too_short"
    UNKNOWN_SPEAKER = "unknown_speaker"
    """It names somebody who neither speaks nor is mentioned."""
    NUMBER_NOT_SAID = "number_not_said"
    DATE_NOT_SAID = "date_not_said"
    MONEY_NOT_SAID = "money_not_said"
    WRONG_ROLE = "wrong_role"
    """Somebody said it whose role this section does not cite."""
    ROLE_UNKNOWN = "role_unknown"
    """Nobody is known to play the role that this section cites."""
    WRONG_PERSON = "wrong_person"
    """It names another person than those who speak or are spoken of in the words it rests on."""
    NEGATION = "negation"
    """It says the opposite of the words it rests on, as far as their negations tell."""
    LITTLE_IN_COMMON = "little_in_common"
    """It has hardly a word in common with the words it rests on."""
    CONTRADICTION = "contradiction"
    """Another statement of the report says otherwise."""
    STALE = "stale"
    """The words it rests on have been edited since."""


class Cell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cell of a table's row or one field; empty text is nothing found."""

    column: str
    """Id of the column."""
    text: str = ""
    speaker_id: str | None = None
    """Set where the cell names a speaker; the name comes from the transcript."""
    date: dt.date | None = None
    """The day that `text` means, where that is certain."""


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One statement and what it rests on. `{spk_1}` inside a text stands for that speaker's name."""

    text: str
    refs: tuple[Reference, ...] = ()
    evidence: Evidence = Evidence.NONE
    id: str = ""
    """Unique inside the report: its section's id and its number."""
    label: str | None = None
    """The question of an answer, the headline of a moment."""
    cells: tuple[Cell, ...] = ()
    """Of a table's row, or of fields, in the columns' order."""
    speaker_id: str | None = None
    """Who said it, where the text is a quotation."""
    doubts: tuple[Doubt, ...] = ()
    confidence: Confidence | None = None
    """How sure whoever found it is that it belongs here; null for unknown."""


class SectionColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column, in the report's language."""

    id: str
    title: str


class Section(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One heading of the scenario template and the statements under it, in the report's language."""

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
    """In the report's language."""
    source: Annotated[str, Meta(pattern="^(user|llm|cues)$", examples=["llm"])]


class InputValue(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer filled in."""

    id: str
    label: str
    value: str


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What language models were asked for this report, and what that costs."""

    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    bytes_sent: int = 0
    cost_usd: Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$")] | None = None
    """A decimal number; null where no price is set."""
    kept_tokens: int = 0
    """Of the tokens those of answers that an earlier attempt at a report of this job was charged for: not asked again."""
    kept_cost_usd: Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$")] | None = None
    """Of the cost their part; null where no price is set, or nothing was kept."""


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
    revision: Annotated[int, Meta(ge=0)] = 0
    """How often it was edited before."""
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
    mode: ReportMode | None = None
    """Who wrote the sections; null where there are none."""
    model: str | None = None
    """The language model, where one wrote."""
    inputs: tuple[InputValue, ...] = ()
    roles: tuple[SpeakerRole, ...] = ()
    excluded: dict[str, int] = {}
    """How many statements were shown apart or dropped, by reason (`Doubt`)."""
    usage: Usage | None = None
