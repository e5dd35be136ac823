"""The body that receivers get, after Standard Webhooks: `{type, timestamp, data}`. Thin by default: ids, states, links."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from shared.schemas.endpoints import EventType
from shared.schemas.events import UsageResource
from shared.schemas.jobs import ArtifactState, Failure, FileFormat, JobState

Timestamp: TypeAlias = Annotated[dt.datetime, Meta(tz=True)]
"""With its zone."""


class WebhookArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact that can be fetched, or why it cannot."""

    name: str
    format: FileFormat
    state: ArtifactState
    size: int | None = None
    sha256: str | None = None
    url: str | None = None
    """Where to fetch it with an API key; null when the artifact failed or no public URL is configured."""


class WebhookSegment(msgspec.Struct, frozen=True, kw_only=True):
    """One to three sentences of one speaker."""

    start_ms: int
    end_ms: int
    speaker: str | None = None
    """Their name, or else the label that the engine gave them."""
    text: str


class WebhookJob(msgspec.Struct, frozen=True, kw_only=True):
    """The job the message is about, as it stood when the event was made."""

    id: UUID
    state: JobState
    run: int
    sequence: int | None = None
    """Grows with each message about the job, so that a receiver can tell an older one that arrives late."""
    progress: float | None = None
    """From 0 to 1 inside its state; only of jobs that are worked on."""
    title: str | None = None
    solution: str | None = None
    language: str | None = None
    duration_ms: int | None = None
    artifacts: tuple[WebhookArtifact, ...] = ()
    failure: Failure | None = None
    metadata: dict[str, str] = {}
    created_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    url: str | None = None
    text: str | None = None
    """The transcript, one paragraph a segment, for endpoints that want it."""
    segments: tuple[WebhookSegment, ...] | None = None
    """The transcript's segments, for endpoints that want them."""
    reduced: bool = False
    """The endpoint wants the transcript, but it is longer than a message may be, or gone: fetch it by its URL."""


class WebhookUsage(msgspec.Struct, frozen=True, kw_only=True):
    """So many percent of what the tenant may use in a month are used."""

    resource: UsageResource
    threshold: int
    """Percent."""
    used: str
    """A decimal number, as it was when the message was made."""
    limit: str
    month: str
    resets_at: Timestamp | None
    """When it is all there again; null for storage, which comes back when something is deleted."""
    plan: str | None = None


class WebhookUsageBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed and sent about usage."""

    type: Literal["usage.threshold"]
    timestamp: Timestamp
    data: WebhookUsage


class WebhookBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that were made in one request, how many of them ended in which way."""

    id: UUID
    title: str | None = None
    """As it was given for all of them."""
    metadata: dict[str, str] = {}
    size: int
    """Recordings, which are counted here one by one."""
    completed: int
    failed: int
    cancelled: int
    refused: int
    """Did not become jobs; the batch says why."""
    deleted: int
    """Jobs that were deleted before the end."""
    created_at: Timestamp
    ended_at: Timestamp
    url: str | None = None
    """Of the batch; null when no public URL is configured."""


class WebhookBatchBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed and sent when the last job of a batch has ended."""

    type: Literal["batch.completed"]
    timestamp: Timestamp
    data: WebhookBatch


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed and sent."""

    type: EventType
    timestamp: Timestamp
    data: WebhookJob
