"""A tenant's API keys: made, rotated and revoked by those whose own key allows it. Nobody hands out more than they have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
import structlog
from msgspec import Meta

from services.gateway.cursors import Cursor
from services.gateway.keys import hint, new_key
from services.gateway.permissions import ROLES, Permission, Role
from services.gateway.problems import Problem, forbidden, invalid
from services.gateway.store.accounts import Principal
from services.gateway.store.keys import KeyRow, KeyStore
from services.gateway.texts import clean_line
from services.gateway.times import after, utc
from shared.schemas.ids import new_id

_NAME = Meta(min_length=1, max_length=100, description="What it is for.", examples=["The archive's importer"])

Expiry: TypeAlias = Annotated[
    dt.datetime, Meta(tz=True, description="When it ends, RFC 3339.", examples=["2027-11-22T00:00:00Z"])
]

log = structlog.get_logger(__name__)


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to make."""

    name: Annotated[str, _NAME]
    role: Annotated[Role, Meta(description="What it may do, at most as much as the key that makes it.", examples=["editor"])]
    scopes: (
        Annotated[
            tuple[Permission, ...],
            Meta(
                min_length=1, description="Narrows the role to these permissions; null is all of it.", examples=[["jobs:read"]]
            ),
        ]
        | None
    ) = None
    expires_at: Annotated[Expiry | None, Meta(description="Null is never.")] = None


class KeyRotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the successor follows."""

    overlap_hours: Annotated[
        float, Meta(ge=0, le=720, description="How long the old key goes on; 0 ends it at once.", examples=[24])
    ] = 24.0
    expires_at: Annotated[
        Expiry | None, Meta(description="When the new key ends; null gives it as long a life as the old one was given.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A fresh key, which is known this once."""

    row: KeyRow
    key: str


@dataclass(frozen=True, kw_only=True)
class ApiKeys:
    """What a tenant does with its keys."""

    store: KeyStore
    most: int
    forget: Callable[[UUID], None]
    """Lets this process know a key no more."""

    async def create(self, principal: Principal, wish: NewKey) -> Issued:
        """Make a key. Raises `Problem`."""
        now, key = dt.datetime.now(dt.UTC), new_key()
        _check_future(wish.expires_at, now)
        row = KeyRow(
            id=new_id(),
            tenant_id=principal.tenant_id,
            name=_name(wish.name),
            hint=hint(key),
            role=wish.role,
            scopes=_scopes(wish),
            made_by=principal.id,
            created_at=now,
            expires_at=utc(wish.expires_at),
        )
        _check_no_more(principal, row, "make")
        if not await self.store.add(row, key, most=self.most):
            detail = f"The tenant has {self.most} keys, which is the most; revoke one first."
            raise Problem(409, "too_many_keys", detail)
        log.info("key.created", tenant_id=str(row.tenant_id), key_id=str(row.id), role=row.role)
        return Issued(row=row, key=key)

    async def rotate(self, principal: Principal, key_id: UUID, wish: KeyRotation) -> Issued:
        """Make a key that may do the same, and let the old one end after a while. Raises `Problem`."""
        now, key = dt.datetime.now(dt.UTC), new_key()
        _check_future(wish.expires_at, now)
        old = await self.find(principal.tenant_id, key_id)
        _check_no_more(principal, old, "rotate")
        lifetime = None if old.expires_at is None else old.expires_at - old.created_at
        new = msgspec.structs.replace(
            old,
            id=new_id(),
            hint=hint(key),
            made_by=principal.id,
            created_at=now,
            expires_at=utc(wish.expires_at) or (lifetime and after(now, lifetime)),
            last_used_at=None,
        )
        if not await self.store.replace(old, new, key, expires_at=now + dt.timedelta(hours=wish.overlap_hours)):
            raise Problem(409, "key_not_current", "The key has ended, or has a successor already; rotate that one.")
        self.forget(old.id)
        log.info("key.rotated", tenant_id=str(old.tenant_id), key_id=str(old.id), successor=str(new.id))
        return Issued(row=new, key=key)

    async def revoke(self, principal: Principal, key_id: UUID) -> None:
        """End a key; twice is once. Raises `Problem`."""
        row = await self.find(principal.tenant_id, key_id)
        _check_no_more(principal, row, "revoke")
        await self.store.revoke(row)
        self.forget(row.id)
        log.info("key.revoked", tenant_id=str(row.tenant_id), key_id=str(row.id))

    async def find(self, tenant_id: UUID, key_id: UUID) -> KeyRow:
        """One key. Raises `Problem` 404."""
        row = await self.store.find(tenant_id, key_id)
        if row is None:
            raise Problem(404, "key_not_found", "There is no key with this id.")
        return row

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[KeyRow]:
        """The newest, those after the cursor."""
        return await self.store.page(tenant_id, after=after, limit=limit)


def _name(text: str) -> str:
    name = clean_line(text)
    if name is None:
        raise invalid("/name", "invalid_request", "The name must have at least one visible character.")
    return name


def _scopes(wish: NewKey) -> tuple[str, ...] | None:
    """The scopes, each once. Raises `Problem` 422 for one that the role does not have."""
    if wish.scopes is None:
        return None
    for place, scope in enumerate(wish.scopes):
        if scope not in ROLES[wish.role]:
            detail = f"The role {wish.role} has no permission {scope}; scopes only narrow a role."
            raise invalid(f"/scopes/{place}", "scope_not_of_role", detail)
    return tuple(sorted(set(wish.scopes)))


def _check_future(expires_at: dt.datetime | None, now: dt.datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise invalid("/expires_at", "invalid_request", "The end lies in the past.")


def _check_no_more(principal: Principal, row: KeyRow, verb: str) -> None:
    """Whoever deals with a key must have all that it has, or could take what was not given. Raises `Problem` 403."""
    if missing := sorted(row.permissions - principal.permissions):
        detail = f"Your key cannot {verb} a key that may do more than itself; it lacks {', '.join(missing)}."
        raise forbidden(missing[0], detail)
