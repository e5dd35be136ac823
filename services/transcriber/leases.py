"""Who works on which transcription: leases on its rows, held by one start of one process.

A lease ends by itself shortly after its owner has died. The owner is not the host: a process that is started again must
not take its predecessor's work for its own.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from services.transcriber.store import Key, Transcription, read_row
from shared.database import Pool

LEASE_SECONDS = 15.0
"""How long a dead process's work waits for another."""
OVERDUE_AT_ONCE = 50


class Leases:
    """The leases of one owner."""

    def __init__(self, *, pool: Pool, owner: UUID) -> None:
        self._pool = pool
        self._owner = owner

    async def claim(self, engine: str, limit: int) -> list[Transcription]:
        """Lease up to so many transcriptions that are due: tenants take turns, the one served longest ago first."""
        rows = await self._pool.fetch(
            """
            with due as (
                select job_id, run, tenant_id, created_at,
                       row_number() over (partition by tenant_id order by created_at, job_id) as turn
                from transcriber.transcriptions
                where engine = $1 and ended_at is null and due_at <= now() and (lease_until is null or lease_until < now())
            ), served as (
                select tenant_id, last.at
                from (select distinct tenant_id from due) tenants
                cross join lateral (
                    select max(started_at) as at from transcriber.transcriptions t where t.tenant_id = tenants.tenant_id
                ) last
            ), chosen as (
                select t.job_id, t.run
                from transcriber.transcriptions t join due using (job_id, run) join served on served.tenant_id = due.tenant_id
                where t.ended_at is null and (t.lease_until is null or t.lease_until < now())
                order by due.turn, served.at nulls first, due.created_at
                limit $2 for update of t skip locked
            )
            update transcriber.transcriptions t
            set lease_owner = $3, lease_until = now() + make_interval(secs => $4), started_at = coalesce(started_at, now())
            from chosen where t.job_id = chosen.job_id and t.run = chosen.run
            returning t.*
            """,
            engine,
            limit,
            self._owner,
            LEASE_SECONDS,
        )
        return [read_row(row) for row in rows]

    async def claim_overdue(self) -> list[Transcription]:
        """Lease transcriptions that nobody works on and whose deadline has passed, whatever their engine."""
        rows = await self._pool.fetch(
            """
            update transcriber.transcriptions t
            set lease_owner = $2, lease_until = now() + make_interval(secs => $3), started_at = coalesce(started_at, now())
            from (
                select job_id, run from transcriber.transcriptions
                where ended_at is null and deadline_at < now() and (lease_until is null or lease_until < now())
                order by deadline_at limit $1 for update skip locked
            ) overdue
            where t.job_id = overdue.job_id and t.run = overdue.run
            returning t.*
            """,
            OVERDUE_AT_ONCE,
            self._owner,
            LEASE_SECONDS,
        )
        return [read_row(row) for row in rows]

    async def renew(self, keys: Collection[Key]) -> set[Key]:
        """Lengthen the leases; returns those that are still ours."""
        rows = await self._pool.fetch(
            """
            update transcriber.transcriptions t set lease_until = now() + make_interval(secs => $4)
            from unnest($1::uuid[], $2::int[]) as mine (job_id, run)
            where t.job_id = mine.job_id and t.run = mine.run and lease_owner = $3
            returning t.job_id, t.run
            """,
            [key.job_id for key in keys],
            [key.run for key in keys],
            self._owner,
            LEASE_SECONDS,
        )
        return {Key(row["job_id"], row["run"]) for row in rows}

    async def release(self) -> None:
        """Give all our leases back at once, so that others go on."""
        await self._pool.execute(
            "update transcriber.transcriptions set lease_owner = null, lease_until = null where lease_owner = $1", self._owner
        )

    async def release_everybodys(self) -> None:
        """Give back what a dead process has leased. Only where no other process can be alive: the one-process mode."""
        await self._pool.execute(
            "update transcriber.transcriptions set lease_owner = null, lease_until = null where lease_owner is not null"
        )
