"""The audit log."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum


class ActorKind(OpenEnum):
    """By which right somebody acted."""

    KEY = "key"
    LINK = "link"
    """A link that only the reader of an e-mail has."""
    OPERATOR = "operator"
    USER = "user"
    STRANGER = "stranger"
    """Somebody who tries to sign in."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acted."""

    kind: ActorKind
    id: UUID | None = None
    name: str = ""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done. Actions are names such as `job.created`."""

    id: UUID
    number: int
    """Its place in the tenant's chain, without gaps."""
    at: dt.datetime
    actor: Actor
    action: str
    thing_id: str
    address: str | None
    request_id: str | None
    before: dict[str, Any] | None
    """Texts, numbers and lists of them, by name: they differ with the action."""
    after: dict[str, Any] | None
    hash: str
