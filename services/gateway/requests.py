"""What clients may ask for: the bodies of requests about jobs. Unknown fields are refused, at every depth."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from services.gateway.problems import invalid
from services.gateway.texts import clean_line
from shared.schemas.jobs import (
    TITLE_LENGTH,
    Analysis,
    ArtifactFormat,
    Priority,
    Redaction,
    ReportLanguage,
    ReportMode,
    Script,
    SpeakerRange,
)
from shared.schemas.vocabularies import MOST_SETS, Term

ENGINE = r"^[a-z0-9][a-z0-9_.-]{0,39}$"
MOST_TERMS = 1000
MOST_TAGS = 20
TAG_LENGTH = 50

Formats = Annotated[
    tuple[ArtifactFormat, ...],
    Meta(
        min_length=1, max_length=20, description="Files to render; null takes those of the solution.", examples=[["pdf", "srt"]]
    ),
]
Engine = Annotated[
    str,
    Meta(
        pattern=ENGINE,
        description="Speech engine by name, of `GET /v1/engines`; null takes the tenant's or the installation's default.",
        examples=["local"],
    ),
]

Solution = Annotated[
    str,
    Meta(
        max_length=40,
        description="Scenario to report after, by its id or an alias; `GET /v1/solutions` lists them with their sections, "
        "inputs and files.",
        examples=["meeting_minutes", "legal_consultation", "verbatim"],
    ),
]
WantedLanguage = Annotated[
    ReportLanguage,
    Meta(
        description="Language that the report is written in; null takes the solution's, which mostly is that of the recording.",
        examples=["zh-Hant"],
    ),
]
Mode = Annotated[
    ReportMode,
    Meta(
        description="Who writes the report: `extractive` (code chooses sentences, word for word), `llm` (a language model "
        "writes, code checks), `provider` (the speech engine's own findings, code checks). Null takes the first of the "
        "solution's modes that can.",
        examples=["extractive"],
    ),
]
Vocabularies = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=60)], ...],
    Meta(
        max_length=MOST_SETS,
        description="Vocabularies by name or id, as they are now; `[]` takes none, null those that the solution names and the "
        "tenant's default.",
        examples=[["Board"]],
    ),
]
Inputs = Annotated[
    dict[Annotated[str, Meta(max_length=40)], Annotated[str, Meta(max_length=2000)]],
    Meta(
        max_length=20,
        description="Values for the solution's inputs, by their ids; printed on the report. Numbers as in `1250.5`, dates as "
        "in `2026-11-28`.",
        examples=[{"matter_no": "2026-117", "client": "王小明"}],
    ),
]


Title = Annotated[
    str,
    Meta(
        max_length=TITLE_LENGTH,
        description="Title printed on the files; null takes the name of the uploaded file.",
        examples=["Weekly meeting"],
    ),
]
Tags = Annotated[
    tuple[Annotated[str, Meta(min_length=1, max_length=TAG_LENGTH)], ...],
    Meta(max_length=MOST_TAGS, description="Your own words to find the job by.", examples=[["board", "2026"]]),
]
Metadata = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=500)]],
    Meta(max_length=50, description="Your own names and values; come back unchanged.", examples=[{"case": "2024-117"}]),
]


class Duplicates(enum.StrEnum):
    """What to do about a recording of which the tenant has a job already."""

    ALLOW = "allow"
    REUSE = "reuse"
    REFUSE = "refuse"


class SpeakersWish(SpeakerRange, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many people speak, as far as the customer knows."""


