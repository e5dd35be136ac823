"""Endpoints: where customers want to be told what happens to their jobs.

The gateway owns what a customer has set and tells the notifier with `endpoint.changed`. The notifier owns how an endpoint
fares and what was sent to it, and publishes that in views for the gateway to read.
"""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from shared.schemas.jobs import ReportLanguage

CONFIRMATION_SECONDS = 3 * 3600.0
"""One mailbox is not asked more often whether it wants e-mails, whoever wants to know."""


class EndpointKind(enum.StrEnum):
    """How somebody is told."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"
    TELEGRAM = "telegram"
    NTFY = "ntfy"


class EventType(enum.StrEnum):
    """What customers can be told about."""

    JOB_COMPLETED = "job.completed"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_PROGRESSED = "job.progressed"
    """How far a job is; what has not been sent when the next comes is replaced by it."""
    BATCH_COMPLETED = "batch.completed"
    """The last job of many that were made in one request has ended, however."""
    USAGE_THRESHOLD = "usage.threshold"
    """So much of what may be used in a month is used."""
    ENDPOINT_TEST = "endpoint.test"
    """Sent when somebody asks for it, whatever the endpoint listens to."""
    ENDPOINT_CONFIRMATION = "endpoint.confirmation"
    """Asks the reader of an e-mail address whether they want what the endpoint listens to."""
    ENDPOINT_FAILING = "endpoint.failing"
    """Another endpoint of the tenant takes nothing any more. Told to people by e-mail, whatever they listen to."""
    ENDPOINT_DISABLED = "endpoint.disabled"
    """And now nothing is sent to it."""
    USER_INVITATION = "user.invitation"
    """To somebody who is to become a user. No endpoint listens to it, as to the next."""
    USER_PASSWORD_RESET = "user.password_reset"  # noqa: S105 -- the name of a message
    """To a user who wants another password."""


class Payload(enum.StrEnum):
    """How much a webhook's body tells. What is too long for one falls back to `thin`, and says so."""

    THIN = "thin"
    """Ids, states, links."""
    TEXT = "text"
    """And the transcript's plain text."""
    SEGMENTS = "segments"
    """And the transcript's segments with their times and speakers."""


class Signature(enum.StrEnum):
    """Schemes of Standard Webhooks."""

    V1 = "v1"
    """HMAC-SHA256 with a secret that both sides know."""
    V1A = "v1a"
    """Ed25519 with a key pair whose public half is published."""


class Withheld(enum.StrEnum):
    """Why nothing is sent to an e-mail address, whoever asks for it."""

    UNCONFIRMED = "unconfirmed"
    """Its reader has not said yes; only the question is sent."""
    SUPPRESSED = "suppressed"
    """There is no such address, or its reader has said no."""


class SuppressionReason(enum.StrEnum):
    """Why a tenant's e-mails do not go to an address any more."""

    NO_SUCH_ADDRESS = "no_such_address"
    """The mail server said so."""
    UNSUBSCRIBED = "unsubscribed"
    """Its reader said so."""


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """One of an endpoint's secrets, by number: what it is follows from the number and the master secret, so it lies nowhere."""

    number: Annotated[int, Meta(ge=1)]
    expires_at: dt.datetime | None = None
    """Null for the newest; the others sign beside it until then."""


class WebhookDestination(msgspec.Struct, frozen=True, kw_only=True, tag="webhook"):
    """A URL of the customer's, and headers of their own."""

    url: str
    headers: dict[str, str] = {}


class EmailDestination(msgspec.Struct, frozen=True, kw_only=True, tag="email"):
    """One recipient."""

    address: str


class ChatDestination(msgspec.Struct, frozen=True, kw_only=True, tag="chat"):
    """A webhook of Slack, Teams (a workflow) or Discord. Its URL is the secret."""

    url: str


class TelegramDestination(msgspec.Struct, frozen=True, kw_only=True, tag="telegram"):
    """A chat that a bot may write to."""

    bot_token: str
    chat_id: str


class NtfyDestination(msgspec.Struct, frozen=True, kw_only=True, tag="ntfy"):
    """A topic of an ntfy server."""

    url: str
    """Of the topic, as in `https://ntfy.sh/my-topic`."""
    token: str | None = None


