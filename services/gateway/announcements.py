"""The events the gateway publishes about a job, made from its row."""

from __future__ import annotations

import datetime as dt
from pathlib import PurePath

import msgspec

from services.gateway.jobs import Job
from shared.blobs import report_key, source_key
from shared.schemas.events import JobCancelled, JobCompleted, JobErased, JobFailed, JobSubmitted, TranscriptRevised
from shared.schemas.jobs import TITLE_LENGTH, ArtifactResult, Failure, JobOptions, Revision


def title_of(job: Job) -> str | None:
    """What the customer called the job, or else its recording."""
    if job.options.title is not None or job.file_name is None:
        return job.options.title
    return PurePath(job.file_name).stem[:TITLE_LENGTH] or None


def submitted(job: Job) -> JobSubmitted:
    """The run of the job wants its work done, or done further."""
    return JobSubmitted(
        tenant_id=job.tenant_id,
        job_id=job.id,
        run=job.run,
        traceparent=job.traceparent,
        options=_options(job),
        source_key=source_key(job.tenant_id, job.id),
        source_url=job.source_url,
        deadline_at=job.deadline_at,
    )


def revised(job: Job) -> TranscriptRevised:
    """The transcript was edited, and the files of this revision are to take the place of those that are there."""
    assert job.revision_key is not None, "the first revision is no edit"
    return TranscriptRevised(
        tenant_id=job.tenant_id,
        job_id=job.id,
        run=job.run,
        traceparent=job.traceparent,
        options=_options(job),
        transcript_key=job.revision_key,
        report_key=report_key(job.tenant_id, job.id, job.run, job.reported_revision),
    )


def completed(job: Job, artifacts: tuple[ArtifactResult, ...], *, at: dt.datetime) -> JobCompleted:
    """The job ended with these artifacts."""
    return JobCompleted(
        tenant_id=job.tenant_id,
        job_id=job.id,
        run=job.run,
        traceparent=job.traceparent,
        callback_url=job.callback_url,
        title=title_of(job),
        solution=job.options.solution,
        language=job.detected_language,
        duration_ms=job.duration_ms,
        artifacts=artifacts,
        metadata=job.metadata,
        created_at=job.created_at,
        completed_at=at,
        transcript_key=job.revision_key,
    )


def failed(job: Job, failure: Failure, *, at: dt.datetime) -> JobFailed:
    """The job ended without a result."""
    return JobFailed(
        tenant_id=job.tenant_id,
        job_id=job.id,
        run=job.run,
        traceparent=job.traceparent,
        callback_url=job.callback_url,
        title=title_of(job),
        solution=job.options.solution,
        failure=failure,
        metadata=job.metadata,
        created_at=job.created_at,
        failed_at=at,
    )


def cancelled(job: Job) -> JobCancelled:
    """Nobody waits for the run any more."""
    return JobCancelled(
        tenant_id=job.tenant_id,
        job_id=job.id,
        run=job.run,
        traceparent=job.traceparent,
        title=title_of(job),
        solution=job.options.solution,
        metadata=job.metadata,
        created_at=job.created_at,
    )


def erased(job: Job) -> JobErased:
    """The job is gone, and what others hold about it must go."""
    return JobErased(tenant_id=job.tenant_id, job_id=job.id, run=job.run, traceparent=job.traceparent)


def _options(job: Job) -> JobOptions:
    """What the customer asked for, with what has become of it since."""
    revision = None if job.revision_key is None else Revision(number=job.revision, key=job.revision_key)
    return msgspec.structs.replace(job.options, title=title_of(job), revision=revision)
