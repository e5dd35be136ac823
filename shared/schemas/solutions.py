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

Title = Annotated[str, Meta(min_length=1, max_length=120)]
LocalisedTitle = dict[ReportLanguage, Title]
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


FORMATS: dict[SectionKind, tuple[SectionFormat, ...]] = {
    SectionKind.OVERVIEW: (SectionFormat.PARAGRAPH, SectionFormat.BULLETS, SectionFormat.FIELDS),
    SectionKind.POINTS: (
        SectionFormat.BULLETS,
        SectionFormat.PARAGRAPH,
        SectionFormat.TABLE,
        SectionFormat.QUOTES,
        SectionFormat.TIMELINE,
        SectionFormat.FIELDS,
    ),
    SectionKind.ACTIONS: (SectionFormat.TABLE, SectionFormat.BULLETS),
    SectionKind.DECISIONS: (SectionFormat.BULLETS, SectionFormat.TABLE, SectionFormat.PARAGRAPH),
    SectionKind.QUESTIONS: (SectionFormat.QA, SectionFormat.BULLETS, SectionFormat.TABLE),
    SectionKind.QUOTES: (SectionFormat.QUOTES, SectionFormat.BULLETS),
    SectionKind.OUTLINE: (SectionFormat.TIMELINE, SectionFormat.BULLETS, SectionFormat.TABLE),
    SectionKind.KEYWORDS: (SectionFormat.TERMS, SectionFormat.BULLETS, SectionFormat.PARAGRAPH),
}
"""The formats that a section of each kind can be set in."""


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
    title: LocalisedTitle
    type: Annotated[
        ColumnType,
        Meta(description="`text`; `speaker_or_text` for somebody; `date_text` for a day, as it was said."),
    ] = ColumnType.TEXT


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One heading of the report and what belongs under it."""

    id: PartId
    title: LocalisedTitle
    kind: Annotated[
        SectionKind, Meta(description="What it is about: decides what is looked for where no language model writes.")
    ] = SectionKind.POINTS
    format: Annotated[SectionFormat, Meta(description="How it is set; each kind has formats that fit.")] = SectionFormat.BULLETS
    instruction: (
        Annotated[LocalisedText, Meta(description="What a language model is told to write here, and what to leave out.")] | None
    ) = None
    cues: Annotated[
        LocalisedTerms, Meta(description="Words that mark statements as belonging here where no language model reads them.")
    ] = {}
    columns: Annotated[
        tuple[Column, ...], Meta(max_length=8, description="Of a table or of fields; none for other formats.")
    ] = ()
    max_items: Annotated[int, Meta(ge=1, le=50, description="Statements at most.")] = 8
    evidence: Annotated[
        EvidencePolicy | None,
        Meta(description="What becomes of statements that could not be verified; null takes the solution's."),
    ] = None
    speaker_roles: Annotated[
        tuple[PartId, ...], Meta(description="Only what these roles said may be cited; none for everybody.")
    ] = ()
    empty: (
        Annotated[LocalisedText, Meta(description="Shown where nothing was found; null takes a general sentence.")] | None
    ) = None


class InputType(enum.StrEnum):
    """What a customer may fill in."""

    STRING = "string"
    DATE = "date"
    NUMBER = "number"


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value that the customer gives with the job and the report prints."""

    id: PartId
    label: LocalisedTitle
    type: Annotated[InputType, Meta(description="`string`, `number` such as `1250.5`, or `date` such as `2026-11-28`.")] = (
        InputType.STRING
    )
    max: Annotated[int, Meta(ge=1, le=500, description="Characters at most.")] = 200
    required: Annotated[bool, Meta(description="Whether jobs without it are refused.")] = False


