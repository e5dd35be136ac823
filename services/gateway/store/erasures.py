"""What is to be erased for good, what is still found of it anywhere, and the certificates."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import asyncpg
import msgspec

from services.gateway.audit import Action, entry_of
from services.gateway.cursors import Cursor
from services.gateway.erasure import KEPT, Order
from services.gateway.jobs import Job
from services.gateway.store import patiently
from services.gateway.store.audit import note
from shared.database import Pool, transaction
from shared.schemas.ids import new_id
from shared.tenant_rows import count_rows_of, delete_rows_of

_COLUMNS = ", ".join(field.name for field in msgspec.structs.fields(Order))
_JOB = ", ".join(field.name for field in msgspec.structs.fields(Job))
_BATCH = 50
_COMMIT_SECONDS = 10.0
"""For which an order's transaction may have run: an export that was begun in it has seen what was there before."""
_SERVICES = ("transcriber", "notifier")


class Dismissed(msgspec.Struct, frozen=True, kw_only=True):
    """How often a provider was made to forget its copy."""

    engine: str
    times: int


class Chained(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tenant's chain of certificates ends."""

    number: int = 0
    hash: bytes | None = None


class ErasureStore:
    """Rows of `gateway.erasure_orders`, and what is found of their subjects."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, tenant_id: UUID, order_id: UUID) -> Order | None:
        """One of a tenant's."""
        row = await patiently(
            self._pool.fetchrow(
                f"select {_COLUMNS} from gateway.erasure_orders where tenant_id = $1 and id = $2", tenant_id, order_id
            )
        )
        return None if row is None else msgspec.convert(dict(row), Order)

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[Order]:
        """The tenant's newest, those after the cursor."""
        rows = await patiently(
            self._pool.fetch(
                f"""
                select {_COLUMNS} from gateway.erasure_orders
                where tenant_id = $1 and ($2::timestamptz is null or (requested_at, id) < ($2, $3))
                order by requested_at desc, id desc limit $4
                """,
                *(tenant_id, after and after.created_at, after and after.id, limit),
            )
        )
        return [msgspec.convert(dict(row), Order) for row in rows]

    async def erase_tenant(self, tenant_id: UUID) -> UUID:
        """Order that a tenant is erased, which nobody of it gets into from now on; the order's id. Asked again before it is
        certified, the same."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "update gateway.tenants set disabled_at = coalesce(disabled_at, now()) where id = $1", tenant_id
            )
            known: UUID | None = await connection.fetchval(
                "select id from gateway.erasure_orders where tenant_id = $1 and kind = 'tenant' and certified_at is null",
                tenant_id,
            )
            if known is not None:
                return known
            order_id = new_id()
            await connection.execute(
                "insert into gateway.erasure_orders (id, tenant_id, kind) values ($1, $2, 'tenant')", order_id, tenant_id
            )
            await note(connection, entry_of(Action.TENANT_ERASED, tenant_id, tenant_id))
        return order_id

    async def due(self, *, claim: float) -> list[Order]:
        """Those to go on with; another process leaves them alone for so many seconds."""
        rows = await self._pool.fetch(
            f"""
            update gateway.erasure_orders set next_at = now() + make_interval(secs => $1)
            where id in (
                select id from gateway.erasure_orders where certified_at is null and next_at <= now()
                order by next_at limit $2 for update skip locked
            )
            returning {_COLUMNS}
            """,
            *(claim, _BATCH),
        )
        return [msgspec.convert(dict(row), Order) for row in rows]

    async def postpone(self, order: Order, *, blobs: int) -> None:
        """Something is left: look again, later each time, within a quarter of an hour."""
        await self._pool.execute(
            """
            update gateway.erasure_orders set passes = passes + 1, blobs = blobs + $2,
                next_at = now() + make_interval(secs => least(2 ^ least(passes, 10), 900))
            where id = $1
            """,
            *(order.id, blobs),
        )

    async def removed(self, job_id: UUID, blobs: int) -> None:
        """Blobs of a job went."""
        if blobs:
            await self._pool.execute("update gateway.erasure_orders set blobs = blobs + $2 where id = $1", job_id, blobs)

    async def begun(self, order_id: UUID, blobs: int) -> None:
        """The request that gave the order has removed so many blobs; the rounds may go on with it."""
        await self._pool.execute(
            "update gateway.erasure_orders set blobs = blobs + $2, next_at = now() where id = $1", order_id, blobs
        )

    async def job(self, tenant_id: UUID, job_id: UUID) -> Job | None:
        """A job, if there is one."""
        row = await self._pool.fetchrow(f"select {_JOB} from gateway.jobs where tenant_id = $1 and id = $2", tenant_id, job_id)
        return None if row is None else msgspec.convert(dict(row), Job)

    async def revision_of(self, order: Order) -> int | None:
        """Which revision the transcript without a person's words is; null when a later erasure has taken its place."""
        number: int | None = await self._pool.fetchval(
            "select number from gateway.revisions where job_id = $1 and run = $2 and key = $3",
            *(order.job_id, order.run, order.document),
        )
        return number

    async def jobs(self, tenant_id: UUID) -> list[Job]:
        """Some of a tenant's jobs."""
        rows = await self._pool.fetch(f"select {_JOB} from gateway.jobs where tenant_id = $1 limit $2", tenant_id, _BATCH)
        return [msgspec.convert(dict(row), Job) for row in rows]

    async def unfinished(self, tenant_id: UUID) -> int:
        """A tenant's jobs, uploads, exports and deleted jobs that still have to be looked after."""
        count: int = await self._pool.fetchval(
            """
            select (select count(*) from gateway.jobs where tenant_id = $1)
                + (select count(*) from gateway.uploads where tenant_id = $1 and state <> 'used')
                + (select count(*) from gateway.erasures where tenant_id = $1)
                + (select count(*) from gateway.exports where tenant_id = $1 and finished_at is null)
            """,
            tenant_id,
        )
        return count

    async def older_exports(self, order: Order) -> int:
        """How many exports there are, or are being made, that may hold what was to be erased; their time is over at once."""
        count: int = await self._pool.fetchval(
            """
            with old as (
                select id, size from gateway.exports
                where tenant_id = $1 and requested_at <= $2::timestamptz + make_interval(secs => $3)
                  and (size is not null or finished_at is null)
            ), expired as (
                update gateway.exports e set expires_at = least(e.expires_at, now()) from old
                where e.id = old.id and old.size is not null
            )
            select count(*) from old
            """,
            *(order.tenant_id, order.requested_at, _COMMIT_SECONDS),
        )
        return count

    async def rows_of_job(self, job_id: UUID) -> int:
        """What the gateway's own tables still hold of a job; a digest of its key does not count, which goes with its time."""
        count: int = await self._pool.fetchval(
            """
            select (select count(*) from gateway.jobs where id = $1) + (select count(*) from gateway.uploads where id = $1)
                + (select count(*) from gateway.revisions where job_id = $1)
                + (select count(*) from gateway.erasures where job_id = $1)
                + (select count(*) from gateway.llm_allowances where job_id = $1)
                + (select count(*) from gateway.outbox where position(convert_to($1::text, 'utf8') in payload) > 0)
                + (select count(*) from gateway.dead_letters where position(convert_to($1::text, 'utf8') in payload) > 0)
            """,
            job_id,
        )
        return count

    async def delete_rows_of_tenant(self, tenant_id: UUID) -> None:
        """Everything of a tenant in the gateway's tables, but its audit log and its certificates. Its name goes, too."""
        await delete_rows_of(self._pool, "gateway", tenant_id, keep=KEPT)
        await self._pool.execute(
            "update gateway.tenants set name = 'erased ' || id, erased_at = coalesce(erased_at, now()) where id = $1", tenant_id
        )

    async def rows_of_tenant(self, tenant_id: UUID) -> int:
        """What the gateway's own tables still hold of a tenant."""
        sent = """
            select count(*) from (select payload from gateway.outbox union all select payload from gateway.dead_letters) sent
            where position(convert_to($1::text, 'utf8') in payload) > 0
        """
        events: int = await self._pool.fetchval(sent, str(tenant_id))
        return events + await count_rows_of(self._pool, "gateway", tenant_id, keep=KEPT)

    async def held(self, order: Order) -> dict[str, int]:
        """What the other services still hold, by service and thing. One whose tables are not there holds nothing."""
        found: dict[str, int] = {}
        for service in _SERVICES:
            try:
                rows = await self._pool.fetch(_HELD.format(service=service), *_subject(order))
            except asyncpg.UndefinedTableError:
                continue
            found |= {f"{service}.{row['thing']}": row["count"] for row in rows}
        return found

    async def dismissed(self, order: Order) -> list[Dismissed]:
        """Which providers were made to forget their copies."""
        try:
            rows = await self._pool.fetch(
                """
                select engine, count(*)::int as times from transcriber.dismissed_copies
                where tenant_id = $1 and ($2::uuid is null or job_id = $2) group by 1 order by 1
                """,
                *_subject(order)[:2],
            )
        except asyncpg.UndefinedTableError:
            return []
        return [msgspec.convert(dict(row), Dismissed) for row in rows]

    async def chained(self, tenant_id: UUID) -> Chained:
        """Where the tenant's chain ends."""
        row = await self._pool.fetchrow(
            """
            select number, hash from gateway.erasure_orders where tenant_id = $1 and number is not null
            order by number desc limit 1
            """,
            tenant_id,
        )
        return Chained() if row is None else msgspec.convert(dict(row), Chained)

    async def certify(
        self, order: Order, *, number: int, statement: str, digest: bytes, signature: bytes, public_key: bytes, at: dt.datetime
    ) -> bool:
        """Keep the certificate; false when another one has taken its place in the chain."""
        try:
            kept = await self._pool.fetchval(
                """
                update gateway.erasure_orders set certified_at = $7, number = $2, statement = $3, hash = $4, signature = $5,
                    public_key = $6, keys = '{}'
                where id = $1 and certified_at is null returning id
                """,
                *(order.id, number, statement, digest, signature, public_key, at),
            )
        except asyncpg.UniqueViolationError:
            return False
        return kept is not None


_HELD = """
    select thing, count(*)::int as count from {service}.holdings
    where tenant_id = $1 and ($2::uuid is null or job_id = $2)
        and ($3::timestamptz is null or thing = 'provider_copy' or (thing = 'words' and since < $3))
    group by 1
"""


def _subject(order: Order) -> tuple[UUID, UUID | None, dt.datetime | None]:
    """Of a speaker's erasure only words count that were there when it was asked for, and copies at providers, whose time moves
    with each attempt to have them deleted."""
    return order.tenant_id, order.job_id, order.requested_at if order.kind == "speaker" else None
