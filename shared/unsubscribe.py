"""The tokens in e-mails' unsubscribe links: whoever holds one may silence that one endpoint, and nothing else."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from uuid import UUID

ID_BYTES = 16
TAG_BYTES = 16

PATH = "/u/"
"""Below the gateway's public URL; the token follows."""


def unsubscribe_token(master: bytes, endpoint_id: UUID) -> str:
    """The endpoint's id and an HMAC over it, in 43 characters. The same for ever: links in old e-mails keep working."""
    return urlsafe_b64encode(endpoint_id.bytes + _tag(master, endpoint_id)).decode().rstrip("=")


def endpoint_of_token(master: bytes, token: str) -> UUID | None:
    """The endpoint that a token silences; None for what we did not make."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, Error):
        return None
    if len(raw) != ID_BYTES + TAG_BYTES:
        return None
    endpoint_id = UUID(bytes=raw[:ID_BYTES])
    return endpoint_id if hmac.compare_digest(token, unsubscribe_token(master, endpoint_id)) else None


def _tag(master: bytes, endpoint_id: UUID) -> bytes:
    return hmac.digest(master, b"audio2txt unsubscribe " + endpoint_id.bytes, "sha256")[:TAG_BYTES]
