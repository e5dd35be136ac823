"""The body customers' systems receive, after Standard Webhooks: `{type, timestamp, data}`. Thin: ids, states, links."""

from __future__ import annotations

import datetime as dt
from typing import Literal
from uuid import UUID

import msgspec

from shared.schemas.jobs import ArtifactState, Failure, FileFormat, JobState


class WebhookArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact that can be fetched, or why it cannot."""

    name: str
    format: FileFormat
    state: ArtifactState
    size: int | None = None
    sha256: str | None = None
    url: str | None = None
    """Where to fetch it with an API key; null when the artifact failed or no public URL is configured."""


class WebhookJob(msgspec.Struct, frozen=True, kw_only=True):
    """The job the event is about, as it stood when the event was made."""

    id: UUID
    state: JobState
    run: int
    title: str | None
    solution: str
    language: str | None = None
    duration_ms: int | None = None
    artifacts: tuple[WebhookArtifact, ...] = ()
    failure: Failure | None = None
    metadata: dict[str, str] = {}
    created_at: dt.datetime
    finished_at: dt.datetime
    url: str | None = None


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed and sent."""

    type: Literal["job.completed", "job.failed"]
    timestamp: dt.datetime
    data: WebhookJob
