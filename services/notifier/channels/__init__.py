"""Ways to reach receivers. A channel sends one message once and says what came back; when to try again is not its business."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from typing import Protocol
from uuid import UUID

import msgspec

from shared.schemas.endpoints import Destination, DisabledReason, EndpointKind, Signature, Withheld
from shared.schemas.jobs import ReportLanguage


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: the same id and bytes at every attempt."""

    id: str
    """`webhook-id`: the same over retries and replays."""
    type: str
    sequence: int | None
    """Of the job's messages."""
    occurred_at: dt.datetime
    body: bytes
    """The `WebhookBody` as it is sent to webhooks. Channels for people render its thin form in their own words."""


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """Whom it is sent to."""

    endpoint_id: UUID
    tenant_id: UUID
    kind: EndpointKind
    destination: Destination
    signatures: tuple[Signature, ...] = ()
    secrets: tuple[str, ...] = ()
    """What it is signed with: the newest first, then those that still count during a rotation. `whsec_…`."""
    private_keys: tuple[str, ...] = ()
    """The same for `v1a`: `whsk_…`."""
    language: ReportLanguage = "en"
    attach: bool = False
    """Whether e-mails may carry files."""
    address_id: UUID | None = None
    """What links in e-mails name the recipient by; without, there are none."""
    withheld: Withheld | None = None
    """Why the recipient of e-mails gets none."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What kept an answer from coming, or made it a refusal, in a word that customers may read."""

    reason: str
    charged: bool = True
    """Whether the receiver has to do with it. Our own mail relay or proxy being away costs no attempt."""


class Contact(enum.Enum):
    """Whether an attempt got through to the receiver's host, whatever came of it there."""

    REACHED = enum.auto()
    UNREACHED = enum.auto()
    """There was no connection: its name is not known, nobody listens, or nobody answered in time."""
    UNKNOWN = enum.auto()
    """It was not tried, or something of ours was in the way."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back from one attempt."""

    status: int | None = None
    """HTTP or SMTP; null where none came."""
    delivered: bool = False
    trouble: Trouble | None = None
    """Null where it was delivered."""
    contact: Contact = Contact.UNKNOWN
    request_headers: Mapping[str, str] = {}
    """As sent, secrets masked."""
    request_body: bytes = b""
    """As sent; the log keeps its beginning."""
    response_headers: Mapping[str, str] = {}
    excerpt: bytes = b""
    """The beginning of the response's body, as it was sent."""
    retry_after: float | None = None
    """Seconds the receiver asks to be left alone."""
    stop: bool = False
    """Further attempts of this message are unwanted or pointless."""
    disable: DisabledReason | None = None
    """The endpoint wants nothing more, or does not exist."""


class Channel(Protocol):
    """One way to reach receivers."""

    async def send(self, message: Message, receiver: Receiver) -> Answer:
        """One attempt. Whatever the receiver does is an answer, not an exception."""