class Role(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part that somebody plays in the recording, such as the lawyer."""

    id: PartId
    label: LocalisedTitle
    cues: Annotated[
        LocalisedTerms,
        Meta(description="Words by which whoever plays the part is recognised where no language model reads them."),
    ] = {}


class TranscriptionWishes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the scenario wants of the engine where the job does not say otherwise. What the engine cannot do is left out."""

    language: Annotated[str, Meta(description="BCP-47 tag of what is spoken; null lets the engine detect it.")] | None = None
    speakers: (
        Annotated[
            tuple[Annotated[int, Meta(ge=1, le=32)], Annotated[int, Meta(ge=1, le=32)]],
            Meta(description="At least and at most so many."),
        ]
        | None
    ) = None
    vocabulary: Annotated[
        tuple[Term, ...] | LocalisedTerms,
        Meta(
            description="Key terms of the field: for every language, or by the language spoken, which the job then must name."
        ),
    ] = ()
    vocabularies: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=60)], ...],
        Meta(max_length=5, description="Names of vocabularies, of which each tenant's own is taken where it has one."),
    ] = ()
    script: Annotated[Script, Meta(description="Chinese script of the text; null takes the installation's.")] | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a language model writes."""

    style: LocalisedText
    max_words: Annotated[
        dict[ReportLanguage, Annotated[int, Meta(ge=20, le=5000)]],
        Meta(description="Of all sections together: English words, Chinese characters."),
    ] = {}


class TranscriptAppendix(enum.StrEnum):
    """How much of the transcript stands at the end of the report."""

    FULL = "full"
    NONE = "none"


class Appendix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What follows the sections."""

    transcript: Annotated[TranscriptAppendix, Meta(description="`full`, or `none`.")] = TranscriptAppendix.FULL
    speaker_stats: Annotated[bool, Meta(description="Who spoke how much.")] = True
    note: Annotated[LocalisedText, Meta(description="Printed at the end.")] | None = None


class CaptionProfile(enum.StrEnum):
    """The measures of subtitles; `auto` takes those of the language."""

    AUTO = "auto"
    LATIN = "latin-42x2-cps20"
    CHINESE = "zh-16x2-cps9"
    YOUTUBE = "youtube"


class Captions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How subtitles are cut."""

    profile: Annotated[CaptionProfile, Meta(description="Measures of lines and reading speed; `auto` is the language's.")] = (
        CaptionProfile.AUTO
    )
    speakers: Annotated[bool, Meta(description="Name the speaker where it changes.")] = True


class Delivery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goes along with messages to the customer."""

    attach: Annotated[tuple[ArtifactFormat, ...], Meta(description="Artifacts attached to e-mails.")] = ()


class Privacy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may leave the house."""

    allow_cloud_llm: Annotated[bool, Meta(description="Whether a language model outside may read the transcript.")] = True


class Solution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One scenario."""

    id: Annotated[SolutionId, Meta(description="What jobs name it by.", examples=["meeting_minutes"])]
    version: Annotated[int, Meta(ge=1, description="Raised with every change; stands in each report.")]
    aliases: Annotated[tuple[SolutionId, ...], Meta(description="Other names that jobs may use.")] = ()
    category: Annotated[str, Meta(max_length=40, description="For sorting in lists.", examples=["legal"])] = "general"
    audience: Annotated[
        tuple[Annotated[str, Meta(max_length=40)], ...], Meta(description="Whom the report is for.", examples=[["lawyer"]])
    ] = ()
    title: LocalisedTitle
    description: LocalisedText
    output_language: Annotated[
        Literal["transcript", "zh-Hant", "en"],
        Meta(
            description="Language of the report; `transcript` follows the recording: Chinese for Chinese, English for others."
        ),
    ] = "transcript"
    inputs: Annotated[
        tuple[Input, ...], Meta(max_length=20, description="Values that jobs may or must give, and the report prints.")
    ] = ()
    transcription: TranscriptionWishes = TranscriptionWishes()
    roles: Annotated[tuple[Role, ...], Meta(max_length=12, description="Parts that people play in the recording.")] = ()
    summary: Annotated[Summary, Meta(description="How a language model writes.")] | None = None
    sections: Annotated[
        tuple[Section, ...], Meta(max_length=12, description="Headings of the report; none for a transcript without a report.")
    ] = ()
    evidence: Annotated[
        EvidencePolicy,
        Meta(
            description="What becomes of statements that could not be verified: shown apart (`required`), left out and counted "
            "(`drop`), marked (`preferred`), or not even checked (`none`)."
        ),
    ] = EvidencePolicy.REQUIRED
    modes: Annotated[
        tuple[ReportMode, ...],
        Meta(
            description="Who may write it, the preferred first; whoever cannot (no key, no budget, not allowed) leaves it to "
            "the next."
        ),
    ] = (ReportMode.LLM, ReportMode.EXTRACTIVE)
    appendix: Appendix = Appendix()
    artifacts: Annotated[tuple[ArtifactFormat, ...], Meta(min_length=1, description="Files made where the job names none.")]
    captions: Captions = Captions()
    delivery: Delivery = Delivery()
    privacy: Privacy = Privacy()

    @property
    def writers(self) -> tuple[ReportMode, ...]:
        """Who may write the report, the preferred first; nobody where there is none to write."""
        return self.modes if self.sections else ()


class SolutionFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `solutions.yaml`."""

    schema: Literal["audio2txt.solutions/1"]
    solutions: tuple[Solution, ...]
