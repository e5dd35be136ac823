"""API keys, and what they may do."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum


class Role(OpenEnum):
    """What somebody is in a tenant."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"
    AUDITOR = "auditor"


class KeyState(OpenEnum):
    """Whether a key opens anything."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, without itself. Permissions are names such as `jobs:read`."""

    id: UUID
    name: str
    hint: str
    """How it begins and ends."""
    state: KeyState
    role: Role
    scopes: tuple[str, ...] | None
    """What the role is narrowed to; null is all of it."""
    permissions: tuple[str, ...]
    made_by: UUID | None
    created_at: dt.datetime
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None
    replaced_by: UUID | None


class NewApiKey(ApiKey, frozen=True, kw_only=True):
    """A fresh key."""

    key: str
    """Itself, shown this once."""

    def __repr__(self) -> str:
        return f"NewApiKey(id={self.id}, hint={self.hint!r})"
