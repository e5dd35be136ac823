"""Every event that services exchange: who publishes it, who reads it, why a repeat is harmless.

The tag is the routing key on the exchange `audio2txt.events`, and a service reads it from the queue
`<service>.<tag>`. Delivery is at least once and unordered. A sample of each event, once committed under
`tests/contract/samples/`, must decode for ever: fields are added with defaults, a breaking change is a new tag.
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from shared.schemas.endpoints import DeliveryWish, Endpoint, EventType
from shared.schemas.ids import new_id
from shared.schemas.jobs import ArtifactResult, Failure, JobOptions, ReportMode, Waiting
from shared.schemas.privacy import Part
from shared.schemas.reports import Usage
from shared.schemas.transcripts import Cost


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What all events carry. `event_id` is the message id on the bus and stays the same over redeliveries."""

    tenant_id: UUID
    event_id: UUID = msgspec.field(default_factory=new_id)
    occurred_at: dt.datetime = msgspec.field(default_factory=_now)
    traceparent: str | None = None
    """W3C trace context of the request that caused the event."""


class JobEvent(Event, frozen=True, kw_only=True):
    """An event about a job."""

    job_id: UUID
    run: Annotated[int, Meta(ge=1)] = 1
    """The transcription run of the job this speaks of; a retry of the transcription starts the next run,
    and whatever arrives from an earlier one is ignored."""


class JobSubmitted(JobEvent, frozen=True, kw_only=True, tag="job.submitted"):
    """A job wants its audio transcribed.

    Published by the gateway (on creation, on retry, and again by its sweeper); read by the transcriber.
    A repeat finds the run's row: nothing happens while it is worked on, and a finished run answers
    with its `transcript.ready` again, for the options asked now.
    """

    options: JobOptions
    source_key: str
    """Blob key of the audio. With `source_url` set, the key the transcriber stores the download under."""
    source_url: str | None = None
    deadline_at: dt.datetime


class JobCancelled(JobEvent, frozen=True, kw_only=True, tag="job.cancelled"):
    """The customer wants no more work done. Published by the gateway; read by the transcriber, where final states absorb it,
    and by the notifier, which keeps one message per event id."""

    title: str | None = None
    solution: str | None = None
    metadata: dict[str, str] = {}
    created_at: dt.datetime | None = None


class JobCompleted(JobEvent, frozen=True, kw_only=True, tag="job.completed"):
    """A job ended with its artifacts. Published by the gateway in the transaction that completes the job;
    read by the notifier, which keeps one message per event id."""

    callback_url: str | None = None
    title: str | None = None
    solution: str
    language: str | None = None
    duration_ms: int | None = None
    artifacts: tuple[ArtifactResult, ...] = ()
    metadata: dict[str, str] = {}
    created_at: dt.datetime
    completed_at: dt.datetime
    transcript_key: str | None = None
    """Of an edited transcript; null for the one of the run."""


class JobFailed(JobEvent, frozen=True, kw_only=True, tag="job.failed"):
    """A job ended without a result, and why. Published by the gateway; read by the notifier, one message per event id."""

    callback_url: str | None = None
    title: str | None = None
    solution: str
    failure: Failure
    metadata: dict[str, str] = {}
    created_at: dt.datetime
    failed_at: dt.datetime


class JobErased(JobEvent, frozen=True, kw_only=True, tag="job.erased"):
    """The customer deleted the job and everything about it. Published by the gateway; read by the transcriber and the
    notifier, which forget what they hold; deleting twice is deleting once."""


class ContentErased(JobEvent, frozen=True, kw_only=True, tag="content.erased"):
    """Parts of what is kept of a job are gone, because their time was over or somebody's words were erased. Published by the
    gateway; read by the notifier, which forgets what it sent of them; forgetting twice is forgetting once."""

    parts: tuple[Part, ...]


