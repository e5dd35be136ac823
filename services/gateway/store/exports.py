"""Exports of tenants, and the rows that go into them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from services.gateway.audit import Action, entry_of
from services.gateway.cursors import Cursor
from services.gateway.store import patiently
from services.gateway.store.audit import noting
from shared.database import Pool, transaction

TABLES = (
    "jobs",
    "batches",
    "uploads",
    "revisions",
    "endpoints",
    "addresses",
    "users",
    "api_keys",
    "vocabularies",
    "retention",
    "usage_records",
    "llm_months",
    "erasure_orders",
    "audit_log",
)
"""Those whose rows say something to the tenant; indexes, leases and what is being done are left out."""

_HIDDEN = r"(password|secret|token(?!s$)|digest|sealed|signature|hash)"
"""Names of columns that nobody is given, beside all that hold bytes. How many `tokens` were used is no secret."""
_MOST_ATTEMPTS = 5
_PREFETCH = 500


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.exports`."""

    id: UUID
    tenant_id: UUID
    requested_at: dt.datetime
    attempts: int
    finished_at: dt.datetime | None
    expires_at: dt.datetime | None
    size: int | None
    failure: str | None

    @property
    def created_at(self) -> dt.datetime:
        """What lists are ordered by."""
        return self.requested_at

    @property
    def is_ready(self) -> bool:
        """Whether there is a file."""
        return self.size is not None


_COLUMNS = ", ".join(field.name for field in msgspec.structs.fields(Export))


class ExportStore:
    """Rows of `gateway.exports`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ask(self, tenant_id: UUID, export_id: UUID) -> Export | None:
        """Have one made; null while another one is being made."""
        row = await patiently(
            self._pool.fetchrow(
                f"""
                with asked as (
                    insert into gateway.exports (id, tenant_id) values ($1, $2)
                    on conflict (tenant_id) where finished_at is null do nothing returning {_COLUMNS}
                ), {noting("asked", 3)}
                select * from asked
                """,
                *(export_id, tenant_id, entry_of(Action.EXPORT_CREATED, tenant_id, export_id)),
            )
        )
        return None if row is None else msgspec.convert(dict(row), Export)

    async def find(self, tenant_id: UUID, export_id: UUID) -> Export | None:
        """One of a tenant's."""
        row = await patiently(
            self._pool.fetchrow(
                f"select {_COLUMNS} from gateway.exports where tenant_id = $1 and id = $2", tenant_id, export_id
            )
        )
        return None if row is None else msgspec.convert(dict(row), Export)

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[Export]:
        """The tenant's newest, those after the cursor."""
        rows = await patiently(
            self._pool.fetch(
                f"""
                select {_COLUMNS} from gateway.exports
                where tenant_id = $1 and ($2::timestamptz is null or (requested_at, id) < ($2, $3))
                order by requested_at desc, id desc limit $4
                """,
                *(tenant_id, after and after.created_at, after and after.id, limit),
            )
        )
        return [msgspec.convert(dict(row), Export) for row in rows]

    async def claim(self, *, hold: float) -> Export | None:
        """One to be made, left alone by others for so many seconds; those that were begun too often fail."""
        await self._pool.execute(
            """
            update gateway.exports set finished_at = now(), failure = coalesce(failure, 'It was broken off again and again.')
            where finished_at is null and next_at <= now() and attempts >= $1
            """,
            _MOST_ATTEMPTS,
        )
        row = await self._pool.fetchrow(
            f"""
            update gateway.exports set next_at = now() + make_interval(secs => $1), attempts = attempts + 1
            where id = (
                select id from gateway.exports where finished_at is null and next_at <= now()
                order by next_at limit 1 for update skip locked
            ) returning {_COLUMNS}
            """,
            hold,
        )
        return None if row is None else msgspec.convert(dict(row), Export)

    async def keep(self, export: Export, *, hold: float) -> None:
        """It is still being made."""
        await self._pool.execute(
            "update gateway.exports set next_at = now() + make_interval(secs => $2) where id = $1", export.id, hold
        )

    async def finish(self, export: Export, *, size: int, days: float) -> None:
        """The file is there."""
        await self._pool.execute(
            "update gateway.exports set finished_at = now(), size = $2, expires_at = now() + make_interval(secs => $3) "
            "where id = $1",
            *(export.id, size, days * 86_400),
        )

    async def fail(self, export: Export, failure: str) -> None:
        """It cannot be made."""
        await self._pool.execute(
            "update gateway.exports set finished_at = now(), failure = $2 where id = $1", export.id, failure
        )

    async def expired(self) -> list[Export]:
        """Those whose file is to go."""
        rows = await self._pool.fetch(f"select {_COLUMNS} from gateway.exports where expires_at <= now() limit 100")
        return [msgspec.convert(dict(row), Export) for row in rows]

    async def forget(self, export: Export) -> None:
        """Its file is gone."""
        await self._pool.execute("delete from gateway.exports where id = $1", export.id)

    async def rows(self, tenant_id: UUID, table: str) -> AsyncIterator[bytes]:
        """A tenant's rows of one of the tables, each a line of JSON, without what is secret or no text."""
        hidden = await self._pool.fetch(
            """
            select attname::text as name from pg_attribute a join pg_type t on t.oid = a.atttypid
            where attrelid = ('gateway.' || $1)::regclass and attnum > 0 and (t.typname = 'bytea' or attname ~ $2)
            """,
            *(table, _HIDDEN),
        )
        async with transaction(self._pool) as connection:
            # The store may be slow, and this locks nothing.
            await connection.execute("set local idle_in_transaction_session_timeout = 0")
            rows = connection.cursor(
                f"select (to_jsonb(t) - $2::text[])::text as line from gateway.{table} t where tenant_id = $1",
                *(tenant_id, [row["name"] for row in hidden]),
                prefetch=_PREFETCH,
            )
            async for row in rows:
                yield row["line"].encode() + b"\n"

    async def takes(self, tenant_id: UUID, job_id: UUID, key: str) -> bool:
        """Whether a blob of a job or upload belongs into an export: not where that was deleted, and not where somebody's words
        are being erased and the store has not let go of it yet."""
        taken: bool = await self._pool.fetchval(
            """
            select (
                exists (select from gateway.jobs where tenant_id = $1 and id = $2)
                or exists (select from gateway.uploads where tenant_id = $1 and id = $2)
            ) and not exists (
                select from gateway.erasure_orders
                where tenant_id = $1 and job_id = $2 and kind = 'speaker' and certified_at is null and $3 = any(keys)
            )
            """,
            *(tenant_id, job_id, key),
        )
        return taken

    async def has(self, table: str) -> bool:
        """Whether there is such a table."""
        return await self._pool.fetchval("select to_regclass('gateway.' || $1) is not null", table) is True
