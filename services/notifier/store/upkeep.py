"""What is forgotten with time, and how much waits."""

from __future__ import annotations

import msgspec

from shared.database import Pool


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand over all endpoints."""

    oldest_due: float
    """Seconds since the oldest endpoint was due that may be sent to."""
    oldest_held: float
    """Seconds since the oldest delivery was due whose endpoint rests: its breaker is open, or it asked for time."""
    breakers_open: int
    disabled: int


class UpkeepStore:
    """Forgets and counts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def forget(self, *, days: int, limit: int) -> int:
        """Delete what ended more than `days` ago, at most so many rows of each kind; returns how many."""
        forgotten: int = await self._pool.fetchval(
            """
            with ended as (
                delete from notifier.deliveries where id in (
                    select id from notifier.deliveries
                    where state <> 'pending' and finished_at < now() - make_interval(days => $1) limit $2
                ) returning id
            ),
            untold as (
                delete from notifier.messages where id in (
                    select id from notifier.messages m
                    where created_at < now() - make_interval(days => $1)
                        and not exists (select from notifier.deliveries d where d.message_id = m.id) limit $2
                ) returning id
            )
            select (select count(*) from ended) + (select count(*) from untold)
            """,
            days,
            limit,
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
        row = await self._pool.fetchrow(
            """
            select
                coalesce((
                    select extract(epoch from now() - min(due_at)) from notifier.health where due_at <= now()
                ), 0)::float8 as oldest_due,
                coalesce((
                    select extract(epoch from now() - min(d.due_at)) from notifier.health h
                    cross join lateral (
                        select due_at from notifier.deliveries where endpoint_id = h.endpoint_id and state = 'pending'
                            and not replay and due_at <= now() order by due_at, id limit 1
                    ) d
                    where greatest(h.open_until, h.not_before) > now()
                ), 0)::float8 as oldest_held,
                (select count(*) from notifier.health where open_until > now())::int as breakers_open,
                (select count(*) from notifier.health where disabled_at is not null)::int as disabled
            """
        )
        return Backlog(**row)