class TranscriptionState(enum.StrEnum):
    """Where a transcription stands inside the transcriber."""

    QUEUED = "queued"
    PREPARING = "preparing"
    SUBMITTING = "submitting"
    PROCESSING = "processing"
    STORING = "storing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TranscriptionProgressed(JobEvent, frozen=True, kw_only=True, tag="transcription.progressed"):
    """How far a transcription is, or why it failed. Published by the transcriber at most once a second;
    read by the gateway, which only moves forward inside one run, and keeps what the newest says of `waiting`, and by the
    notifier, where a newer message takes the place of one that was not sent yet."""

    state: TranscriptionState
    progress: Annotated[float, Meta(ge=0, le=1)] | None = None
    engine: str
    duration_ms: int | None = None
    failure: Failure | None = None
    waiting: Waiting | None = None
    """What it waits for; null while its work goes on."""


class TranscriptReady(JobEvent, frozen=True, kw_only=True, tag="transcript.ready"):
    """The transcript of a run is stored. Published by the transcriber; read by the reporter, whose blob keys are a
    function of job and run, and by the gateway, which moves the job to `reporting` once."""

    options: JobOptions
    transcript_key: str
    raw_key: str
    engine: str
    model: str
    language: str | None
    duration_ms: int
    cost: Cost | None = None
    charged_before: bool = False
    """Whether an earlier run of the job was charged for the same answer."""


class TranscriptRevised(JobEvent, frozen=True, kw_only=True, tag="transcript.revised"):
    """A person edited the transcript of a completed job. Published by the gateway, and again by its sweeper; read by the
    reporter, which marks what no longer stands in the report that is there and renders it anew, under keys that are a
    function of job, run and revision."""

    options: JobOptions
    transcript_key: str
    report_key: str
    """The report to go by."""


class ReportProgressed(JobEvent, frozen=True, kw_only=True, tag="report.progressed"):
    """How far a report is that takes more than a moment. Published by the reporter at most once a second; read by the
    gateway, which only moves forward inside one attempt at the report, and by the notifier like that of transcriptions."""

    progress: Annotated[float, Meta(ge=0, le=1)]
    attempt: Annotated[int, Meta(ge=1)] = 1


class ReportReady(JobEvent, frozen=True, kw_only=True, tag="report.ready"):
    """All artifacts of a run are rendered or given up. Published by the reporter; read by the gateway, which completes
    the job once, or takes over the files of an edited transcript; a repeat carries the same keys and digests."""

    report_key: str
    artifacts: tuple[ArtifactResult, ...]
    attempt: Annotated[int, Meta(ge=1)] = 1
    """Of `JobOptions`: which wish for a report this answers."""
    revision: Annotated[int, Meta(ge=0)] = 0
    """The transcript's, of which this is the report."""
    mode: ReportMode | None = None
    """Who wrote the sections; null where there are none."""
    model: str | None = None
    """The language model, where one wrote."""
    usage: Usage | None = None
    """What language models were asked for it; null for nothing."""


class DeliveryState(enum.StrEnum):
    """How the delivery of a notification ended."""

    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryFinished(JobEvent, frozen=True, kw_only=True, tag="delivery.finished"):
    """A job's callback was delivered or given up. Published by the notifier; read by the gateway, which shows it on the job."""

    delivery_id: UUID
    state: DeliveryState
    attempts: int
    status: int | None = None
    """HTTP status of the last answer; null when there was none."""
    reason: str | None = None


class TenantErased(Event, frozen=True, kw_only=True, tag="tenant.erased"):
    """A tenant is gone, and everything of it must go. Published by the gateway, and again until nothing is left; read by the
    transcriber and the notifier, which forget all that they hold of it."""


class EndpointChanged(Event, frozen=True, kw_only=True, tag="endpoint.changed"):
    """A customer made, changed or deleted an endpoint. Published by the gateway in the transaction that does it; read by the
    notifier, which ignores what is older than what it knows."""

    endpoint_id: UUID
    version: Annotated[int, Meta(ge=1)]
    """Grows with every change of the endpoint, its deletion included."""
    endpoint: Endpoint | None = None
    """Null: it was deleted."""


