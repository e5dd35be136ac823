"""For how long things are kept, and which jobs' time is over."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias
from uuid import UUID

import msgspec

from services.gateway.audit import Action, entry_of
from services.gateway.jobs import Job
from services.gateway.store import patiently
from services.gateway.store.audit import noting
from shared.database import Connection, Pool, transaction
from shared.outbox import row_of
from shared.schemas.events import Event
from shared.schemas.privacy import Part, RetentionRules

_COLUMNS = ", ".join(field.name for field in msgspec.structs.fields(Job))
_AT_REST = "state in ('completed', 'failed', 'cancelled') and (state <> 'completed' or revision <= reported_revision)"
_BATCH = 100
_SLOWEST_STORE = "10min"
"""How long a store may take for one blob."""

Check: TypeAlias = Callable[[RetentionRules], None]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant has decided."""

    tenant_id: UUID
    rules: RetentionRules = RetentionRules()


class Remaining(msgspec.Struct, frozen=True, kw_only=True):
    """A job of which something lies in the store."""

    id: UUID
    tenant_id: UUID
    solution: str
    at_rest: bool
    finished_at: dt.datetime | None
    run: int
    replaced_before: int
    """The revision of the run's transcript before which nothing leads to the files any more; 0 while the job changed within a
    week, when somebody may still be sent them."""
    removed: dict[Part, dt.datetime]
    shown: frozenset[str]
    """Keys of the files that the job leads to."""


