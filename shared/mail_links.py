"""The links in e-mails that work without logging in. A token is good for one purpose and one thing: an address of a tenant, or
one wish of a user to set a password."""

from __future__ import annotations

import enum
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from uuid import UUID

ID_BYTES = 16
TAG_BYTES = 16


class LinkPurpose(enum.StrEnum):
    """What whoever holds the link may do."""

    UNSUBSCRIBE = "unsubscribe"
    """Have no more e-mails of the tenant sent to the address."""
    CONFIRM = "confirm"
    """Say that the address's reader wants them."""
    JOIN = "join"
    """Accept an invitation: set one's first password."""
    RESET = "reset"
    """Set another password."""

    @property
    def path(self) -> str:
        """Below the gateway's public URL; the token follows."""
        match self:
            case LinkPurpose.UNSUBSCRIBE:
                return "/u/"
            case LinkPurpose.CONFIRM:
                return "/c/"
            case LinkPurpose.JOIN:
                return "/i/"
            case LinkPurpose.RESET:
                return "/r/"


def link_token(master: bytes, purpose: LinkPurpose, subject_id: UUID) -> str:
    """The id that the gateway has given to the address or the wish, and an HMAC over it and the purpose, in 43 characters. It
    can be worked out wherever the master secret is, so it lies nowhere. Of an address it is the same for ever: links in old
    e-mails keep working, whatever becomes of the endpoint that they were sent for."""
    return urlsafe_b64encode(subject_id.bytes + _tag(master, purpose, subject_id)).decode().rstrip("=")


def subject_of_token(master: bytes, purpose: LinkPurpose, token: str) -> UUID | None:
    """The id of what a token is about; None for what we did not make for this purpose."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (UnicodeEncodeError, Error):
        return None
    if len(raw) != ID_BYTES + TAG_BYTES:
        return None
    subject_id = UUID(bytes=raw[:ID_BYTES])
    return subject_id if hmac.compare_digest(token, link_token(master, purpose, subject_id)) else None


def _tag(master: bytes, purpose: LinkPurpose, subject_id: UUID) -> bytes:
    return hmac.digest(master, f"audio2txt {purpose} ".encode() + subject_id.bytes, "sha256")[:TAG_BYTES]
