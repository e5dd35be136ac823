"""What receivers are told about an event: the body of the webhook, encoded once and for all attempts."""

from __future__ import annotations

import datetime as dt
from typing import TypeAlias
from urllib.parse import quote
from uuid import UUID

import msgspec

from shared.schemas.endpoints import EventType, Payload
from shared.schemas.events import (
    BatchCompleted,
    JobCancelled,
    JobCompleted,
    JobFailed,
    ReportProgressed,
    TranscriptionProgressed,
    TranscriptionState,
    UsageResource,
    UsageThresholdReached,
    UserMailRequested,
)
from shared.schemas.jobs import ArtifactResult, ArtifactState, Failure, JobState
from shared.schemas.transcripts import Transcript
from shared.schemas.webhooks import (
    WebhookArtifact,
    WebhookBatch,
    WebhookBatchBody,
    WebhookBody,
    WebhookJob,
    WebhookSegment,
    WebhookUsage,
    WebhookUsageBody,
)

LONGEST_BODY = 256 * 1024
"""Bytes. What would be longer falls back to its thin form."""

JobEnded: TypeAlias = JobCompleted | JobFailed | JobCancelled
JobProgressed: TypeAlias = TranscriptionProgressed | ReportProgressed


def body_of(event: JobEnded | JobProgressed, *, public_url: str | None) -> WebhookBody:
    """The thin form. Links are left out while the gateway's public URL is unknown."""
    links = _Links(public_url, event.job_id)
    match event:
        case JobCompleted():
            return WebhookBody(type=EventType.JOB_COMPLETED, timestamp=event.occurred_at, data=_completed(event, links))
        case JobFailed():
            return WebhookBody(type=EventType.JOB_FAILED, timestamp=event.occurred_at, data=_failed(event, links))
        case JobCancelled():
            return WebhookBody(type=EventType.JOB_CANCELLED, timestamp=event.occurred_at, data=_cancelled(event, links))
        case TranscriptionProgressed() | ReportProgressed():
            return WebhookBody(type=EventType.JOB_PROGRESSED, timestamp=event.occurred_at, data=_progressed(event, links))


def worth_telling(event: JobProgressed) -> bool:
    """Whether it says how far a job is; how it ends is another event's business."""
    return isinstance(event, ReportProgressed) or (
        event.progress is not None
        and event.state not in (TranscriptionState.DONE, TranscriptionState.FAILED, TranscriptionState.CANCELLED)
    )


def test_body(event_id: UUID, at: dt.datetime) -> bytes:
    """A message that looks like any other, so that a receiver can be tried out."""
    job = WebhookJob(
        id=event_id,
        state=JobState.COMPLETED,
        run=1,
        title="Audio2txt test",
        solution="verbatim",
        language="en",
        duration_ms=60_000,
        created_at=at,
        finished_at=at,
    )
    return msgspec.json.encode(WebhookBody(type=EventType.ENDPOINT_TEST, timestamp=at, data=job))


def confirmation_body(endpoint_id: UUID, at: dt.datetime) -> bytes:
    """What the reader of an address is asked with. Nothing in it comes from whoever wants to write there."""
    about = WebhookJob(id=endpoint_id, state=JobState.QUEUED, run=1, created_at=at)
    return msgspec.json.encode(WebhookBody(type=EventType.ENDPOINT_CONFIRMATION, timestamp=at, data=about))


def user_body(event: UserMailRequested) -> bytes:
    """What a user is written to with. In the form of a job, as all messages to people are: its id is the link's, it ends when
    that does."""
    about = WebhookJob(id=event.link_id, state=JobState.QUEUED, run=1, title=event.organisation, finished_at=event.expires_at)
    return msgspec.json.encode(WebhookBody(type=event.message, timestamp=event.occurred_at, data=about))


def endpoint_body(type_: EventType, endpoint_id: UUID, *, label: str, reason: str, at: dt.datetime) -> bytes:
    """What people are told about an endpoint of theirs. In the form of a job, as all messages to people are."""
    failure = Failure(code=reason, message=reason.replace("_", " "))
    about = WebhookJob(id=endpoint_id, state=JobState.FAILED, run=1, title=label, failure=failure, finished_at=at)
    return msgspec.json.encode(WebhookBody(type=type_, timestamp=at, data=about))


def usage_body(event: UsageThresholdReached) -> bytes:
    """So much of what may be used in a month is used."""
    usage = WebhookUsage(
        resource=event.resource,
        threshold=event.threshold,
        used=event.used,
        limit=event.limit,
        month=event.month,
        resets_at=None if event.resource is UsageResource.STORAGE_BYTES else event.resets_at,
        plan=event.plan,
    )
    return msgspec.json.encode(WebhookUsageBody(type="usage.threshold", timestamp=event.occurred_at, data=usage))


