"""Who asks."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.models.keys import Role


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """Whose data this is."""

    id: UUID
    name: str


class CallingKey(msgspec.Struct, frozen=True, kw_only=True):
    """The key that makes the requests."""

    id: UUID
    name: str
    hint: str
    role: Role
    permissions: tuple[str, ...]
    created_at: dt.datetime
    expires_at: dt.datetime | None


class CallingUser(msgspec.Struct, frozen=True, kw_only=True):
    """The user who makes the requests."""

    id: UUID
    name: str
    email: str
    role: Role
    permissions: tuple[str, ...]
    expires_at: dt.datetime | None


class LlmMonth(msgspec.Struct, frozen=True, kw_only=True):
    """What the tenant's reports ask of language models in this calendar month (UTC)."""

    tokens: int
    tokens_limit: int | None
    cost_usd: str
    cost_usd_limit: str | None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the tenant may use, and what it has used. A limit that is null does not exist."""

    name: str | None
    """Null where nothing is limited."""
    minutes: float
    """Of audio in this calendar month (UTC): used, or held for jobs at work."""
    minutes_limit: int | None
    resets_at: dt.datetime
    storage_bytes: int
    storage_bytes_limit: int | None
    concurrent_jobs_limit: int | None
    waiting_jobs_limit: int | None
    features: tuple[str, ...]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Tenant, key or user, and what may be used."""

    tenant: Tenant
    key: CallingKey | None
    """Null where a user asks, by a token."""
    user: CallingUser | None = None
    llm_month: LlmMonth
    plan: Plan | None = None
