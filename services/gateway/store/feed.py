"""Reads which jobs changed after a place. The trigger on `gateway.jobs` writes it down, whatever statement makes the change."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from services.gateway.jobs import Job
from services.gateway.snapshots import Place, Reached, Snapshot
from services.gateway.store import patiently
from services.gateway.store.jobs import SHOWN
from shared.database import Pool
from shared.schemas.jobs import JobState

_CHANGES = f"""
    select now.snapshot::text, change.changed::text as changed, change.job_id, {SHOWN}
    from (select pg_current_snapshot() as snapshot) now
    left join lateral (
        select * from gateway.job_changes
        where tenant_id = $1 and changed >= coalesce($4::text::xid8, pg_snapshot_xmin($2::text::pg_snapshot))
          and not pg_visible_in_snapshot(changed, $2::text::pg_snapshot)
          -- By its own rule a row that is here was seen, unless the database was restored elsewhere and counts anew.
          and pg_visible_in_snapshot(changed, coalesce($3::text::pg_snapshot, now.snapshot))
          and ($3 is null or (changed, job_id) > ($4::text::xid8, $5::uuid))
        order by changed, job_id limit $6
    ) change on true
    left join gateway.jobs job on job.id = change.job_id and job.tenant_id = $1
    order by change.changed, change.job_id
"""


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A job that changed, as it is; null for one that was deleted."""

    transaction: int
    job_id: UUID
    job: Job | None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Some of the changes between two snapshots, in the order of `Reached`."""

    begin: Place
    target: Snapshot
    jobs: Sequence[Changed]
    end: Place

    @property
    def complete(self) -> bool:
        """Whether it is everything that there was to be read after `begin`, as far as was known when it was read."""
        return self.begin.reached is None and self.end.reached is None


class FeedStore:
    """Rows of `gateway.job_changes`, always of one tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def now(self) -> Place:
        """The place of whoever knows everything."""
        return _place(await patiently(self._pool.fetchval("select pg_current_snapshot()::text")))

    async def knows(self, place: Place) -> bool:
        """Whether a place can be of this database: it does not lie in its future."""
        newest = place.seen if place.reached is None else place.reached.target
        return newest.next <= (await self.now()).seen.next

    async def after(self, tenant_id: UUID, place: Place, *, limit: int) -> Changes:
        """The tenant's jobs that changed after a place, each once, as it is now; those that change again come again later."""
        reached = place.reached
        rows = await patiently(
            self._pool.fetch(
                _CHANGES,
                *(tenant_id, str(place.seen), reached and str(reached.target)),
                *(reached and str(reached.changed), reached and reached.job_id, limit),
            )
        )
        jobs = [_changed(row) for row in rows if row["job_id"] is not None]
        now = _place(rows[0]["snapshot"])
        target = now.seen if reached is None else reached.target
        if len(jobs) < limit:
            end = now if reached is None else Place(seen=target, at=place.at)
        else:
            last = jobs[-1]
            end = Place(
                seen=place.seen, at=place.at, reached=Reached(target=target, changed=last.transaction, job_id=last.job_id)
            )
        return Changes(begin=place, target=target, jobs=jobs, end=end)

    async def open_jobs(self, tenant_id: UUID, *, after: UUID | None, limit: int) -> list[Job]:
        """The tenant's jobs that are not final, in the order of their ids."""
        rows = await patiently(
            self._pool.fetch(
                f"""
                select {SHOWN} from gateway.jobs job
                where tenant_id = $1 and state = any($2::text[]) and ($3::uuid is null or id > $3) order by id limit $4
                """,
                *(tenant_id, [state for state in JobState if not state.final], after, limit),
            )
        )
        return [msgspec.convert(dict(row), Job) for row in rows]

    async def forget_gone(self, *, after: dt.timedelta) -> int:
        """Drop what is known of jobs that were deleted so long ago; returns how many."""
        rows = await self._pool.fetch(
            "delete from gateway.job_changes where gone_at < now() - $1::interval returning job_id", after
        )
        return len(rows)


def _place(snapshot: str) -> Place:
    return Place(seen=Snapshot.parse(snapshot), at=int(time.time()))


def _changed(row: asyncpg.Record) -> Changed:
    values = dict(row)
    values.pop("snapshot")
    transaction, job_id = int(values.pop("changed")), values.pop("job_id")
    return Changed(transaction=transaction, job_id=job_id, job=None if values["id"] is None else msgspec.convert(values, Job))