def batch_body(event: BatchCompleted, *, public_url: str | None) -> bytes:
    """The last job of a batch has ended."""
    batch = WebhookBatch(
        id=event.batch_id,
        title=event.title,
        metadata=event.metadata,
        size=event.size,
        completed=event.completed,
        failed=event.failed,
        cancelled=event.cancelled,
        refused=event.refused,
        deleted=event.deleted,
        created_at=event.created_at,
        ended_at=event.ended_at,
        url=f"{public_url.rstrip('/')}/v1/batches/{event.batch_id}" if public_url else None,
    )
    return msgspec.json.encode(WebhookBatchBody(type="batch.completed", timestamp=event.occurred_at, data=batch))


def encode(body: WebhookBody, *, sequence: int, payload: Payload, transcript: Transcript | None) -> bytes:
    """The exact bytes that are signed and sent. Without the transcript, or with one that is too long, the thin form that
    says so."""
    job = msgspec.structs.replace(body.data, sequence=sequence)
    if payload is not Payload.THIN and body.type is EventType.JOB_COMPLETED:
        whole = _with_transcript(job, payload, transcript)
        encoded = b"" if whole is None else _encode(body, whole)
        if whole is not None and len(encoded) <= LONGEST_BODY:
            return encoded
        job = msgspec.structs.replace(job, reduced=True)
    return _encode(body, job)


def _encode(body: WebhookBody, job: WebhookJob) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(body, data=job))


def _with_transcript(job: WebhookJob, payload: Payload, transcript: Transcript | None) -> WebhookJob | None:
    if transcript is None or sum(len(segment.text) for segment in transcript.segments) > LONGEST_BODY:
        return None
    if payload is Payload.TEXT:
        return msgspec.structs.replace(job, text="\n".join(segment.text for segment in transcript.segments))
    names = {speaker.id: speaker.name or speaker.label for speaker in transcript.speakers}
    segments = tuple(
        WebhookSegment(
            start_ms=segment.start_ms,
            end_ms=segment.end_ms,
            speaker=names.get(segment.speaker_id) if segment.speaker_id is not None else None,
            text=segment.text,
        )
        for segment in transcript.segments
    )
    return msgspec.structs.replace(job, segments=segments)


class _Links:
    def __init__(self, public_url: str | None, job_id: UUID) -> None:
        self.job = f"{public_url.rstrip('/')}/v1/jobs/{job_id}" if public_url else None

    def artifact(self, result: ArtifactResult) -> str | None:
        if self.job is None or result.state is not ArtifactState.READY:
            return None
        return f"{self.job}/artifacts/{quote(result.name)}"


def _completed(event: JobCompleted, links: _Links) -> WebhookJob:
    return WebhookJob(
        id=event.job_id,
        state=JobState.COMPLETED,
        run=event.run,
        title=event.title,
        solution=event.solution,
        language=event.language,
        duration_ms=event.duration_ms,
        artifacts=tuple(_artifact(result, links) for result in event.artifacts),
        metadata=event.metadata,
        created_at=event.created_at,
        finished_at=event.completed_at,
        url=links.job,
    )


def _failed(event: JobFailed, links: _Links) -> WebhookJob:
    return WebhookJob(
        id=event.job_id,
        state=JobState.FAILED,
        run=event.run,
        title=event.title,
        solution=event.solution,
        failure=event.failure,
        metadata=event.metadata,
        created_at=event.created_at,
        finished_at=event.failed_at,
        url=links.job,
    )


def _cancelled(event: JobCancelled, links: _Links) -> WebhookJob:
    return WebhookJob(
        id=event.job_id,
        state=JobState.CANCELLED,
        run=event.run,
        title=event.title,
        solution=event.solution,
        metadata=event.metadata,
        created_at=event.created_at,
        finished_at=event.occurred_at,
        url=links.job,
    )


def _progressed(event: JobProgressed, links: _Links) -> WebhookJob:
    state = JobState.REPORTING if isinstance(event, ReportProgressed) else JobState.TRANSCRIBING
    return WebhookJob(id=event.job_id, state=state, run=event.run, progress=event.progress, url=links.job)


def _artifact(result: ArtifactResult, links: _Links) -> WebhookArtifact:
    return WebhookArtifact(
        name=result.name,
        format=result.format,
        state=result.state,
        size=result.size,
        sha256=result.sha256,
        url=links.artifact(result),
    )
