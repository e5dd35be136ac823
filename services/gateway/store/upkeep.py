"""What the sweeper looks for: stalled jobs, expired uploads, unfinished erasures."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from services.gateway.jobs import Job
from shared.blobs import Bookmark
from shared.database import Connection, Pool

_COLUMNS = ", ".join(field.name for field in msgspec.structs.fields(Job))
_BATCH = 100


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """Something below a job's prefix in the store that has no job."""

    id: UUID
    tenant_id: UUID


class ExpiredUpload(Leftover, frozen=True, kw_only=True):
    """An upload to be collected, and how far it had grown."""

    received: int
    place: str

    @property
    def bookmark(self) -> Bookmark:
        """Where its bytes are, as long as it was not whole."""
        return Bookmark(size=self.received, place=self.place)


class UpkeepStore:
    """Queries over all tenants, safe to run on several processes at once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def forget_sign_ins(self, *, attempts_after: float) -> None:
        """Delete tokens, sessions and links that have ended, and attempts to sign in that were so many seconds ago."""
        await self._pool.execute(
            """
            delete from gateway.sign_in_attempts
            where attempted_at < now() - make_interval(secs => $1) and coalesce(trusted_until, '-infinity') < now()
            """,
            attempts_after,
        )
        await self._pool.execute("delete from gateway.account_links where expires_at < now() - interval '1 day'")
        await self._pool.execute(
            """
            delete from gateway.sign_ins
            where expires_at < now() or last_used_at + make_interval(secs => idle_seconds) < now() - interval '10 minutes'
            """
        )

    async def claim_stalled(self, connection: Connection, *, queued_after: float, working_after: float) -> list[Job]:
        """Jobs without news for so many seconds, twice as many after each announcement. Marks them announced."""
        rows = await connection.fetch(
            f"""
            update gateway.jobs set announced = announced + 1, announced_at = now()
            where id in (
                select id from gateway.jobs
                where state in ('queued', 'transcribing', 'reporting') and deadline_at > now() and turn_at is null
                  and greatest(updated_at, announced_at) < now() - make_interval(
                      secs => case state when 'queued' then $1::float8 else $2::float8 end * 2 ^ least(announced, 4))
                order by deadline_at limit $3 for update skip locked
            )
            returning {_COLUMNS}
            """,
            *(queued_after, working_after, _BATCH),
        )
        return [msgspec.convert(dict(row), Job) for row in rows]

    async def claim_revised(self, connection: Connection, *, after: float) -> list[Job]:
        """Completed jobs that wait for the files of an edited transcript, as long as `claim_stalled` says. Marks them
        announced."""
        rows = await connection.fetch(
            f"""
            update gateway.jobs set announced = announced + 1, announced_at = now()
            where id in (
                select id from gateway.jobs
                where state = 'completed' and revision > reported_revision
                  and greatest(updated_at, announced_at) < now() - make_interval(secs => $1 * 2 ^ least(announced, 4))
                order by updated_at limit $2 for update skip locked
            )
            returning {_COLUMNS}
            """,
            *(after, _BATCH),
        )
        return [msgspec.convert(dict(row), Job) for row in rows]

    async def overdue(self, *, waiting: dt.timedelta) -> list[Job]:
        """Jobs whose deadline has passed. That of one that waits begins with its turn, which is to come in this time."""
        rows = await self._pool.fetch(
            f"""
            select {_COLUMNS} from gateway.jobs
            where state in ('queued', 'transcribing', 'reporting') and deadline_at <= now()
              and (turn_at is null or turn_at < now() - $2::interval)
            order by deadline_at limit $1
            """,
            *(_BATCH, waiting),
        )
        return [msgspec.convert(dict(row), Job) for row in rows]

    async def expired_uploads(self) -> list[ExpiredUpload]:
        """Uploads nobody used in time, and those that broke off."""
        rows = await self._pool.fetch(
            """
            select u.id, u.tenant_id, coalesce(r.received, 0) as received, coalesce(r.place, '') as place
            from gateway.uploads u left join gateway.resumable_uploads r using (id)
            where u.state <> 'used' and u.expires_at <= now() order by u.expires_at limit $1
            """,
            _BATCH,
        )
        return [msgspec.convert(dict(row), ExpiredUpload) for row in rows]

    async def running_uploads(self) -> list[Leftover]:
        """Uploads whose bytes are still coming, or may yet come."""
        rows = await self._pool.fetch(
            "select id, tenant_id from gateway.uploads where state = 'receiving' and expires_at > now()"
        )
        return [msgspec.convert(dict(row), Leftover) for row in rows]

    async def forget_upload(self, upload: Leftover) -> None:
        """Its blob is gone."""
        await self._pool.execute(
            "delete from gateway.uploads where id = $1 and state <> 'used' and expires_at <= now()", upload.id
        )

    async def due_erasures(self, *, claim: float) -> list[Leftover]:
        """Erasures to go on with; another process leaves them alone for `claim` seconds."""
        rows = await self._pool.fetch(
            """
            update gateway.erasures set next_at = now() + make_interval(secs => $1)
            where job_id in (select job_id from gateway.erasures where next_at <= now() order by next_at limit $2
                             for update skip locked)
            returning job_id as id, tenant_id
            """,
            *(claim, _BATCH),
        )
        return [msgspec.convert(dict(row), Leftover) for row in rows]

    async def passed_erasure(self, leftover: Leftover, *, found: int, settle: float) -> bool:
        """Finished once nothing was found `settle` seconds after the request; looked at again later otherwise."""
        done = await self._pool.fetchval(
            """
            with done as (
                delete from gateway.erasures
                where job_id = $1 and $2 = 0 and requested_at <= now() - make_interval(secs => $3) returning job_id
            ), again as (
                update gateway.erasures set passes = passes + 1,
                    next_at = least(now() + make_interval(secs => 60 * 2 ^ least(passes, 6)),
                                    greatest(requested_at + make_interval(secs => $3), now() + interval '1 second'))
                where job_id = $1 and not exists (select from done)
            )
            select job_id from done
            """,
            *(leftover.id, found, settle),
        )
        return done is not None

    async def forget_idempotency_keys(self, *, older_than: float) -> None:
        """Drop keys that may be used again. Those of a batch that broke off stay: whoever repeats it is to find its jobs."""
        await self._pool.execute(
            """
            delete from gateway.idempotency_keys k where created_at < now() - make_interval(secs => $1) and not exists (
                select from gateway.jobs j join gateway.batches b on b.tenant_id = j.tenant_id and b.id = j.batch_id
                where j.tenant_id = k.tenant_id and j.id = k.job_id and b.results is null
            )
            """,
            older_than,
        )

    async def forget_unanswered(self, *, days: int) -> int:
        """Addresses whose readers were asked so long ago, did not answer, and whom nobody wants to write to any more; returns
        how many."""
        rows = await self._pool.fetch(
            """
            delete from gateway.addresses a
            where confirmed_at is null and suppressed_at is null
                and coalesce(asked_at, created_at) < now() - make_interval(days => $1)
                and not exists (select from gateway.endpoints e where e.address_id = a.id)
            returning id
            """,
            days,
        )
        return len(rows)
