"""Tenants, as operators deal with them."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import asyncpg
import msgspec

from services.gateway.audit import Action, entry_of
from services.gateway.store.audit import note
from shared.database import Pool, transaction
from shared.errors import Audio2txtError
from shared.schemas.ids import new_id


class NameTaken(Audio2txtError):
    """Another tenant has this name."""


class TenantErased(Audio2txtError):
    """Everything of this tenant is being erased, or was."""


class TenantRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.tenants`, and how many of its keys are alive."""

    id: UUID
    name: str
    created_at: dt.datetime
    disabled_at: dt.datetime | None = None
    keys: int = 0


class TenantStore:
    """Rows of `gateway.tenants`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> list[TenantRow]:
        """All tenants by name."""
        rows = await self._pool.fetch(
            """
            select t.id, t.name, t.created_at, t.disabled_at, count(k.id) as keys from gateway.tenants t
            left join gateway.api_keys k on k.tenant_id = t.id and k.revoked_at is null
                and (k.expires_at is null or k.expires_at > now())
            group by t.id order by t.name
            """
        )
        return [msgspec.convert(dict(row), TenantRow) for row in rows]

    async def add(self, name: str) -> UUID:
        """A new tenant. Raises `NameTaken`."""
        tenant_id = new_id()
        try:
            async with transaction(self._pool) as connection:
                await connection.execute("insert into gateway.tenants (id, name) values ($1, $2)", tenant_id, name)
                await note(connection, entry_of(Action.TENANT_CREATED, tenant_id, tenant_id, after={"name": name}))
        except asyncpg.UniqueViolationError:
            raise _taken(name) from None
        return tenant_id

    async def rename(self, row: TenantRow, name: str) -> None:
        """Call it something else. Raises `NameTaken`."""
        entry = entry_of(Action.TENANT_RENAMED, row.id, row.id, before={"name": row.name}, after={"name": name})
        try:
            async with transaction(self._pool) as connection:
                await connection.execute("update gateway.tenants set name = $2 where id = $1", row.id, name)
                await note(connection, entry)
        except asyncpg.UniqueViolationError:
            raise _taken(name) from None

    async def disable(self, row: TenantRow) -> None:
        """Let nobody of it in; gateways that know its keys forget them within half a minute."""
        await self._set_disabled(row, Action.TENANT_DISABLED, dt.datetime.now(dt.UTC))

    async def enable(self, row: TenantRow) -> None:
        """Let those in again who have a key. Raises `TenantErased`."""
        await self._set_disabled(row, Action.TENANT_ENABLED, None)

    async def _set_disabled(self, row: TenantRow, action: Action, at: dt.datetime | None) -> None:
        async with transaction(self._pool) as connection:
            # The row's lock makes an order to erase it wait, or be seen.
            await connection.execute("select from gateway.tenants where id = $1 for update", row.id)
            if at is None and await connection.fetchval(
                "select exists (select from gateway.erasure_orders where tenant_id = $1 and kind = 'tenant')", row.id
            ):
                raise TenantErased(f"{row.name} was ordered to be erased; add a new tenant in its place.")
            changed = await connection.fetchval(
                """
                update gateway.tenants set disabled_at = $2
                where id = $1 and (disabled_at is null) <> ($2::timestamptz is null) returning id
                """,
                *(row.id, at),
            )
            if changed is not None:
                await note(connection, entry_of(action, row.id, row.id))


def _taken(name: str) -> NameTaken:
    return NameTaken(f"There is a tenant {name!r} already; choose another name.")
