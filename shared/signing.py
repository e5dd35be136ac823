"""Standard Webhooks v1 signatures, and the tenant's secret they are made with.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from uuid import UUID

SHORTEST_KEY = 16
"""Bytes. The specification says 24, but its libraries' own examples have 23."""


def webhook_secret(master: bytes, tenant_id: UUID) -> str:
    """The tenant's signing secret as customers see it: `whsec_` and 32 bytes in base64.

    Derived, so that no secret crosses the bus or lies in a table: HMAC-SHA256 of the tenant under the master secret.
    """
    material = hmac.digest(master, b"audio2txt webhook " + tenant_id.bytes, "sha256")
    return "whsec_" + b64encode(material).decode()


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` header for exactly these bytes; `timestamp` is in Unix seconds.

    Raises `ValueError` for a secret that is none.
    """
    digest = hmac.digest(_key(secret), b"%s.%d.%s" % (message_id.encode(), timestamp, body), "sha256")
    return "v1," + b64encode(digest).decode()


def verify(secret: str, *, message_id: str, timestamp: int, body: bytes, signatures: str) -> bool:
    """Whether one of the space-separated signatures is ours for these bytes. Freshness is the caller's business."""
    expected = sign(secret, message_id=message_id, timestamp=timestamp, body=body).encode()
    return any(hmac.compare_digest(expected, candidate.encode(errors="surrogateescape")) for candidate in signatures.split(" "))


def _key(secret: str) -> bytes:
    """The bytes behind `whsec_…`; the official libraries take secrets without the prefix or the padding, too."""
    text = secret.removeprefix("whsec_")
    key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"a webhook secret has {SHORTEST_KEY} bytes or more")
    return key
