"""A job and its state machine: which moves there are, how far the work is. Pure, no I/O.

    queued ──▶ transcribing ──▶ reporting ──▶ completed
       └───────────┴────────────────┴──────▶ failed, cancelled      (a retry leads back to queued or reporting)

News may overtake one another, so every state of work may be skipped; nothing ever leads back except a retry.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from uuid import UUID

import msgspec

from shared.schemas.events import DeliveryState, ReportReady, TranscriptionState
from shared.schemas.jobs import (
    ArtifactFormat,
    ArtifactResult,
    ArtifactState,
    Failure,
    JobOptions,
    JobState,
    Priority,
    ReportMode,
    Waiting,
)
from shared.schemas.privacy import Part
from shared.schemas.reports import Usage
from shared.schemas.transcripts import Cost

Formats = tuple[ArtifactFormat, ...]

_ENDS = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)

MOVES: Mapping[JobState, tuple[JobState, ...]] = {
    JobState.QUEUED: (JobState.TRANSCRIBING, JobState.REPORTING, *_ENDS),
    JobState.TRANSCRIBING: (JobState.REPORTING, *_ENDS),
    JobState.REPORTING: _ENDS,
    JobState.COMPLETED: (),
    JobState.FAILED: (),
    JobState.CANCELLED: (),
}
"""Where a job may go by itself or by cancelling."""

RETRIES: Mapping[JobState, tuple[JobState, ...]] = {
    state: (JobState.QUEUED, JobState.REPORTING) if state in _ENDS else () for state in JobState
}
"""Where a retry may lead."""

_ORDER: Mapping[TranscriptionState, int] = {state: rank for rank, state in enumerate(TranscriptionState)}


def sources(target: JobState) -> list[JobState]:
    """The states from which `target` may be entered without a retry."""
    return [state for state, targets in MOVES.items() if target in targets]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.jobs`."""

    id: UUID
    tenant_id: UUID
    state: JobState = JobState.QUEUED
    run: int = 1
    version: int = 1
    """Grows with every change a client can see."""
    options: JobOptions
    metadata: dict[str, str]
    tags: tuple[str, ...] = ()
    priority: Priority = Priority.NORMAL
    start_after: dt.datetime | None = None
    """Before that, its work does not begin."""
    batch_id: UUID | None = None
    """The batch that it was made in."""
    turn_at: dt.datetime | None = None
    """Its place in the tenant's queue; null once its work was begun."""
    callback_url: str | None = None
    traceparent: str | None = None
    file_name: str | None = None
    media_type: str | None = None
    source_size: int | None = None
    source_sha256: str | None = None
    source_url: str | None = None
    transcription_state: TranscriptionState = TranscriptionState.QUEUED
    transcription_progress: float | None = None
    transcription_waiting: Waiting | None = None
    """What it was last said to wait for."""
    began_at: dt.datetime | None = None
    """When the work on the current run began."""
    transcribed_run: int | None = None
    """The last run whose transcript is stored."""
    engine: str | None = None
    model: str | None = None
    detected_language: str | None = None
    duration_ms: int | None = None
    cost: Cost | None = None
    revision: int = 0
    """Of the current run's transcript: how often it was edited."""
    revision_key: str | None = None
    """Blob of the edited transcript; null for the transcript as it was transcribed."""
    reported_revision: int = 0
    """The revision that report and files are of."""
    artifacts: tuple[ArtifactResult, ...] = ()
    report_progress: float | None = None
    """Of the current attempt at the report, 0 to 1; null where nobody told."""
    report_mode: ReportMode | None = None
    """Who wrote the last report."""
    report_model: str | None = None
    report_usage: Usage | None = None
    removed: dict[Part, dt.datetime] = {}
    """What is no longer kept of it, and since when."""
    failure: Failure | None = None
    callback_state: DeliveryState | None = None
    callback_attempts: int = 0
    callback_status: int | None = None
    created_at: dt.datetime
    updated_at: dt.datetime
    finished_at: dt.datetime | None = None
    deadline_at: dt.datetime

    @property
    def transcribed(self) -> bool:
        """Whether the transcript of the current run is stored."""
        return self.transcribed_run == self.run

    @property
    def revising(self) -> bool:
        """Whether files of an edited transcript are awaited."""
        return self.state is JobState.COMPLETED and self.revision > self.reported_revision

    @property
    def at_rest(self) -> bool:
        """Whether nothing more comes by itself: the job ended, and its files are of its transcript as it is."""
        return self.state.final and not self.revising


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say of a run's transcript, its text aside."""

    engine: str
    model: str
    language: str | None
    duration_ms: int
    size: int | None = None
    """Bytes of the recording."""
    cost: Cost | None = None
    charged_before: bool = False
    """Whether an earlier run of the job was charged for the same answer."""