class DeliveryRequested(Event, frozen=True, kw_only=True, tag="delivery.requested"):
    """A customer wants something sent, again or as a test. Published by the gateway; read by the notifier, which does it once
    per event id."""

    endpoint_id: UUID
    wish: DeliveryWish
    endpoint_version: int = 0
    """Which the endpoint had when it was asked for: the notifier waits for the news of that, which come another way."""


class AddressRefused(Event, frozen=True, kw_only=True, tag="address.refused"):
    """The mail server said that there is no such address. Published by the notifier with the result of the attempt; read by the
    gateway, which suppresses the address for the tenant, unless that was lifted after it happened."""

    endpoint_id: UUID
    address_id: UUID
    """As the endpoint named it when the attempt was made; it may lead elsewhere by now."""


class UserMailRequested(Event, frozen=True, kw_only=True, tag="user.mail_requested"):
    """A user is to get an e-mail with a link. Published by the gateway in the transaction that makes the link; read by the
    notifier, which sends it once per event id, or not at all once the link has expired."""

    endpoint: Endpoint
    """Where it goes, in the form of an e-mail endpoint that is there for such letters alone."""
    message: EventType
    """`user.invitation` or `user.password_reset`."""
    link_id: UUID
    """What the link's token is about; its purpose follows from the message."""
    organisation: str
    """The tenant's name, as the operator has it."""
    expires_at: dt.datetime


class UsageResource(enum.StrEnum):
    """What may be used so much of in a month."""

    MINUTES = "minutes"
    """Of audio."""
    STORAGE_BYTES = "storage_bytes"
    LLM_TOKENS = "llm_tokens"
    LLM_USD = "llm_usd"


class UsageThresholdReached(Event, frozen=True, kw_only=True, tag="usage.threshold"):
    """A tenant has used so many percent of what it may use in a month. Published by the gateway, once for each threshold and
    month; read by the notifier, which keeps one message per event id."""

    resource: UsageResource
    threshold: int
    """Percent."""
    used: str
    limit: str
    """Decimal numbers."""
    month: str
    """As in 2026-11."""
    resets_at: dt.datetime
    plan: str | None = None


class BatchEvent(Event, frozen=True, kw_only=True):
    """An event about jobs that were made in one request."""

    batch_id: UUID


class BatchCompleted(BatchEvent, frozen=True, kw_only=True, tag="batch.completed"):
    """The last job of a batch has ended. Published by the gateway, once for each batch, whatever is retried later; read by the
    notifier, which keeps one message per event id: that of the batch."""

    title: str | None = None
    metadata: dict[str, str] = {}
    size: int
    """Recordings: those that are counted here, one by one."""
    completed: int
    failed: int
    cancelled: int
    refused: int
    """Did not become jobs."""
    deleted: int
    """Jobs that were deleted before the end."""
    created_at: dt.datetime
    ended_at: dt.datetime


class BatchErased(BatchEvent, frozen=True, kw_only=True, tag="batch.erased"):
    """The last job of a batch that had ended was deleted, and what was said of the batch goes with it. Published by the
    gateway; read by the notifier, which forgets what it told of it; forgetting twice is forgetting once."""


EVENT_TYPES: tuple[type[Event], ...] = (
    JobSubmitted,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobErased,
    ContentErased,
    TenantErased,
    TranscriptionProgressed,
    TranscriptReady,
    TranscriptRevised,
    ReportProgressed,
    ReportReady,
    EndpointChanged,
    DeliveryRequested,
    DeliveryFinished,
    AddressRefused,
    UsageThresholdReached,
    UserMailRequested,
    BatchCompleted,
    BatchErased,
)


def routing_key(event: Event | type[Event]) -> str:
    """The event's tag, which is its routing key."""
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag
