"""The events that tell the others about a transcription, and the failures they may carry."""

from __future__ import annotations

from uuid import uuid5

import msgspec

from services.transcriber.store import Outcome, Transcription
from shared.blobs import raw_key, transcript_key
from shared.schemas.events import JobSubmitted, TranscriptionProgressed, TranscriptionState, TranscriptReady
from shared.schemas.jobs import Failure, Waiting
from shared.schemas.transcripts import Transcript

OVERDUE = Failure(
    code="deadline_exceeded",
    message="The recording was not transcribed before the job's deadline; retry the job.",
    retryable=True,
)


def engine_failed(engine: str, times: int) -> Failure:
    """The engine broke down again and again."""
    return Failure(
        code="engine_failed",
        message=f"The engine {engine} broke down {times} times in a row on this recording; retry the job or use another one.",
        retryable=True,
    )


def internal_error(engine: str) -> Failure:
    """We did, in a way nobody foresaw."""
    return Failure(
        code="internal_error",
        message=f"Transcribing with the engine {engine} failed for a reason of our own; retry the job, "
        "and tell the operator its id if it fails again.",
        retryable=True,
    )


def progressed(
    row: Transcription, state: TranscriptionState, progress: float, duration_ms: int | None
) -> TranscriptionProgressed:
    """How far it is."""
    return TranscriptionProgressed(
        tenant_id=row.tenant_id,
        job_id=row.job_id,
        run=row.run,
        traceparent=row.traceparent,
        state=state,
        progress=max(progress, row.progress),
        engine=row.engine,
        duration_ms=duration_ms,
    )


def waits(row: Transcription, waiting: Waiting | None) -> TranscriptionProgressed:
    """It waits for something, or for nothing any more."""
    return TranscriptionProgressed(
        tenant_id=row.tenant_id,
        job_id=row.job_id,
        run=row.run,
        traceparent=row.traceparent,
        state=row.state,
        progress=row.progress or None,
        engine=row.engine,
        duration_ms=row.duration_ms,
        waiting=waiting,
    )


def failed(row: Transcription, failure: Failure) -> TranscriptionProgressed:
    """It ended without a transcript."""
    return TranscriptionProgressed(
        tenant_id=row.tenant_id,
        job_id=row.job_id,
        run=row.run,
        traceparent=row.traceparent,
        state=TranscriptionState.FAILED,
        engine=row.engine,
        duration_ms=row.duration_ms,
        failure=failure,
    )


def ready(row: Transcription, transcript: Transcript) -> TranscriptReady:
    """Its transcript is stored."""
    return TranscriptReady(
        tenant_id=row.tenant_id,
        job_id=row.job_id,
        run=row.run,
        traceparent=row.traceparent,
        options=row.options,
        transcript_key=transcript_key(row.tenant_id, row.job_id, row.run),
        raw_key=raw_key(row.tenant_id, row.job_id, row.run),
        engine=row.engine,
        model=transcript.engine.model,
        language=transcript.language,
        duration_ms=transcript.media.duration_ms,
        cost=transcript.engine.cost,
        charged_before=transcript.engine.charged_before,
    )


def again(outcome: Outcome, event: JobSubmitted) -> Outcome:
    """The outcome of an ended run for whoever submits the run once more: a retry may ask for other formats by now, and for
    a report on the transcript as it was edited since.

    Its id follows from the submission's, so that a redelivered submission is answered once.
    """
    answer_id = uuid5(event.event_id, "outcome")
    if isinstance(outcome, TranscriptReady):
        revision = event.options.revision
        return msgspec.structs.replace(
            outcome,
            event_id=answer_id,
            options=event.options,
            transcript_key=outcome.transcript_key if revision is None else revision.key,
            traceparent=event.traceparent,
        )
    return msgspec.structs.replace(outcome, event_id=answer_id, traceparent=event.traceparent)
