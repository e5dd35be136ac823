"""What ended or erased transcriptions have left, in our store and at providers, until it is gone for good."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec
import structlog

from shared.database import Connection, Pool
from shared.metrics import ENGINE_DUPLICATES

FIRST_RETRY_SECONDS = 60
LONGEST_RETRY_SECONDS = 3600

_COLUMNS = "prefix, engine, tenant_id, account_id, provider_id, prepared, token, submitted_at, job_id"

log = structlog.get_logger(__name__)


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """Blobs below a prefix, or a task that an engine's provider still keeps."""

    prefix: str | None = None
    engine: str | None = None
    tenant_id: UUID | None = None
    account_id: str | None = None
    """Of the task; whose key it was begun with."""
    provider_id: str | None = None
    """Null when nobody knows whether the provider has taken the task: then it is searched for by what was `prepared`."""
    prepared: dict[str, str] | None = None
    token: str | None = None
    submitted_at: dt.datetime | None = None
    """Null when all that the provider has of it is known, so that nothing needs to be searched for."""
    job_id: UUID | None = None
    """Null where it was noted down by a version that did not know."""


class ClaimedLeftover(Leftover, frozen=True, kw_only=True):
    """One to be removed now; it comes back later unless it is `done`."""

    id: int


class LeftoverStore:
    """Reads and writes `leftovers`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, connection: Pool | Connection, *leftovers: Leftover, delay: float = 0.0) -> None:
        """Have something removed, not before so many seconds have passed."""
        await connection.executemany(
            f"insert into transcriber.leftovers ({_COLUMNS}, due_at) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10))",
            [(*msgspec.structs.astuple(leftover), delay) for leftover in leftovers],
        )

    async def add_unless_wanted(self, job_id: UUID, run: int, leftover: Leftover) -> None:
        """Have a task dismissed whose transcription was taken away; as long as that lives, whoever has it finds the task."""
        wanted = await self._pool.fetchval(
            "select true from transcriber.transcriptions where job_id = $1 and run = $2 and ended_at is null",
            job_id,
            run,
        )
        if wanted is None:
            await self.add(self._pool, leftover)

    async def taken_twice(self, extra: Leftover) -> None:
        """A provider has taken a task for a second time: have just that one dismissed, and let the operator know."""
        log.error("engine.taken_twice", engine=extra.engine, provider_id=extra.provider_id)
        ENGINE_DUPLICATES.labels(extra.engine).inc()
        await self.add(self._pool, msgspec.structs.replace(extra, prepared=None))

    async def named(self, engine: str, token: str, provider_id: str) -> ClaimedLeftover | None:
        """The task of a submission is known by its id now; what is left of it, null when nothing is."""
        row = await self._pool.fetchrow(
            f"""
            update transcriber.leftovers set provider_id = coalesce(provider_id, $3), due_at = now()
            where engine = $1 and token = $2 returning id, {_COLUMNS}
            """,
            engine,
            token,
            provider_id,
        )
        return None if row is None else msgspec.convert(dict(row), ClaimedLeftover)

    async def claim(self, limit: int) -> list[ClaimedLeftover]:
        """Take what is due; whatever is not done then is due again later, and later each time."""
        rows = await self._pool.fetch(
            f"""
            update transcriber.leftovers l
            set attempts = attempts + 1, due_at = now() + make_interval(secs => least($2 * 2 ^ least(attempts, 10), $3))
            from (
                select id as due_id from transcriber.leftovers where due_at <= now() order by due_at limit $1
                for update skip locked
            ) due
            where l.id = due_id returning id, {_COLUMNS}
            """,
            limit,
            FIRST_RETRY_SECONDS,
            LONGEST_RETRY_SECONDS,
        )
        return [msgspec.convert(dict(row), ClaimedLeftover) for row in rows]

    async def done(self, leftover_id: int) -> None:
        """It is gone; of a provider's copy it is kept that it was."""
        await self._pool.execute(
            """
            with gone as (delete from transcriber.leftovers where id = $1 returning tenant_id, job_id, engine)
            insert into transcriber.dismissals (tenant_id, job_id, engine)
            select * from gone where tenant_id is not null and job_id is not null and engine is not null
            """,
            leftover_id,
        )

    async def forget_closed(self, *, days: int) -> None:
        """Forget which jobs were closed so long ago that no event about them can still be on its way."""
        await self._pool.execute(
            """
            with forgotten as (
                delete from transcriber.closed_jobs where closed_at < now() - make_interval(days => $1) returning job_id
            )
            delete from transcriber.dismissals d using forgotten f where d.job_id = f.job_id
                and not exists (select from transcriber.transcriptions t where t.job_id = f.job_id)
            """,
            days,
        )
