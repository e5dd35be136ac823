"""Solutions `audio2txt.solutions/1`: the scenario templates a report is written after.

A solution is data: what a report is called, which sections it has, what belongs into each, and how strictly its statements
must be proven. Every text for readers stands in all languages; `shared.solutions` checks what types alone cannot.
"""

from __future__ import annotations

import enum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.schemas.jobs import ArtifactFormat, ReportLanguage, ReportMode, Script

REPORT_LANGUAGES: tuple[ReportLanguage, ...] = ("zh-Hant", "en")

Text = Annotated[str, Meta(min_length=1, max_length=2000)]
LocalisedText = dict[ReportLanguage, Text]
Term = Annotated[str, Meta(min_length=1, max_length=60)]
LocalisedTerms = dict[ReportLanguage, Annotated[tuple[Term, ...], Meta(max_length=60)]]
SolutionId = Annotated[str, Meta(pattern=r"^[a-z0-9_]{3,40}$")]
PartId = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""Id of a section, column, role or input inside its solution."""


class SectionKind(enum.StrEnum):
    """What a section is about: decides what is looked for where no language model writes, and what a provider's findings are
    mapped to."""

    OVERVIEW = "overview"
    """What the recording is about, in a few sentences."""
    POINTS = "points"
    """Statements on the section's subject, found by its cues."""
    ACTIONS = "actions"
    """What somebody undertook or was asked to do."""
    DECISIONS = "decisions"
    """What was settled."""
    QUESTIONS = "questions"
    """What was asked, and the answer."""
    QUOTES = "quotes"
    """Sentences worth repeating word for word."""
    OUTLINE = "outline"
    """The course of the recording, by time."""
    KEYWORDS = "keywords"
    """The terms that matter."""


class SectionFormat(enum.StrEnum):
    """How a section is set."""

    PARAGRAPH = "paragraph"
    BULLETS = "bullets"
    TABLE = "table"
    QUOTES = "quotes"
    TIMELINE = "timeline"
    QA = "qa"
    FIELDS = "fields"
    TERMS = "terms"


class EvidencePolicy(enum.StrEnum):
    """What becomes of statements that could not be verified."""

    REQUIRED = "required"
    """They are shown apart, under a heading that says so."""
    DROP = "drop"
    """They are left out, and counted."""
    PREFERRED = "preferred"
    """They stay where they are, marked."""
    NONE = "none"
    """Nothing is checked, and the section says so."""


class ColumnType(enum.StrEnum):
    """What a cell of a table holds."""

    TEXT = "text"
    SPEAKER = "speaker_or_text"
    DATE = "date_text"
    """As it was said, with a calendar date where that is certain."""


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One column of a table, or one line of a section of fields."""

    id: PartId
    title: LocalisedText
    type: ColumnType = ColumnType.TEXT


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One heading of the report and what belongs under it."""

    id: PartId
    title: LocalisedText
    kind: SectionKind = SectionKind.POINTS
    format: SectionFormat = SectionFormat.BULLETS
    instruction: LocalisedText | None = None
    """What a language model is told to write here."""
    cues: LocalisedTerms = {}
    """Words that mark statements as belonging here where no language model reads them."""
    columns: Annotated[tuple[Column, ...], Meta(max_length=8)] = ()
    """Of a table or of fields; none for other formats."""
    max_items: Annotated[int, Meta(ge=1, le=50)] = 8
    evidence: EvidencePolicy | None = None
    """Null takes the solution's."""
    speaker_roles: tuple[PartId, ...] = ()
    """Only what these roles said may be cited; none for everybody."""
    empty: LocalisedText | None = None
    """Shown where nothing was found; null takes a general sentence."""


