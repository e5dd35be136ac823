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
POLL_LEASE_SECONDS = 120.0
"""The same for a question to a provider: there are thousands, so that their leases are renewed less often."""
PROBE_SECONDS = 60.0
"""How long one task tries whether its account is well again, before another does."""
NO_LIMIT = 2**31 - 1
OVERDUE_AT_ONCE = 50


class Leases:
    """The leases of one owner."""

    def __init__(self, *, pool: Pool, owner: UUID) -> None:
        self._pool = pool
        self._owner = owner

    async def claim(self, engine: str, limit: int, *, most_begun: int = NO_LIMIT, polled: bool = False) -> list[Transcription]:
        """Lease up to so many transcriptions that are due: tenants take turns, the one served longest ago first.

        No account has more than `most_begun` tasks that are begun and not answered; one in trouble rests, or tries a single
        task. When the engine is `polled`, what its provider works on or has answered is left to others.
        """
        rows = await self._pool.fetch(
            """
            with due as (
                select job_id, run, tenant_id, account_id, created_at, state in ('queued', 'preparing') as fresh,
                       row_number() over (partition by tenant_id order by created_at, job_id) as turn
                from transcriber.transcriptions
                where engine = $1 and ended_at is null and due_at <= now() and (lease_until is null or lease_until < now())
                  and not ($7::bool and state in ('processing', 'storing'))
            ), served as (
                select tenant_id, last.at
                from (select distinct tenant_id from due) tenants
                cross join lateral (
                    select max(started_at) as at from transcriber.transcriptions t where t.tenant_id = tenants.tenant_id
                ) last
            ), rooms as (
                select ids.account_id, trouble.account_id is not null as probed,
                       case
                           when trouble.account_id is null then $5::int - there.tasks
                           when trouble.paused_until < now() and coalesce(trouble.probed_until < now(), true) then 1
                           else 0
                       end as room
                from (select distinct account_id from due where account_id is not null) ids
                left join transcriber.accounts trouble
                    on trouble.engine = $1 and trouble.account_id = ids.account_id and trouble.paused_until is not null
                cross join lateral (
                    select count(*) as tasks from transcriber.transcriptions t
                    where t.engine = $1 and t.account_id = ids.account_id and t.ended_at is null
                      and (t.state in ('submitting', 'processing') or (t.lease_until > now() and t.state <> 'storing'))
                ) there
            ), placed as (
                select due.*, served.at, rooms.room, rooms.probed,
                       row_number() over (
                           partition by due.account_id, case when rooms.probed then true else due.fresh end
                           order by due.fresh, due.turn, served.at nulls first, due.created_at
                       ) as place
                from due join served using (tenant_id) left join rooms using (account_id)
            ), chosen as (
                select t.job_id, t.run, placed.account_id, placed.probed
                from transcriber.transcriptions t join placed using (job_id, run)
                where t.ended_at is null and (t.lease_until is null or t.lease_until < now())
                  and (placed.room is null or placed.place <= placed.room or not (placed.fresh or placed.probed))
                order by placed.fresh, placed.turn, placed.at nulls first, placed.created_at
                limit $2 for update of t skip locked
            ), probing as (
                update transcriber.accounts a set probed_until = now() + make_interval(secs => $6)
                from (select distinct account_id from chosen where probed) c
                where a.engine = $1 and a.account_id = c.account_id
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
            most_begun,
            PROBE_SECONDS,
            polled,
        )
        return [read_row(row) for row in rows]

    async def claim_answered(self, engines: Collection[str], limit: int) -> list[Transcription]:
        """Lease transcriptions whose provider's answer is stored, the oldest answer first."""
        rows = await self._pool.fetch(
            """
            update transcriber.transcriptions t
            set lease_owner = $3, lease_until = now() + make_interval(secs => $4)
            from (
                select job_id, run from transcriber.transcriptions
                where engine = any($1::text[]) and state = 'storing' and due_at <= now()
                  and (lease_until is null or lease_until < now())
                order by heard_at limit $2 for update skip locked
            ) answered
            where t.job_id = answered.job_id and t.run = answered.run
            returning t.*
            """,
            list(engines),
            limit,
            self._owner,
            LEASE_SECONDS,
        )
        return [read_row(row) for row in rows]

    async def claim_polls(self, engines: Collection[str], limit: int) -> list[Transcription]:
        """Lease tasks whose provider is to be asked now; of an account in trouble none, or one to try."""
        rows = await self._pool.fetch(
            """
            with due as (
                select job_id, run, due_at, engine, account_id, trouble.paused_until is not null as probed,
                       row_number() over (partition by engine, account_id order by due_at) as place
                from transcriber.transcriptions left join transcriber.accounts trouble using (engine, account_id)
                where engine = any($1::text[]) and state = 'processing' and due_at <= now() and deadline_at > now()
                  and (lease_until is null or lease_until < now())
                  and (trouble.paused_until is null or (
                      trouble.paused_until < now() and coalesce(trouble.probed_until < now(), true)
                  ))
            ), chosen as (
                select t.job_id, t.run, due.engine, due.account_id, due.probed
                from transcriber.transcriptions t join due using (job_id, run)
                where t.state = 'processing' and t.due_at <= now() and (t.lease_until is null or t.lease_until < now())
                  and (due.place = 1 or not due.probed)
                order by due.due_at limit $2 for update of t skip locked
            ), probing as (
                update transcriber.accounts a set probed_until = now() + make_interval(secs => $5)
                from (select distinct engine, account_id from chosen where probed) c
                where a.engine = c.engine and a.account_id = c.account_id
            )
            update transcriber.transcriptions t
            set lease_owner = $3, lease_until = now() + make_interval(secs => $4), nudged = false
            from chosen where t.job_id = chosen.job_id and t.run = chosen.run
            returning t.*
            """,
            list(engines),
            limit,
            self._owner,
            POLL_LEASE_SECONDS,
            PROBE_SECONDS,
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

    async def renew(self, keys: Collection[Key], *, seconds: float = LEASE_SECONDS) -> set[Key]:
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
            seconds,
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
