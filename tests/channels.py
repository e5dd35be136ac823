"""Messages and receivers as channels are given them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec

from services.notifier.channels import Message, Receiver
from shared.schemas.endpoints import EndpointKind, Signature, WebhookDestination

ENDPOINT = UUID("0192f0c1-0000-7000-8000-00000000000e")
TENANT = UUID("0192f0c1-0000-7000-8000-000000000001")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def message(**changes: Any) -> Message:
    """A small message."""
    plain = Message(
        id="msg_0192f0c1000070008000000000000099",
        type="job.completed",
        sequence=3,
        occurred_at=dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        body=b'{"title":"\xe6\x9c\x83\xe8\xad\xb0"}',
    )
    return msgspec.structs.replace(plain, **changes)


def webhook_to(url: str, *, headers: dict[str, str] | None = None, **changes: Any) -> Receiver:
    """A webhook signed with v1."""
    receiver = Receiver(
        endpoint_id=ENDPOINT,
        tenant_id=TENANT,
        kind=EndpointKind.WEBHOOK,
        destination=WebhookDestination(url=url, headers=headers or {}),
        signatures=(Signature.V1,),
        secrets=(SECRET,),
    )
    return msgspec.structs.replace(receiver, **changes)
