"""What receivers are told about an event: the body of the webhook, encoded once and for all attempts."""

from __future__ import annotations

from typing import TypeAlias
from urllib.parse import quote
from uuid import UUID

import msgspec

from shared.schemas.events import JobCompleted, JobFailed
from shared.schemas.jobs import ArtifactResult, ArtifactState, JobState
from shared.schemas.webhooks import WebhookArtifact, WebhookBody, WebhookJob

NotifiedEvent: TypeAlias = JobCompleted | JobFailed


def encode_body(event: NotifiedEvent, *, public_url: str | None) -> bytes:
    """The exact bytes that are signed and sent. Links are left out while the gateway's public URL is unknown."""
    links = _Links(public_url, event.job_id)
    return msgspec.json.encode(_body(event, links))


def _body(event: NotifiedEvent, links: _Links) -> WebhookBody:
    match event:
        case JobCompleted():
            return WebhookBody(type="job.completed", timestamp=event.occurred_at, data=_completed(event, links))
        case JobFailed():
            return WebhookBody(type="job.failed", timestamp=event.occurred_at, data=_failed(event, links))


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


def _artifact(result: ArtifactResult, links: _Links) -> WebhookArtifact:
    return WebhookArtifact(
        name=result.name,
        format=result.format,
        state=result.state,
        size=result.size,
        sha256=result.sha256,
        url=links.artifact(result),
    )
