"""The words every service uses about a job: its states, its options, why it failed."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec
from msgspec import Meta

TITLE_LENGTH = 200
"""Characters."""


class JobState(enum.StrEnum):
    """Where a job stands. `completed`, `failed` and `cancelled` are final until the customer retries."""

    QUEUED = "queued"
    TRANSCRIBING = "transcribing"
    REPORTING = "reporting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to the job by itself."""
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


class ArtifactFormat(enum.StrEnum):
    """The file formats a job can be rendered to; the value is the file name's extension."""

    MARKDOWN = "md"
    TEXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    PDF = "pdf"


class FileFormat(enum.StrEnum):
    """The formats of a job's files: those it can be rendered to, and the recordings that come with a redacted transcript."""

    MARKDOWN = "md"
    TEXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    PDF = "pdf"
    MP3 = "mp3"
    WAV = "wav"


class ArtifactState(enum.StrEnum):
    """What became of one artifact. A job completes even when single artifacts failed."""

    READY = "ready"
    FAILED = "failed"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job, a stage or an artifact failed, in words for the customer."""

    code: Annotated[str, Meta(description="Stable machine-readable reason, snake_case.", examples=["no_speech"])]
    message: Annotated[str, Meta(description="One sentence: what is wrong, where, what to do.")]
    retryable: Annotated[bool, Meta(description="Whether a retry of the unchanged job can succeed.")] = False


class Analysis(enum.StrEnum):
    """What an engine may find out about a recording beside its words."""

    ENTITIES = "entities"
    SENTIMENT = "sentiment"
    TOPICS = "topics"
    HIGHLIGHTS = "highlights"
    CHAPTERS = "chapters"
    SUMMARY = "summary"
    CONTENT_SAFETY = "content_safety"


class SpeakerRange(msgspec.Struct, frozen=True, kw_only=True):
    """How many people speak, as far as the customer knows."""

    min: Annotated[int, Meta(ge=1, le=32, description="At least so many speakers.", examples=[2])] | None = None
    max: Annotated[int, Meta(ge=1, le=32, description="At most so many speakers.", examples=[4])] | None = None

    @property
    def exact(self) -> int | None:
        """The number, when it is known."""
        return self.min if self.min == self.max else None


class RedactionSubstitute(enum.StrEnum):
    """What stands in the text in place of what was removed."""

    HASH = "hash"
    """`####`, as long as the word."""
    CATEGORY = "category"
    """The category's name in brackets, as in `[PERSON_NAME]`."""


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """What must not appear in the transcript. Carried out by the engine, before anything is stored here."""

    categories: Annotated[
        tuple[Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{1,40}$")], ...],
        Meta(
            min_length=1,
            max_length=60,
            description="What to remove, in the engine's words.",
            examples=[["person_name", "phone_number", "email_address"]],
        ),
    ]
    substitute: Annotated[RedactionSubstitute, Meta(description="What stands in its place.")] = RedactionSubstitute.CATEGORY
    audio: Annotated[bool, Meta(description="Also make a recording in which it cannot be heard.")] = False


Term = Annotated[str, Meta(min_length=1, max_length=100)]


class JobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer asked for; travels unchanged from the gateway to whoever does the work."""

    language: Annotated[
        str,
        Meta(description="BCP-47 code of the spoken language, or `auto` to detect it.", examples=["auto", "en", "zh-Hant"]),
    ] = "auto"
    engine: Annotated[
        str | None, Meta(description="Speech engine by name; null takes the deployment's default.", examples=["local"])
    ] = None
    solution: Annotated[str, Meta(description="Id of the scenario template to report after.", examples=["verbatim"])] = (
        "verbatim"
    )
    formats: Annotated[
        tuple[ArtifactFormat, ...] | None,
        Meta(description="Artifacts to render; null takes those of the solution.", examples=[["pdf", "srt"]]),
    ] = None
    title: (
        Annotated[str, Meta(description="Title printed on the artifacts; null takes the file name.", max_length=TITLE_LENGTH)]
        | None
    ) = None
    speakers: Annotated[
        SpeakerRange | None, Meta(description="How many people speak; null lets the engine find out.", examples=[{"min": 2}])
    ] = None
    vocabulary: Annotated[
        tuple[Term, ...],
        Meta(max_length=1000, description="Names and terms that are likely to be said.", examples=[["Audio2txt", "Dr. Chen"]]),
    ] = ()
    channels: Annotated[bool, Meta(description="Each channel of the recording is one speaker.")] = False
    redaction: Annotated[Redaction | None, Meta(description="What to remove; null removes nothing.")] = None
    analyses: Annotated[
        tuple[Analysis, ...],
        Meta(max_length=10, description="What to find out beside the words.", examples=[["entities", "topics"]]),
    ] = ()


class ArtifactResult(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a job, or the reason why there is none."""

    name: Annotated[str, Meta(description="File name, unique inside the job.", examples=["transcript.pdf"])]
    format: FileFormat
    state: ArtifactState
    media_type: str
    key: str | None = None
    """Blob key; null when the artifact failed."""
    size: int | None = None
    """Bytes."""
    sha256: str | None = None
    failure: Failure | None = None
