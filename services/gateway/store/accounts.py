"""Who makes a request, whom a key belongs to, and the first key."""

from __future__ import annotations

import datetime as dt
import enum
from uuid import UUID

import msgspec
from typing_extensions import override

from services.gateway.audit import Actor, ActorKind
from services.gateway.keys import digest, hint
from services.gateway.permissions import Permission, Role, permissions_of
from services.gateway.store import patiently
from shared.database import Pool, transaction
from shared.schemas.ids import new_id

_FIRST_KEY_LOCK = 0x61326B79
"""Advisory lock key: the bytes of "a2ky"."""


class Means(enum.StrEnum):
    """What a user proves by who they are."""

    PASSWORD = "password"  # noqa: S105 -- a word for it
    """Given with the request itself."""
    TOKEN = "token"  # noqa: S105 -- a word for it
    SESSION = "session"
    """A browser's, by its cookie."""


class ByKey(msgspec.Struct, frozen=True, kw_only=True, tag="key"):
    """A request with an API key."""

    id: UUID
    name: str
    hint: str
    scopes: tuple[str, ...] | None
    created_at: dt.datetime
    expires_at: dt.datetime | None


class ByUser(msgspec.Struct, frozen=True, kw_only=True, tag="user"):
    """A request of a person."""

    id: UUID
    name: str
    email: str
    means: Means
    sign_in_id: UUID | None = None
    """Of the token or session; null for a password."""
    expires_at: dt.datetime | None = None
    verified: str | None = None
    """The stored hash that a password was compared with; null for a token or session."""

    @override
    def __repr__(self) -> str:
        """Without the hash."""
        return f"ByUser(id={self.id!r}, means={self.means!r}, sign_in_id={self.sign_in_id!r})"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request, in which tenant, and what they may do there."""

    tenant_id: UUID
    tenant_name: str
    role: Role
    permissions: frozenset[Permission]
    by: ByKey | ByUser

    @property
    def id(self) -> UUID:
        """The key's or the user's."""
        return self.by.id

    @property
    def actor(self) -> Actor:
        """As the audit log names them."""
        kind = ActorKind.KEY if isinstance(self.by, ByKey) else ActorKind.USER
        return Actor(kind=kind, id=self.by.id, name=self.by.name)


class AccountStore:
    """Rows of `gateway.tenants`, and those of `gateway.api_keys` whose tenant is not known yet."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def principal(self, key_digest: bytes) -> Principal | None:
        """Who owns the key, unless it expired or was revoked, or its tenant is disabled."""
        row = await patiently(
            self._pool.fetchrow(
                """
                select tenant_id, t.name as tenant_name, k.id, k.name, hint, role, scopes, k.created_at, expires_at
                from gateway.api_keys k join gateway.tenants t on t.id = k.tenant_id
                where digest = $1 and revoked_at is null and (expires_at is null or expires_at > now()) and disabled_at is null
                """,
                key_digest,
            )
        )
        if row is None:
            return None
        values = dict(row)
        tenant_id, tenant_name, role = (values.pop(name) for name in ("tenant_id", "tenant_name", "role"))
        return Principal(
            tenant_id=tenant_id,
            tenant_name=tenant_name,
            role=Role(role),
            permissions=permissions_of(Role(role), row["scopes"]),
            by=msgspec.convert(values | {"type": "key"}, ByKey),
        )

    async def add_first_key(self, tenant_name: str, key: str) -> bool:
        """Make the first tenant and this key for it, unless there is a key already."""
        async with transaction(self._pool) as connection:
            await connection.execute("select pg_advisory_xact_lock($1)", _FIRST_KEY_LOCK)
            made = await connection.fetchval(
                """
                with tenant as (
                    insert into gateway.tenants (id, name) select $1, $2 where not exists (select from gateway.api_keys)
                    on conflict (name) do update set name = excluded.name
                    returning id
                )
                insert into gateway.api_keys (digest, id, tenant_id, hint, name, role)
                select $3, $4, id, $5, 'First key', 'owner' from tenant returning id
                """,
                *(new_id(), tenant_name, digest(key), new_id(), hint(key)),
            )
        return made is not None
