"""Addresses that e-mails go to, and whether their readers want them. Whoever changes one locks it before its endpoints."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from services.gateway.cursors import Cursor
from services.gateway.store import PATIENCE, patiently
from services.gateway.store.audit import note
from services.gateway.store.endpoints import EndpointWrites
from shared.database import Connection, Pool, transaction
from shared.schemas.endpoints import SuppressionReason, Withheld
from shared.schemas.ids import new_id
from shared.schemas.jobs import ReportLanguage


class AddressRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.addresses`."""

    id: UUID
    tenant_id: UUID
    address: str
    asked_at: dt.datetime | None = None
    asked: int = 0
    confirmed_at: dt.datetime | None = None
    suppressed_at: dt.datetime | None = None
    suppressed_reason: SuppressionReason | None = None
    lifted_at: dt.datetime | None = None

    @property
    def withheld(self) -> Withheld | None:
        """Why nothing is sent to it."""
        if self.suppressed_at is not None:
            return Withheld.SUPPRESSED
        return Withheld.UNCONFIRMED if self.confirmed_at is None else None


class SuppressionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What suppresses an address."""

    id: UUID
    """The address's own."""
    address: str
    reason: SuppressionReason
    created_at: dt.datetime


_NAMES = tuple(field.name for field in msgspec.structs.fields(AddressRow))
_COLUMNS = ", ".join(_NAMES)
_CHANGED = ", ".join(f"{name} = ${number}" for number, name in enumerate(_NAMES, start=1) if number > 3)


class AddressChanges:
    """What is done about one address and its endpoints in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.endpoints = EndpointWrites(connection)

    async def enter(self, tenant_id: UUID, address: str) -> AddressRow:
        """The tenant's address, made where it is not there yet, and locked."""
        row = await self._connection.fetchrow(
            f"insert into gateway.addresses (id, tenant_id, address) values ($1, $2, $3) "
            f"on conflict (tenant_id, address) do update set address = excluded.address returning {_COLUMNS}",
            *(new_id(), tenant_id, address),
        )
        return msgspec.convert(dict(row or {}), AddressRow)

    async def lock(self, address_id: UUID) -> AddressRow | None:
        """An address that is there."""
        row = await self._connection.fetchrow(f"select {_COLUMNS} from gateway.addresses where id = $1 for update", address_id)
        return None if row is None else msgspec.convert(dict(row), AddressRow)

    async def write(self, row: AddressRow) -> None:
        """Write one that is locked."""
        await self._connection.execute(
            f"update gateway.addresses set {_CHANGED} where id = $1 and tenant_id = $2 and address = $3",
            *msgspec.structs.astuple(row),
        )

    async def note(self, entry: str | None) -> None:
        """Keep in the audit log what is done."""
        await note(self._connection, entry)

    async def asked_in_a_day(self, tenant_id: UUID) -> int:
        """How many addresses' readers were asked because of the tenant."""
        count: int = await self._connection.fetchval(
            "select count(*) from gateway.addresses where tenant_id = $1 and asked_at > now() - interval '1 day'", tenant_id
        )
        return count


class AddressStore:
    """Rows of `gateway.addresses`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[AddressChanges]:
        """A transaction; raises `TimeoutError` when it takes too long."""
        async with asyncio.timeout(PATIENCE), transaction(self._pool) as connection:
            yield AddressChanges(connection)

    async def find_anybodys(self, address_id: UUID) -> AddressRow | None:
        """One address, for whoever proves to be its reader."""
        row = await patiently(self._pool.fetchrow(f"select {_COLUMNS} from gateway.addresses where id = $1", address_id))
        return None if row is None else msgspec.convert(dict(row), AddressRow)

    async def suppressions(
        self, tenant_id: UUID, address: str | None, *, after: Cursor | None, limit: int
    ) -> list[SuppressionRow]:
        """The tenant's newest, those after the cursor; of one address alone where it is given."""
        rows = await patiently(
            self._pool.fetch(
                """
                select id, address, suppressed_reason as reason, suppressed_at as created_at from gateway.addresses
                where tenant_id = $1 and suppressed_at is not null and ($2::text is null or address = $2)
                    and ($3::timestamptz is null or (suppressed_at, id) < ($3, $4))
                order by suppressed_at desc, id desc limit $5
                """,
                *(tenant_id, address, after and after.created_at, after and after.id, limit),
            )
        )
        return [msgspec.convert(dict(row), SuppressionRow) for row in rows]

    async def language(self, address_id: UUID) -> ReportLanguage:
        """What its reader is written to in, by the newest endpoint."""
        language: ReportLanguage | None = await patiently(
            self._pool.fetchval(
                "select language from gateway.endpoints where address_id = $1 order by created_at desc limit 1", address_id
            )
        )
        return language or "en"

    async def unconfirmed(self) -> list[UUID]:
        """Those whose readers have not answered yet."""
        rows = await patiently(self._pool.fetch("select id from gateway.addresses where confirmed_at is null"))
        return [row["id"] for row in rows]
