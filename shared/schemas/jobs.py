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


class ArtifactState(enum.StrEnum):
    """What became of one artifact. A job completes even when single artifacts failed."""

    READY = "ready"
    FAILED = "failed"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job, a stage or an artifact failed, in words for the customer."""

    code: Annotated[str, Meta(description="Stable machine-readable reason, snake_case.", examples=["no_speech"])]
    message: Annotated[str, Meta(description="One sentence: what is wrong, where, what to do.")]
    retryable: Annotated[bool, Meta(description="Whether a retry of the unchanged job can succeed.")] = False


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


class ArtifactResult(msgspec.Struct, frozen=True, kw_only=True):
    """One rendered file, or the reason it could not be rendered."""

    name: Annotated[str, Meta(description="File name, unique inside the job.", examples=["transcript.pdf"])]
    format: ArtifactFormat
    state: ArtifactState
    media_type: str
    key: str | None = None
    """Blob key; null when the artifact failed."""
    size: int | None = None
    """Bytes."""
    sha256: str | None = None
    failure: Failure | None = None