class RetentionStore:
    """Rows of `gateway.retention`, and what retention asks of jobs."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, tenant_id: UUID) -> RetentionRules:
        """What a tenant has decided; nothing, to begin with."""
        return await patiently(_decided(self._pool, tenant_id))

    async def decide(self, tenant_id: UUID, rules: RetentionRules, *, check: Check | None = None) -> None:
        """Put this in the place of what was decided. `check` is given that, and raises what keeps it so."""
        await patiently(self._decide(tenant_id, rules, check))

    async def _decide(self, tenant_id: UUID, rules: RetentionRules, check: Check | None) -> None:
        encoded = msgspec.json.encode(rules, order="sorted").decode()
        entry = entry_of(Action.RETENTION_CHANGED, tenant_id, tenant_id, after={"rules": encoded})
        async with transaction(self._pool) as connection:
            # Of two at once, the second looks at what the first has decided.
            await connection.execute("select from gateway.tenants where id = $1 for update", tenant_id)
            if check is not None:
                check(await _decided(connection, tenant_id))
            await connection.execute(
                f"""
                with before as (
                    select rules from gateway.retention where tenant_id = $1
                ), decided as (
                    insert into gateway.retention (tenant_id, rules) values ($1, $2)
                    on conflict (tenant_id) do update set rules = excluded.rules, updated_at = now() returning tenant_id
                ), {noting("decided", 3, before="(select jsonb_build_object('rules', rules::text) from before)")}
                select 1
                """,
                *(tenant_id, rules, entry),
            )

    async def decisions(self) -> list[Decision]:
        """Of every tenant; most have decided nothing."""
        rows = await self._pool.fetch(
            """
            select t.id as tenant_id, coalesce(r.rules, '{}') as rules
            from gateway.tenants t left join gateway.retention r on r.tenant_id = t.id order by t.id
            """
        )
        return [msgspec.convert(dict(row), Decision) for row in rows]

    async def remaining(self, job_ids: Collection[UUID]) -> list[Remaining]:
        """Those of these jobs that there are."""
        rows = await self._pool.fetch(
            f"""
            select id, tenant_id, options ->> 'solution' as solution, {_AT_REST} as at_rest, finished_at, run, removed,
                case when updated_at < now() - interval '7 days' then reported_revision else 0 end as replaced_before,
                array(select one ->> 'key' from jsonb_array_elements(artifacts) one where one ->> 'key' is not null) as shown
            from gateway.jobs where id = any($1::uuid[])
            """,
            list(job_ids),
        )
        return [msgspec.convert(dict(row) | {"solution": row["solution"] or ""}, Remaining) for row in rows]

    async def expected(self, ids: Collection[UUID]) -> set[UUID]:
        """Which of these are uploads, or deleted jobs that are being looked after."""
        rows = await self._pool.fetch(
            """
            select id from gateway.uploads where id = any($1::uuid[])
            union select job_id from gateway.erasures where job_id = any($1::uuid[])
            """,
            list(ids),
        )
        return {row["id"] for row in rows}

    async def mark(self, job: Remaining, parts: Collection[Part], event: Event) -> bool:
        """Note that these parts of a job are gone from now on, and tell it. False when the job was begun again meanwhile."""
        row, now = row_of(event), dt.datetime.now(dt.UTC)
        marked = await self._pool.fetchval(
            f"""
            with marked as (
                update gateway.jobs set removed = removed || $3::jsonb, version = version + 1, updated_at = now(),
                    search_at = now()
                where id = $1 and run = $2 and finished_at = $7 and {_AT_REST} returning id
            ), passages as (
                delete from gateway.passages using marked where job_id = marked.id and place < 0 and $3::jsonb ? 'transcript'
            ), event as (
                insert into gateway.outbox (message_id, routing_key, payload) select $4, $5, $6 from marked
            )
            select id from marked
            """,
            *(job.id, job.run, dict.fromkeys(parts, now), row.message_id, row.routing_key, row.payload, job.finished_at),
        )
        return marked is not None

    @asynccontextmanager
    async def holding(self, job_id: UUID) -> AsyncIterator[frozenset[Part]]:
        """Keep a job from being begun again inside the block; the parts of it that may be taken away, none while it works."""
        async with transaction(self._pool) as connection:
            # The store may be slow, and a process that is frozen holds up nothing but this job.
            await connection.execute(f"set local idle_in_transaction_session_timeout = '{_SLOWEST_STORE}'")
            removed = await connection.fetchval(
                f"select removed from gateway.jobs where id = $1 and {_AT_REST} for update", job_id
            )
            yield frozenset(msgspec.convert(removed or {}, dict[Part, dt.datetime]))

    async def over(
        self, tenant_id: UUID, *, before: dt.datetime, solutions: Sequence[str] | None, others: Sequence[str] = ()
    ) -> list[Job]:
        """Jobs that ended before that time: of these scenarios, or of all but the others."""
        rows = await self._pool.fetch(
            f"""
            select {_COLUMNS} from gateway.jobs
            where tenant_id = $1 and created_at < $2 and finished_at < $2 and {_AT_REST}
              and ($3::text[] is null or options ->> 'solution' = any($3)) and not options ->> 'solution' = any($4::text[])
            order by created_at limit $5
            """,
            *(tenant_id, before, solutions, list(others), _BATCH),
        )
        return [msgspec.convert(dict(row), Job) for row in rows]


async def _decided(database: Pool | Connection, tenant_id: UUID) -> RetentionRules:
    rules = await database.fetchval("select rules from gateway.retention where tenant_id = $1", tenant_id)
    return RetentionRules() if rules is None else msgspec.convert(rules, RetentionRules)


class RoundStore:
    """Rows of `gateway.rounds`: who does what only one process is to do at a time."""

    def __init__(self, pool: Pool, owner: UUID) -> None:
        self._pool = pool
        self._owner = owner

    async def begin(self, name: str, *, hold: float) -> bool:
        """Take a round that is due, for so many seconds. False when it is not, or somebody else is at it."""
        return await self._held(
            """
            update gateway.rounds set owner = $2, held_until = now() + make_interval(secs => $3)
            where name = $1 and next_at <= now() and (held_until <= now() or owner = $2) returning name
            """,
            *(name, self._owner, hold),
        )

    async def keep(self, name: str, *, hold: float) -> bool:
        """Hold it for longer; false when it was taken away."""
        return await self._held(
            """
            update gateway.rounds set held_until = now() + make_interval(secs => $3)
            where name = $1 and owner = $2 returning name
            """,
            *(name, self._owner, hold),
        )

    async def end(self, name: str, *, next_after: float) -> None:
        """It is done; the next is due in so many seconds."""
        await self._held(
            """
            update gateway.rounds set held_until = now(), next_at = now() + make_interval(secs => $3)
            where name = $1 and owner = $2 returning name
            """,
            *(name, self._owner, next_after),
        )

    async def _held(self, statement: str, *values: object) -> bool:
        return await self._pool.fetchval(statement, *values) is not None
