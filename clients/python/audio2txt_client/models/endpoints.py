"""Endpoints that are told what happens to jobs, what was sent to them, and addresses that get nothing more."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum
from audio2txt_client.models.options import ReportLanguage


class EndpointKind(OpenEnum):
    """How somebody is told."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    SLACK = "slack"
    TEAMS = "teams"
    DISCORD = "discord"
    TELEGRAM = "telegram"
    NTFY = "ntfy"


class EndpointState(OpenEnum):
    """Whether messages go to an endpoint."""

    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"
    UNCONFIRMED = "unconfirmed"
    SUPPRESSED = "suppressed"


class Payload(OpenEnum):
    """How much a webhook tells."""

    THIN = "thin"
    TEXT = "text"
    SEGMENTS = "segments"


class Signature(OpenEnum):
    """Schemes of Standard Webhooks."""

    V1 = "v1"
    V1A = "v1a"


class DisabledReason(OpenEnum):
    """Why nothing is sent to an endpoint any more."""

    GONE = "gone"
    FAILING = "failing"
    SUPPRESSED = "suppressed"
    MISCONFIGURED = "misconfigured"


class DeliveryStatus(OpenEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SuppressionReason(OpenEnum):
    """Why e-mails do not go to an address any more."""

    NO_SUCH_ADDRESS = "no_such_address"
    UNSUBSCRIBED = "unsubscribed"


class EndpointKey(msgspec.Struct, frozen=True, kw_only=True):
    """One of the secrets that messages are signed with; what it is was shown once."""

    number: int
    expires_at: dt.datetime | None
    """Null for the newest."""
    public_key: str | None
    """For `v1a`: what `verify_webhook` takes."""


class EndpointHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint fares."""

    pending: int = 0
    """Messages that wait for it."""
    oldest_due_at: dt.datetime | None = None
    last_success_at: dt.datetime | None = None
    last_failure_at: dt.datetime | None = None
    last_failure: str | None = None
    failures: int = 0
    """Since the last success."""
    open_until: dt.datetime | None = None
    """After failures nothing is sent until then."""
    disabled_at: dt.datetime | None = None
    disabled_reason: DisabledReason | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is told what happens to jobs."""

    id: UUID
    kind: EndpointKind
    state: EndpointState
    description: str | None
    destination: str
    """Where it leads, without what is secret."""
    headers: tuple[str, ...]
    """Names of your own headers."""
    events: tuple[str, ...]
    include: Payload | None
    signatures: tuple[Signature, ...]
    keys: tuple[EndpointKey, ...]
    rate_per_minute: int | None
    language: ReportLanguage
    attach: bool | None
    health: EndpointHealth
    created_at: dt.datetime
    updated_at: dt.datetime
    etag: str | None = None
    """For `if_match`; null for one of a list."""


class NewEndpointSecret(Endpoint, frozen=True, kw_only=True):
    """An endpoint with its newest secret, which is not shown again."""

    secret: str | None
    """For `verify_webhook`; null for other kinds than webhooks."""

    def __repr__(self) -> str:
        return f"NewEndpointSecret(id={self.id}, destination={self.destination!r})"


class TestMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A test message on its way; `deliveries.list(message_id=…)` shows what becomes of it."""

    message_id: str


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """An Ed25519 key as RFC 8037 writes it."""

    kty: str = "OKP"
    crv: str = "Ed25519"
    use: str = "sig"
    alg: str = "EdDSA"
    kid: str
    x: str


class PublicKeys(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON Web Key Set."""

    keys: tuple[PublicKey, ...]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message on its way to one endpoint."""

    id: UUID
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
    """When the next attempt is made."""
    finished_at: dt.datetime | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. Secrets are masked; long bodies are cut."""

    number: int
    started_at: dt.datetime
    duration_ms: int
    status: int | None
    """Of HTTP or SMTP; null when no answer came."""
    reason: str | None
    """Why it is no success."""
    request_headers: dict[str, str]
    request_body: str
    response_headers: dict[str, str]
    response_body: str


class DeliveryDetails(Delivery, frozen=True, kw_only=True):
    """A delivery with its attempts."""

    log: tuple[Attempt, ...]


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """An address that gets no e-mails of the tenant any more."""

    id: UUID
    address: str
    reason: SuppressionReason
    created_at: dt.datetime
