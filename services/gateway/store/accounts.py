"""Who a key belongs to, and the first key."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from services.gateway.keys import digest, hint
from services.gateway.permissions import Permission, Role, permissions_of
from services.gateway.store import patiently
from shared.database import Pool, transaction
from shared.schemas.ids import new_id

_FIRST_KEY_LOCK = 0x61326B79
"""Advisory lock key: the bytes of "a2ky"."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request: a tenant, by one of its keys, and what that may do."""

    tenant_id: UUID
    tenant_name: str
    key_id: UUID
    key_name: str
    key_hint: str
    role: Role
    scopes: tuple[str, ...] | None
    permissions: frozenset[Permission]
    key_created_at: dt.datetime
    key_expires_at: dt.datetime | None


class AccountStore:
    """Rows of `gateway.tenants`, and those of `gateway.api_keys` whose tenant is not known yet."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def principal(self, key_digest: bytes) -> Principal | None:
        """Who owns the key, unless it expired or was revoked, or its tenant is disabled."""
        row = await patiently(
            self._pool.fetchrow(
                """
                select tenant_id, t.name as tenant_name, k.id as key_id, k.name as key_name, hint as key_hint, role, scopes,
                       k.created_at as key_created_at, expires_at as key_expires_at
                from gateway.api_keys k join gateway.tenants t on t.id = k.tenant_id
                where digest = $1 and revoked_at is null and (expires_at is null or expires_at > now()) and disabled_at is null
                """,
                key_digest,
            )
        )
        if row is None:
            return None
        permissions = permissions_of(Role(row["role"]), row["scopes"])
        return msgspec.convert(dict(row) | {"permissions": permissions}, Principal)

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
