"""Deliveries and their attempts: the SQL of the schema `notifier`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

import msgspec

from shared.database import Connection, Pool, transaction
from shared.outbox import OutboxRow
from shared.schemas.events import DeliveryState


class NewDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery to be made."""

    id: UUID
    event_id: UUID
    tenant_id: UUID
    job_id: UUID
    run: int
    traceparent: str | None
    url: str
    host: str
    body: bytes


class Lane(msgspec.Struct, frozen=True):
    """Whose delivery to where: what fairness is counted by."""

    tenant_id: UUID
    host: str


class Claimed(NewDelivery, frozen=True, kw_only=True):
    """A delivery that this process alone may attempt, as long as its lease lasts."""

    attempts: int
    """Attempts made before."""
    lease: UUID

    @property
    def lane(self) -> Lane:
        """The lane it counts for."""
        return Lane(self.tenant_id, self.host)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How many attempts may run at once."""

    total: int
    per_tenant: int
    per_lane: int


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log."""

    number: int
    started_at: dt.datetime
    duration_ms: int
    status: int | None
    reason: str | None
    response: bytes


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the delivery: how it ended, or the seconds until its next attempt."""

    end: DeliveryState | None = None
    wait: float = 0.0


class DeliveryStore:
    """Reads and writes the tables; every method is one transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, delivery: NewDelivery, *, wait: float) -> bool:
        """Add a delivery due in `wait` seconds; False when its event is known or its job erased."""
        async with transaction(self._pool) as connection:
            await _lock_job(connection, delivery.job_id)
            added = await connection.fetchval(
                """
                insert into notifier.deliveries
                    (id, event_id, tenant_id, job_id, run, traceparent, url, host, body, due_at)
                select $1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10)
                where not exists (select from notifier.erased_jobs where job_id = $4)
                on conflict (event_id) do nothing
                returning true
                """,
                *msgspec.structs.astuple(delivery),
                wait,
            )
        return bool(added)

    async def erase_job(self, job_id: UUID) -> None:
        """Forget every delivery of a job, and those still to come."""
        async with transaction(self._pool) as connection:
            await _lock_job(connection, job_id)
            await connection.execute(
                "insert into notifier.erased_jobs (job_id) values ($1) on conflict (job_id) do nothing", job_id
            )
            await connection.execute("delete from notifier.deliveries where job_id = $1", job_id)

    async def claim(self, running: Mapping[Lane, int], *, limits: Limits, lease_seconds: float) -> list[Claimed]:
        """Take due deliveries, as many as the limits leave room for beside those `running` here.

        Lanes take turns, and so do tenants: who has fewest running comes first, however much others have waiting. The
        lanes are found by hopping along their index, not by reading what waits in them.
        """
        rows = await self._pool.fetch(
            """
            with recursive lanes as (
                (select tenant_id, host from notifier.deliveries where state = 'pending' order by tenant_id, host limit 1)
                union all
                select next.tenant_id, next.host from lanes cross join lateral (
                    select tenant_id, host from notifier.deliveries
                    where state = 'pending' and (tenant_id, host) > (lanes.tenant_id, lanes.host)
                    order by tenant_id, host limit 1
                ) next
            ),
            running as (
                select tenant_id, host, count, sum(count) over (partition by tenant_id) as of_tenant
                from unnest($1::uuid[], $2::text[], $3::int[]) as r (tenant_id, host, count)
            ),
            due as (
                select lanes.tenant_id, waiting.id, waiting.due_at, waiting.place + coalesce(running.count, 0) as lane_place
                from lanes
                left join running using (tenant_id, host)
                cross join lateral (
                    select id, due_at, row_number() over (order by due_at, id) as place from notifier.deliveries d
                    where d.tenant_id = lanes.tenant_id and d.host = lanes.host and state = 'pending' and due_at <= now()
                    order by due_at, id limit greatest($4 - coalesce(running.count, 0), 0)
                ) waiting
            ),
            turns as (
                select id, due_at, row_number() over (partition by tenant_id order by lane_place, due_at)
                    + coalesce((select max(of_tenant) from running where running.tenant_id = due.tenant_id), 0) as turn
                from due
            )
            update notifier.deliveries d set lease = $7, due_at = now() + make_interval(secs => $8)
            from (
                select id from notifier.deliveries
                where id in (select id from turns where turn <= $5 order by turn, due_at limit $6)
                    and state = 'pending' and due_at <= now()
                for update skip locked
            ) taken
            where d.id = taken.id
            returning d.id, event_id, tenant_id, job_id, run, traceparent, url, host, body, attempts, lease
            """,
            [lane.tenant_id for lane in running],
            [lane.host for lane in running],
            list(running.values()),
            limits.per_lane,
            limits.per_tenant,
            max(0, limits.total - sum(running.values())),
            uuid4(),
            lease_seconds,
        )
        return [Claimed(**row) for row in rows]

    async def seconds_to_next(self) -> float | None:
        """Seconds until something becomes due that is not due yet; None when nothing waits."""
        seconds: float | None = await self._pool.fetchval(
            "select extract(epoch from min(due_at) - now())::float8 from notifier.deliveries "
            "where state = 'pending' and due_at > now()"
        )
        return seconds

    async def record(self, claimed: Claimed, attempt: Attempt, change: Change, *, event: OutboxRow | None) -> bool:
        """Log an attempt and, while the lease is ours, write what follows from it. Whether the lease was still ours."""
        ours = await self._pool.fetchval(
            """
            with changed as (
                update notifier.deliveries
                set state = coalesce($3::text, 'pending'), attempts = attempts + 1, lease = null,
                    due_at = now() + make_interval(secs => $4),
                    finished_at = case when $3::text is not null then now() end
                where id = $1 and lease = $2 returning id
            ),
            told as (
                insert into notifier.outbox (message_id, routing_key, payload)
                select $11, $12, $13 from changed where $11::uuid is not null
            )
            insert into notifier.attempts (delivery_id, number, started_at, duration_ms, status, reason, response)
            select id, $5, $6, $7, $8, $9, $10 from notifier.deliveries where id = $1
            on conflict (delivery_id, started_at) do nothing
            returning exists (select from changed)
            """,
            claimed.id,
            claimed.lease,
            change.end,
            change.wait,
            *msgspec.structs.astuple(attempt),
            *((event.message_id, event.routing_key, event.payload) if event is not None else (None, None, None)),
        )
        return bool(ours)

    async def give_back(self, claims: Sequence[Claimed]) -> None:
        """End leases whose attempt was not made or not finished: due again at once."""
        await self._pool.execute(
            "update notifier.deliveries set lease = null, due_at = now() "
            "where lease = any($1::uuid[]) and id = any($2::uuid[])",
            [claimed.lease for claimed in claims],
            [claimed.id for claimed in claims],
        )

    async def end_leases(self) -> None:
        """End all leases. Only where no other process can hold one: the one-process mode, before it starts to claim."""
        await self._pool.execute("update notifier.deliveries set lease = null, due_at = now() where lease is not null")

    async def forget(self, *, days: int, limit: int) -> int:
        """Delete deliveries that ended more than `days` ago, at most `limit`; returns how many."""
        forgotten: int = await self._pool.fetchval(
            """
            with old as (
                delete from notifier.deliveries where id in (
                    select id from notifier.deliveries
                    where state <> 'pending' and finished_at < now() - make_interval(days => $1) limit $2
                ) returning id
            ),
            erased as (delete from notifier.erased_jobs where erased_at < now() - make_interval(days => $1))
            select count(*) from old
            """,
            days,
            limit,
        )
        return forgotten


async def _lock_job(connection: Connection, job_id: UUID) -> None:
    """Adding and erasing wait for each other: else neither sees what the other is about to commit."""
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"notifier {job_id}")
