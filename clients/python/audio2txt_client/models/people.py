"""A tenant's users, and what they sign in with."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum
from audio2txt_client.models.account import Tenant
from audio2txt_client.models.keys import Role
from audio2txt_client.models.options import ReportLanguage


class UserState(OpenEnum):
    """Whether a user can sign in."""

    INVITED = "invited"
    """They have not joined yet."""
    ACTIVE = "active"
    DISABLED = "disabled"


class Means(OpenEnum):
    """What a user shows that it is them."""

    PASSWORD = "password"  # noqa: S105 -- the name of a means
    TOKEN = "token"  # noqa: S105 -- the name of a means
    SESSION = "session"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signs in."""

    id: UUID
    email: str
    name: str
    role: Role
    state: UserState
    language: ReportLanguage
    """Of e-mails to them."""
    made_by: UUID | None
    """The key or user that made them; null for an operator."""
    created_at: dt.datetime
    joined_at: dt.datetime | None
    disabled_at: dt.datetime | None
    last_signed_in_at: dt.datetime | None
    etag: str | None = None
    """For `if_match`; null for one of a list."""


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """The user who makes the requests."""

    user: User
    tenant: Tenant
    permissions: tuple[str, ...]
    means: Means
    expires_at: dt.datetime | None
    """When the token ends; null for a password."""
    etag: str | None = None
    """For `if_match`."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A user's bearer token, without itself."""

    id: UUID
    name: str
    address: str | None
    """From where it was made."""
    created_at: dt.datetime
    expires_at: dt.datetime
    last_used_at: dt.datetime


class NewToken(Token, frozen=True, kw_only=True):
    """A fresh token."""

    token: str
    """Itself, shown this once: give it as `api_key`."""

    def __repr__(self) -> str:
        return f"NewToken(id={self.id}, name={self.name!r})"


class BrowserSession(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that a user is signed in with."""

    id: UUID
    current: bool
    """Whether it makes this request."""
    browser: str
    """How it calls itself."""
    address: str | None
    created_at: dt.datetime
    expires_at: dt.datetime
    last_used_at: dt.datetime