def as_submitted(job: Job) -> Job:
    """The job as it was when it had just been created."""
    return Job(
        id=job.id,
        tenant_id=job.tenant_id,
        options=job.options,
        metadata=job.metadata,
        tags=job.tags,
        priority=job.priority,
        start_after=job.start_after,
        batch_id=job.batch_id,
        callback_url=job.callback_url,
        traceparent=job.traceparent,
        file_name=job.file_name,
        media_type=job.media_type,
        source_size=job.source_size,
        source_sha256=job.source_sha256,
        source_url=job.source_url,
        created_at=job.created_at,
        updated_at=job.created_at,
        deadline_at=job.deadline_at,
    )


def progress(job: Job) -> float | None:
    """How much of the whole job is done, 0 to 1; null while nobody can tell."""
    match job.state:
        case JobState.COMPLETED:
            return 1.0
        case JobState.REPORTING:
            return round(0.95 + 0.05 * (job.report_progress or 0.0), 4)
        case JobState.QUEUED | JobState.TRANSCRIBING | JobState.FAILED | JobState.CANCELLED:
            return None if job.transcription_progress is None else round(0.95 * job.transcription_progress, 4)


def overtaken(state: TranscriptionState) -> list[TranscriptionState]:
    """The states of a transcription that news of `state` may replace."""
    return [other for other, rank in _ORDER.items() if rank < _ORDER[state]]


class StageState(enum.StrEnum):
    """Where the report of a job stands."""

    PENDING = "pending"
    RENDERING = "rendering"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


def transcription_stage(job: Job) -> TranscriptionState:
    """Where the transcription of the current run stands: a job that ended before its transcript took it along."""
    if job.transcribed:
        return TranscriptionState.DONE
    match job.state:
        case JobState.FAILED:
            return TranscriptionState.FAILED
        case JobState.CANCELLED:
            return TranscriptionState.CANCELLED
        case JobState.QUEUED | JobState.TRANSCRIBING | JobState.REPORTING | JobState.COMPLETED:
            return job.transcription_state


def waiting(job: Job, now: dt.datetime) -> Waiting | None:
    """What the job waits for before it can be transcribed; null while the work goes on."""
    match job.state:
        case JobState.QUEUED if job.turn_at is not None:
            return _before_its_turn(job, now)
        case JobState.QUEUED | JobState.TRANSCRIBING:
            return job.transcription_waiting
        case JobState.REPORTING | JobState.COMPLETED | JobState.FAILED | JobState.CANCELLED:
            return None


def _before_its_turn(job: Job, now: dt.datetime) -> Waiting:
    if job.start_after is not None and job.start_after > now:
        message = f"It starts after {job.start_after.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC, as was asked for."
        return Waiting(code="scheduled", message=message, since=job.created_at)
    message = "As many jobs are in work as may be; it starts when it is its turn."
    return Waiting(code="turn", message=message, since=max(job.created_at, job.start_after or job.created_at))


def report_stage(job: Job) -> StageState:
    """Where the report of the current run stands."""
    match job.state:
        case JobState.QUEUED | JobState.TRANSCRIBING:
            return StageState.PENDING
        case JobState.REPORTING:
            return StageState.RENDERING
        case JobState.COMPLETED:
            return StageState.RENDERING if job.revising else StageState.DONE
        case JobState.FAILED:
            return StageState.FAILED if job.transcribed else StageState.PENDING
        case JobState.CANCELLED:
            return StageState.CANCELLED if job.transcribed else StageState.PENDING


def answers(job: Job, report: ReportReady) -> bool:
    """Whether a report is what the job asks for now. One that was made before a retry is not, nor one of a transcript that
    was edited since."""
    if (report.attempt, report.revision) != (job.options.attempt, job.revision):
        return False
    return {artifact.format for artifact in report.artifacts}.issuperset(job.options.formats or ())


def all_failed(artifacts: tuple[ArtifactResult, ...]) -> bool:
    """Whether a report came to nothing."""
    return bool(artifacts) and all(artifact.state is ArtifactState.FAILED for artifact in artifacts)


def report_failure(artifacts: tuple[ArtifactResult, ...]) -> Failure:
    """Why a job failed none of whose artifacts could be rendered."""
    first = next((artifact.failure for artifact in artifacts if artifact.failure is not None), None)
    reason = f" The first: {first.message}" if first is not None else ""
    return Failure(
        code="report_failed", message=f"None of the {len(artifacts)} files could be rendered.{reason}", retryable=True
    )