Destination: TypeAlias = WebhookDestination | EmailDestination | ChatDestination | TelegramDestination | NtfyDestination


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What the notifier knows of what a customer has set. `events` are names of `EventType` or patterns such as `job.*`."""

    id: UUID
    kind: EndpointKind
    sealed: bytes
    """The `Destination` as JSON, sealed for the purpose `endpoint` at the place `str(id)`."""
    label: str
    """The destination in a form that may be shown and logged, as in `https://hooks.slack.com/***`."""
    events: tuple[str, ...]
    paused: bool = False
    """Nothing is sent; what happens meanwhile is kept, and sent when the pause is over."""
    include: Payload = Payload.THIN
    signatures: tuple[Signature, ...] = (Signature.V1,)
    keys: tuple[SigningKey, ...] = (SigningKey(number=1),)
    language: ReportLanguage = "en"
    """Of messages to people."""
    attach: bool = True
    """Whether e-mails carry the files that the solution's `delivery` names, where the installation allows it."""
    rate_per_minute: Annotated[int, Meta(ge=1)] | None = None
    """The most attempts that are started in a minute; null for as many as it takes."""
    address_id: UUID | None = None
    """What the gateway calls an e-mail endpoint's address, for this tenant; its links name it."""
    withheld: Withheld | None = None
    asked_at: dt.datetime | None = None
    """While it is unconfirmed: when its reader was last to be asked because of this endpoint."""
    enabled_at: dt.datetime
    """When it was last switched on. One that was disabled for its failures before that is tried again."""


class DeliveryStatus(enum.StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Its endpoint was deleted, or it was overtaken by newer progress."""


class DisabledReason(enum.StrEnum):
    """Why the notifier sends nothing to an endpoint any more."""

    GONE = "gone"
    """The receiver answered 410, or `webhook-delivery: disable`."""
    FAILING = "failing"
    """Nothing got through for days."""
    SUPPRESSED = "suppressed"
    """The mail server said that there is no such address."""
    MISCONFIGURED = "misconfigured"
    """Its address is one that this installation makes no requests to."""


class EndpointHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the notifier's view `endpoint_health`."""

    endpoint_id: UUID
    pending: int
    oldest_due_at: dt.datetime | None = None
    last_success_at: dt.datetime | None = None
    last_failure_at: dt.datetime | None = None
    last_failure: str | None = None
    """Its reason, as in `http_500` or `timed_out`."""
    failures: int = 0
    """Since the last success."""
    open_until: dt.datetime | None = None
    """While the breaker is open: when the next attempt is made."""
    disabled_at: dt.datetime | None = None
    disabled_reason: DisabledReason | None = None


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the notifier's view `delivery_log`: one message on its way to one endpoint."""

    id: UUID
    tenant_id: UUID
    endpoint_id: UUID
    message_id: str
    """`webhook-id`: the same over retries and replays."""
    type: str
    job_id: UUID | None
    sequence: int | None
    """Of the job's messages."""
    status: DeliveryStatus
    attempts: int
    created_at: dt.datetime
    due_at: dt.datetime | None
    """Of the next attempt; null when there is none."""
    finished_at: dt.datetime | None


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the notifier's view `attempt_log`: one attempt, secrets masked."""

    id: int
    delivery_id: UUID
    number: int
    started_at: dt.datetime
    duration_ms: int
    status: int | None
    reason: str | None
    request_headers: dict[str, str]
    request_body: bytes
    """Its beginning."""
    response_headers: dict[str, str]
    response_body: bytes
    """Its beginning, as it was sent."""


class Test(msgspec.Struct, frozen=True, kw_only=True, tag="test"):
    """Send a test message to the endpoint."""


class Redeliver(msgspec.Struct, frozen=True, kw_only=True, tag="redeliver"):
    """Send one message again, whatever became of it."""

    delivery_id: UUID


class Replay(msgspec.Struct, frozen=True, kw_only=True, tag="replay"):
    """Send many again, slowly: those that failed, or also those that were never made because the endpoint was not there
    or did not listen."""

    since: dt.datetime
    until: dt.datetime | None = None
    missing: bool = False
    types: tuple[str, ...] = ()
    """Only of these types; empty for all."""


DeliveryWish: TypeAlias = Test | Redeliver | Replay


def patterns_of(type_: str) -> list[str]:
    """The patterns by which an endpoint listens to a type: its name, `job.*` and `*`. Progress only by name, for it is much."""
    if type_ == EventType.JOB_PROGRESSED:
        return [type_]
    parts = type_.split(".")
    return ["*", type_, *(".".join([*parts[:count], "*"]) for count in range(1, len(parts)))]
