"""What is said of each file of a job: its name, and that it is stored, or why there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from services.reporter.workers import RenderFailed
from shared import metrics
from shared.schemas.jobs import ArtifactFormat, ArtifactResult, ArtifactState, Failure, FileFormat
from shared.schemas.solutions import Solution

MEDIA_TYPES = {
    FileFormat.MARKDOWN: "text/markdown; charset=utf-8",
    FileFormat.TEXT: "text/plain; charset=utf-8",
    FileFormat.JSON: "application/json",
    FileFormat.SRT: "application/x-subrip",
    FileFormat.VTT: "text/vtt; charset=utf-8",
    FileFormat.PDF: "application/pdf",
    FileFormat.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    FileFormat.MP3: "audio/mpeg",
}

TRANSCRIPT_MISSING = Failure(
    code="transcript_missing",
    message="The transcript is no longer in the store, so there is nothing to render; transcribe the recording again.",
)

_RECORDING_MISSING = Failure(
    code="redacted_recording_missing",
    message="There is no recording from which the redacted words were removed; transcribe the recording again.",
)

CAPTIONS = frozenset({ArtifactFormat.SRT, ArtifactFormat.VTT})
"""Formats of the recording's words alone, whatever the scenario."""


def file_name(file_format: ArtifactFormat, solution: Solution) -> str:
    """A report where the scenario has sections, save subtitles; else the transcript."""
    return f"{'report' if solution.sections and file_format not in CAPTIONS else 'transcript'}.{file_format}"


def format_of(name: str) -> FileFormat:
    """By its extension."""
    return FileFormat(name.rpartition(".")[2])


def rendered(name: str, key: str, data: bytes) -> ArtifactResult:
    """It is there."""
    return ArtifactResult(
        name=name,
        format=format_of(name),
        state=ArtifactState.READY,
        media_type=MEDIA_TYPES[format_of(name)],
        key=key,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def failed(name: str, failure: Failure) -> ArtifactResult:
    """It could not be rendered."""
    return ArtifactResult(
        name=name,
        format=format_of(name),
        state=ArtifactState.FAILED,
        media_type=MEDIA_TYPES[format_of(name)],
        failure=failure,
    )


def all_failed(names: Sequence[str], failure: Failure) -> list[ArtifactResult]:
    """None could be rendered."""
    for name in names:
        metrics.ARTIFACTS.labels(format_of(name), ArtifactState.FAILED).inc()
    return [failed(name, failure) for name in names]


def no_recording(name: str, media_type: str) -> ArtifactResult:
    """The redacted recording is not there."""
    return ArtifactResult(
        name=name,
        format=format_of(name),
        state=ArtifactState.FAILED,
        media_type=media_type,
        failure=_RECORDING_MISSING,
    )


def failure_of(error: RenderFailed) -> Failure:
    """In words for the customer."""
    return Failure(code=error.code, message=str(error), retryable=error.code in ("render_timeout", "render_crashed"))
