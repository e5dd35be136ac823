"""What is forgotten with time, and how much waits."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import asyncpg
import msgspec

from services.notifier.pacing import Standing
from shared.database import Pool


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What is due for endpoints of one standing. `held`: their breaker is open, or they asked for time."""

    standing: Standing
    held: bool
    deliveries: int
    oldest: float
    """Seconds since the oldest of them was due and could have been sent; of those held, since it was due."""


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand over all endpoints."""

    waiting: tuple[Waiting, ...]
    breakers_open: int
    """Without those that only wait for their host."""
    active: int
    """Sent to within a day, and not switched off."""
    disabled: int


class UpkeepStore:
    """Forgets and counts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def wishes(self) -> dict[UUID, int | None]:
        """For how many days tenants who have decided it themselves want their log kept; null for ever. The gateway publishes
        it: before its schema is there, nobody has."""
        try:
            rows = await self._pool.fetch("select tenant_id, days from gateway.delivery_retention")
        except asyncpg.UndefinedTableError:
            return {}
        return {row["tenant_id"]: row["days"] for row in rows}

    async def forget(self, *, days: int, wishes: Mapping[UUID, int | None] | None = None, limit: int) -> int:
        """Delete what ended more than `days` ago, or than its tenant wishes; at most so many rows of each kind. Returns how
        many."""
        wishes = wishes or {}
        forgotten: int = await self._pool.fetchval(
            """
            with wishes as (select * from unnest($3::uuid[], $4::int[]) as wish (tenant_id, days)),
            ended as (
                delete from notifier.deliveries where id in (
                    select d.id from notifier.deliveries d left join wishes w using (tenant_id)
                    where state <> 'pending' and finished_at < now() - make_interval(days => $5) and finished_at
                        < now() - make_interval(days => case when w.tenant_id is null then $1 else w.days end) limit $2
                ) returning id
            ),
            untold as (
                delete from notifier.messages where id in (
                    select m.id from notifier.messages m left join wishes w using (tenant_id)
                    where created_at < now() - make_interval(days => $5) and created_at
                        < now() - make_interval(days => case when w.tenant_id is null then $1 else w.days end)
                        and not exists (select from notifier.deliveries d where d.message_id = m.id) limit $2
                ) returning id
            )
            select (select count(*) from ended) + (select count(*) from untold)
            """,
            *(days, limit, list(wishes), list(wishes.values())),
            min([days, *(wish for wish in wishes.values() if wish is not None)]),
        )
        return forgotten

    async def tidy(self, *, days: int) -> None:
        """End what deleted endpoints left behind when their process died, and forget the small rows that grow old."""
        await self._pool.execute(
            """
            with left_behind as (
                update notifier.deliveries d set state = 'cancelled', finished_at = now()
                from notifier.endpoints e
                where e.id = d.endpoint_id and e.deleted_at is not null and d.state = 'pending' and d.due_at <= now()
            ),
            done as (delete from notifier.wishes where done_at < now() - make_interval(days => $1)),
            told as (
                delete from notifier.jobs j where touched_at < now() - make_interval(days => $1)
                    and coalesce(erased_at, '-infinity') < now() - make_interval(days => $1)
                    and not exists (select from notifier.messages m where m.job_id = j.id)
            ),
            whole as (delete from notifier.allowances where spent_until < now()),
            gone as (
                delete from notifier.endpoints e
                where deleted_at < now() - make_interval(days => $1)
                    and not exists (select from notifier.deliveries d where d.endpoint_id = e.id)
            )
            delete from notifier.endpoints e
            where callback and created_at < now() - make_interval(days => $1)
                and not exists (select from notifier.deliveries d where d.endpoint_id = e.id)
            """,
            days,
        )

    async def backlog(self) -> Backlog:
        """For the gauges."""
        waiting = await self._pool.fetch(
            """
            select h.standing, coalesce(rested_until > now(), false) as held, sum(due.count)::int as deliveries,
                max(extract(epoch from now() - case when rested_until > now() then first_due
                    else greatest(first_due, rested_until) end))::float8 as oldest
            from notifier.health h
            cross join lateral (select greatest(h.open_until, h.not_before) as rested_until) rest
            cross join lateral (
                select count(*), min(d.due_at) as first_due from notifier.deliveries d
                where d.endpoint_id = h.endpoint_id and d.state = 'pending' and d.due_at <= now()
            ) due
            where h.due_at is not null and due.count > 0 group by 1, 2
            """
        )
        endpoints = await self._pool.fetchrow(
            """
            select count(*) filter (where open_until > now() and opened > 0)::int as breakers_open,
                count(*) filter (
                    where disabled_at is null and greatest(last_success_at, last_failure_at) > now() - interval '1 day'
                )::int as active,
                count(*) filter (where disabled_at is not null)::int as disabled
            from notifier.health
            """
        )
        assert endpoints is not None
        return Backlog(waiting=msgspec.convert([dict(row) for row in waiting], tuple[Waiting, ...]), **dict(endpoints))
