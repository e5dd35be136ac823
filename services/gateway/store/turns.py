"""Jobs that wait for their turn. Over all tenants, and by one process at a time."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from services.gateway.jobs import Job
from services.gateway.store.jobs import COLUMNS, job_of
from shared.database import Connection, Pool, transaction

LOCK = 1630696558
"""Advisory lock key: the bytes of "a2tn", as in the function `may_start`. Whoever has it says which jobs begin."""

_OPEN = "state in ('queued', 'transcribing', 'reporting')"
_DUE = "turn_at <= now() + interval '2 hours' and (start_after is null or start_after <= now())"
"""A turn is at most an hour after its job could have begun. Those that are to come later are not even looked at."""
_COLUMNS = ", ".join(f"job.{name}" for name in COLUMNS)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant has waiting and in work, and when one of its jobs was last let begin."""

    tenant_id: UUID
    waiting: int
    in_work: int
    served_at: dt.datetime | None
    most: int | None
    """By its plan; null where that says nothing."""


class TurnStore:
    """Reads the queues and lets jobs begin."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def any_due(self) -> bool:
        """Whether there is anything to decide."""
        due: bool = await self._pool.fetchval(f"select exists (select from gateway.jobs where {_DUE})")
        return due

    @asynccontextmanager
    async def deciding(self) -> AsyncIterator[Connection]:
        """A transaction in which nobody else lets jobs begin."""
        async with transaction(self._pool) as connection:
            await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
            yield connection

    async def standings(self, connection: Connection, *, most: int) -> list[Standing]:
        """Of the tenants with jobs that could begin; of those, `most` are counted of each."""
        rows = await connection.fetch(
            f"""
            with recursive tenant as (
                (select tenant_id from gateway.jobs where turn_at is not null order by tenant_id limit 1)
                union all
                select (
                    select tenant_id from gateway.jobs where turn_at is not null and tenant_id > tenant.tenant_id
                    order by tenant_id limit 1
                )
                from tenant where tenant_id is not null
            )
            select tenant_id, waiting, served_at, plan.concurrent_jobs as most, (
                select count(*) from gateway.jobs job where job.tenant_id = tenant.tenant_id and turn_at is null and {_OPEN}
            ) as in_work
            from tenant cross join lateral (
                select count(*) from (
                    select from gateway.jobs job where job.tenant_id = tenant.tenant_id and {_DUE} limit $1
                ) counted
            ) as due (waiting)
            left join gateway.turns using (tenant_id)
            left join gateway.tenants on tenants.id = tenant_id left join gateway.plans plan on plan.name = tenants.plan
            where tenant_id is not null and waiting > 0
            """,
            most,
        )
        return [msgspec.convert(dict(row), Standing) for row in rows]

    async def in_work(self, connection: Connection) -> int:
        """Jobs of all tenants that are in work."""
        count: int = await connection.fetchval(f"select count(*) from gateway.jobs where turn_at is null and {_OPEN}")
        return count

    async def release(self, connection: Connection, chosen: Mapping[UUID, int], *, deadline: dt.timedelta) -> list[Job]:
        """Let so many jobs of these tenants begin, in the order of their turns; their time begins to run."""
        rows = await connection.fetch(
            f"""
            with served as (
                insert into gateway.turns (tenant_id, served_at) select unnest($1::uuid[]), clock_timestamp()
                on conflict (tenant_id) do update set served_at = excluded.served_at
            )
            update gateway.jobs job set turn_at = null, deadline_at = now() + $3, announced = 0,
                version = version + 1, updated_at = now()
            from unnest($1::uuid[], $2::int[]) as chosen (tenant_id, places) cross join lateral (
                select id from gateway.jobs waiting where waiting.tenant_id = chosen.tenant_id and {_DUE}
                order by turn_at, id limit chosen.places for update skip locked
            ) as due
            where job.id = due.id returning {_COLUMNS}
            """,
            *(list(chosen), list(chosen.values()), deadline),
        )
        return [job_of(row) for row in rows]

    async def next_start(self) -> dt.datetime | None:
        """When the next of those begins to count that wait for a time."""
        at: dt.datetime | None = await self._pool.fetchval(
            "select min(start_after) from gateway.jobs where turn_at is not null and start_after > now()"
        )
        return at
