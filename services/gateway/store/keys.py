"""The API keys of tenants: listed, made, replaced and revoked. Of a key itself there is only the digest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

import msgspec

from services.gateway.audit import Action, Fact, entry_of
from services.gateway.cursors import Cursor
from services.gateway.keys import digest
from services.gateway.permissions import Permission, Role, permissions_of
from services.gateway.store import patiently
from services.gateway.store.audit import note, noting
from shared.database import Pool, transaction


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.api_keys`."""

    id: UUID
    tenant_id: UUID
    name: str
    hint: str
    role: Role
    scopes: tuple[str, ...] | None = None
    """What the role is narrowed to; null for all of it."""
    made_by: UUID | None = None
    """The key it was made with, or the user who made it; null for an operator."""
    created_at: dt.datetime
    expires_at: dt.datetime | None = None
    last_used_at: dt.datetime | None = None
    revoked_at: dt.datetime | None = None
    replaced_by: UUID | None = None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What it may do."""
        return permissions_of(self.role, self.scopes)

    def ended(self, now: dt.datetime) -> bool:
        """Whether it opens nothing any more."""
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now)


_COLUMNS = ", ".join(field.name for field in msgspec.structs.fields(KeyRow))
_ALIVE = "revoked_at is null and (expires_at is null or expires_at > now())"
_ADD = """
    insert into gateway.api_keys (digest, id, tenant_id, name, hint, role, scopes, made_by, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


class KeyStore:
    """Rows of `gateway.api_keys`, always asked for by tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, tenant_id: UUID, key_id: UUID) -> KeyRow | None:
        """One key of the tenant."""
        row = await patiently(
            self._pool.fetchrow(f"select {_COLUMNS} from gateway.api_keys where tenant_id = $1 and id = $2", tenant_id, key_id)
        )
        return None if row is None else msgspec.convert(dict(row), KeyRow)

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[KeyRow]:
        """The tenant's newest keys, those after the cursor, ended ones among them."""
        rows = await patiently(
            self._pool.fetch(
                f"""
                select {_COLUMNS} from gateway.api_keys
                where tenant_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3))
                order by created_at desc, id desc limit $4
                """,
                *(tenant_id, after and after.created_at, after and after.id, limit),
            )
        )
        return [msgspec.convert(dict(row), KeyRow) for row in rows]

    async def add(self, row: KeyRow, key: str, *, most: int) -> bool:
        """Add one, while fewer than `most` of the tenant's are alive."""
        return await patiently(self._add(row, key, most))

    async def replace(self, old: KeyRow, new: KeyRow, key: str, *, expires_at: dt.datetime) -> bool:
        """Add the successor of a key that is alive and has none yet, and let the old one end when it is told to."""
        return await patiently(self._replace(old, new, key, expires_at))

    async def revoke(self, row: KeyRow) -> bool:
        """End a key; False when it was revoked before."""
        revoked = await patiently(
            self._pool.fetchval(
                f"""
                with revoked as (
                    update gateway.api_keys set revoked_at = now() where id = $1 and tenant_id = $2 and revoked_at is null
                    returning id
                ), {noting("revoked", 3)}
                select id from revoked
                """,
                *(row.id, row.tenant_id, entry_of(Action.KEY_REVOKED, row.tenant_id, row.id, before=_facts(row))),
            )
        )
        return revoked is not None

    async def used(self, uses: Mapping[UUID, dt.datetime]) -> None:
        """Keep when keys were last used; an earlier time never takes the place of a later one."""
        await self._pool.execute(
            """
            update gateway.api_keys set last_used_at = greatest(last_used_at, at)
            from unnest($1::uuid[], $2::timestamptz[]) as used (key_id, at) where id = key_id
            """,
            *(list(uses), list(uses.values())),
        )

    async def _add(self, row: KeyRow, key: str, most: int) -> bool:
        async with transaction(self._pool) as connection:
            # Of two at once, the second counts the first.
            await connection.execute("select from gateway.tenants where id = $1 for update", row.tenant_id)
            alive = await connection.fetchval(
                f"select count(*) from gateway.api_keys where tenant_id = $1 and {_ALIVE}", row.tenant_id
            )
            if alive >= most:
                return False
            await connection.execute(_ADD, *_values(row, key))
            await note(connection, entry_of(Action.KEY_CREATED, row.tenant_id, row.id, after=_facts(row)))
        return True

    async def _replace(self, old: KeyRow, new: KeyRow, key: str, expires_at: dt.datetime) -> bool:
        async with transaction(self._pool) as connection:
            replaced = await connection.fetchval(
                f"""
                update gateway.api_keys set replaced_by = $3, expires_at = least(expires_at, $4)
                where id = $1 and tenant_id = $2 and replaced_by is null and {_ALIVE} returning id
                """,
                *(old.id, old.tenant_id, new.id, expires_at),
            )
            if replaced is None:
                return False
            await connection.execute(_ADD, *_values(new, key))
            after = {**_facts(new), "successor": str(new.id), "ends": expires_at.isoformat()}
            await note(connection, entry_of(Action.KEY_ROTATED, old.tenant_id, old.id, before=_facts(old), after=after))
        return True


def _facts(row: KeyRow) -> dict[str, Fact]:
    """What the audit log keeps of a key."""
    return {
        "name": row.name,
        "hint": row.hint,
        "role": row.role.value,
        "scopes": row.scopes,
        "expires_at": None if row.expires_at is None else row.expires_at.isoformat(),
    }


def _values(row: KeyRow, key: str) -> tuple[object, ...]:
    scopes = None if row.scopes is None else list(row.scopes)
    made = (row.created_at, row.expires_at)
    return (digest(key), row.id, row.tenant_id, row.name, row.hint, row.role, scopes, row.made_by, *made)