class InputType(enum.StrEnum):
    """What a customer may fill in."""

    STRING = "string"
    DATE = "date"
    NUMBER = "number"


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value that the customer gives with the job and the report prints."""

    id: PartId
    label: LocalisedText
    type: InputType = InputType.STRING
    max: Annotated[int, Meta(ge=1, le=500)] = 200
    """Characters."""
    required: bool = False


class Role(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part that somebody plays in the recording, such as the lawyer."""

    id: PartId
    label: LocalisedText
    cues: LocalisedTerms = {}
    """Words by which whoever plays the part is recognised where no language model reads them."""


class TranscriptionWishes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the scenario wants of the engine where the job does not say otherwise."""

    language: str | None = None
    """BCP-47; null lets the engine detect it."""
    speakers: tuple[Annotated[int, Meta(ge=1, le=32)], Annotated[int, Meta(ge=1, le=32)]] | None = None
    """At least and at most so many."""
    vocabulary: tuple[Term, ...] | LocalisedTerms = ()
    """Key terms of the field, given to engines that take them: for every language, or by the language spoken, of which then
    the job must know."""
    script: Script | None = None
    """Null takes the installation's."""


class Summary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a language model writes."""

    style: LocalisedText
    max_words: dict[ReportLanguage, Annotated[int, Meta(ge=20, le=5000)]] = {}
    """Of all sections together: English words, Chinese characters."""


class TranscriptAppendix(enum.StrEnum):
    """How much of the transcript stands at the end of the report."""

    FULL = "full"
    NONE = "none"


class Appendix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What follows the sections."""

    transcript: TranscriptAppendix = TranscriptAppendix.FULL
    speaker_stats: bool = True
    note: LocalisedText | None = None
    """Printed at the end."""


class CaptionProfile(enum.StrEnum):
    """The measures of subtitles; `auto` takes those of the language."""

    AUTO = "auto"
    LATIN = "latin-42x2-cps20"
    CHINESE = "zh-16x2-cps9"
    YOUTUBE = "youtube"


class Captions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How subtitles are cut."""

    profile: CaptionProfile = CaptionProfile.AUTO
    speakers: bool = True
    """Name the speaker where it changes."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goes along with messages to the customer."""

    attach: tuple[ArtifactFormat, ...] = ()
    """Artifacts attached to e-mails."""


class Privacy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may leave the house."""

    allow_cloud_llm: bool = True
    """Whether a language model outside may read the transcript."""


class Solution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One scenario."""

    id: SolutionId
    version: Annotated[int, Meta(ge=1)]
    """Raised with every change; stands in each report."""
    aliases: tuple[SolutionId, ...] = ()
    category: Annotated[str, Meta(max_length=40)] = "general"
    audience: tuple[Annotated[str, Meta(max_length=40)], ...] = ()
    title: LocalisedText
    description: LocalisedText
    output_language: Literal["transcript", "zh-Hant", "en"] = "transcript"
    """Language of the report; `transcript` follows the recording, English where it is neither."""
    inputs: Annotated[tuple[Input, ...], Meta(max_length=20)] = ()
    transcription: TranscriptionWishes = TranscriptionWishes()
    roles: Annotated[tuple[Role, ...], Meta(max_length=12)] = ()
    summary: Summary | None = None
    sections: Annotated[tuple[Section, ...], Meta(max_length=12)] = ()
    """None for a transcript without a report."""
    evidence: EvidencePolicy = EvidencePolicy.REQUIRED
    modes: tuple[ReportMode, ...] = (ReportMode.LLM, ReportMode.EXTRACTIVE)
    """Who may write it, the preferred first; whoever cannot (no key, no budget, not allowed) leaves it to the next."""
    appendix: Appendix = Appendix()
    artifacts: Annotated[tuple[ArtifactFormat, ...], Meta(min_length=1)]
    captions: Captions = Captions()
    delivery: Delivery = Delivery()
    privacy: Privacy = Privacy()


class SolutionFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `solutions.yaml`."""

    schema: Literal["audio2txt.solutions/1"]
    solutions: tuple[Solution, ...]
