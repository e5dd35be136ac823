"""What clients see of endpoints and deliveries. Fields are added, never renamed or removed."""

from __future__ import annotations

import base64
import datetime as dt
import enum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from services.gateway.store.addresses import SuppressionRow
from services.gateway.store.endpoints import EndpointRow
from services.gateway.views import Id, Time
from shared.schemas.endpoints import (
    AttemptRecord,
    DeliveryRecord,
    DeliveryStatus,
    DisabledReason,
    EndpointHealth,
    EndpointKind,
    Payload,
    Signature,
    SuppressionReason,
    Withheld,
)
from shared.schemas.jobs import ReportLanguage
from shared.signing import endpoint_key_pair


class EndpointState(enum.StrEnum):
    """Whether messages go to an endpoint."""

    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"
    UNCONFIRMED = "unconfirmed"
    SUPPRESSED = "suppressed"


class SecretKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """One of the secrets that messages are signed with; what it is was shown once."""

    number: Annotated[int, Meta(ge=1, examples=[2])]
    expires_at: Annotated[Time | None, Meta(description="When it stops signing; null for the newest.")]
    public_key: Annotated[
        str | None,
        Meta(description="For `v1a`: the key to verify with.", examples=["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="]),
    ]


class HealthView(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint fares."""

    pending: Annotated[int, Meta(ge=0, description="Messages that wait for it.", examples=[0])] = 0
    oldest_due_at: Annotated[Time | None, Meta(description="Since when the oldest of them has been due.")] = None
    last_success_at: Time | None = None
    last_failure_at: Time | None = None
    last_failure: Annotated[str | None, Meta(description="Its reason.", examples=["http_500", "timed_out"])] = None
    failures: Annotated[int, Meta(ge=0, description="Failed attempts since the last success.", examples=[0])] = 0
    open_until: Annotated[
        Time | None, Meta(description="After failures nothing is sent until then; messages wait and use up no attempts.")
    ] = None
    disabled_at: Time | None = None
    disabled_reason: Annotated[
        DisabledReason | None, Meta(description="Why nothing is sent any more; `paused: false` switches it on again.")
    ] = None


class EndpointView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is told what happens to jobs."""

    id: Id
    kind: EndpointKind
    state: Annotated[
        EndpointState,
        Meta(
            description="`enabled`, `paused` by you, `disabled` for its failures (`health` says why); of e-mail, `unconfirmed` "
            "until the address's reader says yes, `suppressed` while `/v1/suppressions` has it."
        ),
    ]
    description: Annotated[str | None, Meta(description="As given.", examples=["The archive's importer"])]
    destination: Annotated[
        str, Meta(description="Where it leads, without what is secret.", examples=["https://example.com/hooks/audio2txt"])
    ]
    headers: Annotated[tuple[str, ...], Meta(description="Names of your own headers.", examples=[["X-Tenant"]])]
    events: Annotated[tuple[str, ...], Meta(description="What it is told.", examples=[["job.completed", "job.failed"]])]
    include: Annotated[Payload | None, Meta(description="How much a webhook tells; null for other kinds.")]
    signatures: Annotated[tuple[Signature, ...], Meta(description="How webhooks are signed; empty for other kinds.")]
    keys: Annotated[tuple[SecretKeyView, ...], Meta(description="What they are signed with, the newest first.")]
    rate_per_minute: Annotated[
        int | None, Meta(description="The most attempts a minute; null for as many as it takes.", examples=[120])
    ]
    language: Annotated[ReportLanguage, Meta(description="Of messages to people.")]
    attach: Annotated[bool | None, Meta(description="Whether e-mails carry files; null for other kinds.")]
    health: HealthView
    created_at: Time
    updated_at: Time


class EndpointCreated(EndpointView, frozen=True, kw_only=True):
    """An endpoint with its newest secret, which is not shown again."""

    secret: Annotated[
        str | None,
        Meta(
            description="To verify `webhook-signature` with, after Standard Webhooks; null for other kinds.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ]


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One message on its way to one endpoint."""

    id: Id
    endpoint_id: Annotated[UUID, Meta(description="Where it goes; no endpoint of yours for a job's `callback_url`.")]
    message_id: Annotated[
        str,
        Meta(description="`webhook-id`: the same over retries and replays.", examples=["msg_0198c2de8b1c7d3e9f5a2b6c4d8e0f1a"]),
    ]
    type: Annotated[str, Meta(description="What it tells.", examples=["job.completed"])]
    job_id: UUID | None
    sequence: Annotated[int | None, Meta(description="Of the job's messages; a lower one is older news.", examples=[3])]
    status: DeliveryStatus
    attempts: Annotated[int, Meta(ge=0, examples=[1])]
    created_at: Time
    due_at: Annotated[Time | None, Meta(description="When the next attempt is made; null when there is none.")]
    finished_at: Time | None


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. Secrets are masked; bodies are cut where they are long."""

    number: Annotated[int, Meta(ge=1, examples=[1])]
    started_at: Time
    duration_ms: Annotated[int, Meta(ge=0, description="Milliseconds.", examples=[84])]
    status: Annotated[int | None, Meta(description="Of HTTP or SMTP; null when no answer came.", examples=[204])]
    reason: Annotated[str | None, Meta(description="Why it is no success.", examples=["timed_out"])]
    request_headers: dict[str, str]
    request_body: Annotated[str, Meta(description="Its beginning.")]
    response_headers: dict[str, str]
    response_body: Annotated[str, Meta(description="Its beginning; what is no text is replaced.")]


class DeliveryDetails(DeliveryView, frozen=True, kw_only=True):
    """A delivery with its attempts."""

    log: Annotated[tuple[AttemptView, ...], Meta(description="Its attempts, the first first.")]


class SuppressionView(msgspec.Struct, frozen=True, kw_only=True):
    """An address that gets no e-mails of the tenant any more."""

    id: Id
    address: Annotated[str, Meta(description="In lower case, its domain as the DNS has it.", examples=["chen@example.com"])]
    reason: Annotated[
        SuppressionReason,
        Meta(description="`no_such_address` as the mail server said, `unsubscribed` by its reader."),
    ]
    created_at: Time


class TestView(msgspec.Struct, frozen=True, kw_only=True):
    """A test message that is on its way."""

    message_id: Annotated[
        str,
        Meta(
            description="`GET /v1/deliveries?message_id=` shows what becomes of it.",
            examples=["msg_0198c2de8b1c7d3e9f5a2b6c4d8e0f1a"],
        ),
    ]


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


def endpoint_view(row: EndpointRow, health: EndpointHealth | None, *, headers: tuple[str, ...], master: bytes) -> EndpointView:
    """An endpoint as its tenant sees it."""
    signed, disabled = row.kind is EndpointKind.WEBHOOK, _disabled(row, health)
    known = HealthView() if health is None else msgspec.convert(health, HealthView, from_attributes=True)
    if not disabled:
        known = msgspec.structs.replace(known, disabled_at=None, disabled_reason=None)
    return EndpointView(
        id=row.id,
        kind=row.kind,
        state=_state(row, known.disabled_reason),
        description=row.description,
        destination=row.label,
        headers=headers,
        events=row.events,
        include=row.include if signed else None,
        signatures=row.signatures if signed else (),
        keys=_keys(row, master) if signed else (),
        rate_per_minute=row.rate_per_minute,
        language=row.language,
        attach=row.attach if row.kind is EndpointKind.EMAIL else None,
        health=known,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def public_keys(row: EndpointRow, master: bytes) -> PublicKeys:
    """The keys that an endpoint's `v1a` signatures are verified with now."""
    shown = (key for key in _keys(row, master) if key.public_key is not None)
    return PublicKeys(keys=tuple(PublicKey(kid=str(key.number), x=_base64url(key.public_key or "")) for key in shown))


def delivery_view(record: DeliveryRecord) -> DeliveryView:
    """A delivery as its tenant sees it."""
    return msgspec.convert(record, DeliveryView, from_attributes=True)


def delivery_details(record: DeliveryRecord, attempts: list[AttemptRecord]) -> DeliveryDetails:
    """A delivery and every attempt."""
    return DeliveryDetails(**msgspec.structs.asdict(delivery_view(record)), log=tuple(map(_attempt, attempts)))


def suppression_view(row: SuppressionRow) -> SuppressionView:
    """A suppression as its tenant sees it."""
    return msgspec.convert(row, SuppressionView, from_attributes=True)


def _state(row: EndpointRow, disabled: DisabledReason | None) -> EndpointState:
    """What has to be seen to first. The notifier stops by itself when an address is refused, and says so a moment later."""
    if row.withheld is Withheld.SUPPRESSED or disabled is DisabledReason.SUPPRESSED:
        return EndpointState.SUPPRESSED
    if row.withheld is Withheld.UNCONFIRMED:
        return EndpointState.UNCONFIRMED
    if row.paused:
        return EndpointState.PAUSED
    return EndpointState.DISABLED if disabled else EndpointState.ENABLED


def _attempt(record: AttemptRecord) -> AttemptView:
    bodies = {
        "request_body": record.request_body.decode(errors="replace"),
        "response_body": record.response_body.decode(errors="replace"),
    }
    told = {name: value for name, value in msgspec.structs.asdict(record).items() if name not in ("id", "delivery_id")}
    return AttemptView(**(told | bodies))


def _keys(row: EndpointRow, master: bytes) -> tuple[SecretKeyView, ...]:
    asymmetric, now = Signature.V1A in row.signatures, dt.datetime.now(dt.UTC)
    return tuple(
        SecretKeyView(
            number=key.number,
            expires_at=key.expires_at,
            public_key=endpoint_key_pair(master, row.id, key.number).public if asymmetric else None,
        )
        for key in row.keys
        if key.expires_at is None or key.expires_at > now
    )


def _disabled(row: EndpointRow, health: EndpointHealth | None) -> bool:
    """The notifier has switched it off since it was last switched on."""
    return health is not None and health.disabled_at is not None and health.disabled_at > row.enabled_at


def _base64url(public_key: str) -> str:
    raw = base64.b64decode(public_key.removeprefix("whpk_"))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