class RedactionWish(Redaction, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must not appear in the transcript."""


Language = Annotated[
    str,
    Meta(
        max_length=35,
        description="BCP-47 tag of the spoken language, or `auto`: the solution's, or else it is detected.",
        examples=["auto", "zh-Hant", "en", "yue"],
    ),
]
Speakers = Annotated[
    SpeakersWish,
    Meta(
        description="How many people speak; null lets the engine find out. Give a number you are sure of, or none.",
        examples=[{"min": 2, "max": 4}],
    ),
]
Terms = Annotated[
    tuple[Term, ...],
    Meta(
        max_length=MOST_TERMS,
        description="Names and terms that are likely to be said, as many as the engine takes.",
        examples=[["Audio2txt", "Dr. Chen"]],
    ),
]
Channels = Annotated[bool, Meta(description="Each channel of the recording is one speaker.")]
Analyses = Annotated[
    tuple[Analysis, ...],
    Meta(max_length=10, description="What to find out beside the words.", examples=[["entities", "topics"]]),
]
WantedScript = Annotated[
    Script,
    Meta(
        description="Chinese script of the text; null takes the solution's or the installation's. `as-recognised` converts "
        "nothing.",
        examples=["zh-Hant-TW"],
    ),
]


class JobSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be asked of a job, wherever its recording comes from."""

    language: Language = "auto"
    engine: Engine | None = None
    solution: Solution = "verbatim"
    formats: Formats | None = None
    title: Title | None = None
    tags: Tags = ()
    speakers: Speakers | None = None
    vocabulary: Terms = ()
    vocabularies: Vocabularies | None = None
    channels: Channels = False
    redaction: Annotated[
        RedactionWish | None,
        Meta(
            description="What to remove from the transcript; null removes nothing.",
            examples=[{"categories": ["person_name", "phone_number"], "substitute": "category", "audio": False}],
        ),
    ] = None
    analyses: Analyses = ()
    script: WantedScript | None = None
    report_language: WantedLanguage | None = None
    report_mode: Mode | None = None
    inputs: Inputs = {}
    callback_url: Annotated[
        str | None,
        Meta(
            description="Where to send the signed webhook when the job ends.", examples=["https://example.com/hooks/audio2txt"]
        ),
    ] = None
    metadata: Metadata = {}
    priority: Annotated[
        Priority,
        Meta(
            description="Which of the tenant's jobs that wait come first: `high` counts as an hour earlier than it was made, "
            "`low` as an hour later.",
            examples=["low"],
        ),
    ] = Priority.NORMAL
    start_after: Annotated[
        Annotated[dt.datetime, Meta(tz=True)] | None,
        Meta(
            description="Not to begin before this time, RFC 3339, up to 90 days from now; null begins at once.",
            examples=["2026-12-01T20:00:00Z"],
        ),
    ] = None
    duplicates: Annotated[
        Duplicates,
        Meta(
            description="What to do if the tenant has a job of the same bytes that did not fail: `allow` makes another one; "
            "`reuse` answers with the one that was asked for the same, if there is one; `refuse` makes none, and names it.",
            examples=["reuse"],
        ),
    ] = Duplicates.ALLOW


class JobRequest(JobSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/jobs`: exactly one of `upload_id` and `audio_url`, and what to do with it."""

    upload_id: Annotated[
        UUID | None,
        Meta(
            description="An upload made with `POST /v1/uploads`; the job keeps its id.",
            examples=["0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"],
        ),
    ] = None
    audio_url: Annotated[
        str | None, Meta(description="Where to fetch the recording.", examples=["https://example.com/meeting.mp3"])
    ] = None


class DirectUploadRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The recording that will be sent straight to the store."""

    size: Annotated[int, Meta(ge=1, description="Its bytes, exactly.", examples=[48211904])]
    file_name: Annotated[str | None, Meta(description="The file's name, for display only.", examples=["meeting.mp3"])] = None


class JobChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change about a job; what is left out stays, what is given takes the place of all that was there."""

    title: Title | msgspec.UnsetType | None = msgspec.UNSET
    tags: Tags | msgspec.UnsetType = msgspec.UNSET
    metadata: Metadata | msgspec.UnsetType = msgspec.UNSET


class RetryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do differently this time; nothing needs to be given, and what is left out stays as it was.

    Another engine, language, script, number of speakers, other terms, channels or analyses, and vocabularies (also the same
    ones, which may have changed since), mean a new transcription; where the engine would be asked for the same, its answer is
    read again and not paid again. Everything else makes a new report of the transcript that is there; the same solution does
    so where the transcript was edited.
    """

    engine: Engine | None = None
    language: Language | None = None
    speakers: Speakers | None = None
    vocabulary: Terms | None = None
    vocabularies: Vocabularies | None = None
    channels: Channels | None = None
    analyses: Analyses | None = None
    script: WantedScript | None = None
    formats: Formats | None = None
    solution: Solution | None = None
    report_language: WantedLanguage | None = None
    report_mode: Mode | None = None
    inputs: Inputs | None = None

    @property
    def another_report(self) -> bool:
        """Whether the report is to be another one, and not only to have more files."""
        return any(wish is not None for wish in (self.solution, self.report_language, self.report_mode, self.inputs))


def cleaned_lines(pointer: str, texts: Sequence[str]) -> tuple[str, ...]:
    """The texts as one line each, none of them twice. Raises `Problem` 422 for one of which nothing is left."""
    lines = [clean_line(text) for text in texts]
    if None in lines:
        place = lines.index(None)
        raise invalid(f"{pointer}/{place}", "invalid_request", "It must have at least one visible character.")
    return tuple(dict.fromkeys(line for line in lines if line is not None))


def checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata as it is. Raises `Problem` 422 where the database cannot keep it."""
    if any("\0" in text for pair in metadata.items() for text in pair):
        raise invalid("/metadata", "invalid_request", "Names and values in metadata must not contain the NUL character.")
    return dict(metadata)
