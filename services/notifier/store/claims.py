"""What is due, and who may attempt it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec

from services.notifier.health import Health, Notice
from services.notifier.pacing import Pace, Standing
from services.notifier.store import health
from shared.database import Pool, transaction
from shared.schemas.endpoints import DisabledReason, Endpoint, Payload

MOST_COUNTED = 32
"""Deliveries of one endpoint."""
MOST_DUE = 50_000
"""Endpoints that one look can find."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint that something is due for in `seconds`, or was so long ago."""

    endpoint_id: UUID
    tenant_id: UUID
    part: int
    seconds: float
    count: int
    """How much is due, as far as anybody counts."""
    health: Health
    rate_per_minute: int | None
    """The most attempts a minute that its owner wants."""


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that this process alone may attempt, as long as its lease lasts."""

    id: UUID
    lease: UUID
    endpoint_id: UUID
    tenant_id: UUID
    part: int
    callback: bool
    configuration: Endpoint
    message_id: UUID
    type: str
    job_id: UUID | None
    run: int | None
    sequence: int | None
    traceparent: str | None
    occurred_at: dt.datetime
    payload: Payload
    """What its endpoint wants to be told."""
    transcript_key: str | None
    whole: bool
    """Whether `body` tells that; else it is the thin form of it, and what is sent is still to be made."""
    body: bytes
    attempts: int
    """Attempts made before."""
    tries: int
    deferrals: int
    age: float
    """Seconds since it was made."""
    late: float
    """Seconds since it was due and could have been sent."""


class ClaimStore:
    """Finds and takes what is due."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def due(self, parts: Sequence[int], *, within: float) -> list[Due]:
        """Endpoints of these parts that something is due for, or will be within so many seconds."""
        now = time.monotonic()
        rows = await self._pool.fetch(
            """
            select endpoint_id, tenant_id, part, extract(epoch from due_at - now())::float8 as seconds, revision, standing,
                send_window, ema_seconds, recovering, strikes, opened, failures, blocked, warned, last_failure,
                disabled_reason, rate_per_minute,
                extract(epoch from open_until - now())::float8 as open_for,
                extract(epoch from not_before - now())::float8 as rest_for,
                extract(epoch from now() - failing_since)::float8 as failing_for,
                extract(epoch from now() - last_success_at)::float8 as since_success,
                extract(epoch from now() - last_failure_at)::float8 as since_failure,
                (fresh.count + again.count)::int as count
            from notifier.health h
            cross join lateral (
                select count(*) from (
                    select from notifier.deliveries d
                    where d.endpoint_id = h.endpoint_id and state = 'pending' and not replay and d.due_at <= now() limit $4
                ) counted
            ) fresh
            cross join lateral (
                select count(*) from (
                    select from notifier.deliveries d
                    where d.endpoint_id = h.endpoint_id and state = 'pending' and replay and d.due_at <= now() limit $4
                ) counted
            ) again
            where part = any($1::smallint[]) and due_at <= now() + make_interval(secs => $2)
            order by due_at limit $3
            """,
            list(parts),
            within,
            MOST_DUE,
            MOST_COUNTED,
        )
        return [
            Due(
                endpoint_id=row["endpoint_id"],
                tenant_id=row["tenant_id"],
                part=row["part"],
                seconds=row["seconds"],
                count=row["count"],
                health=_health(row, now),
                rate_per_minute=row["rate_per_minute"],
            )
            for row in rows
        ]

    async def claim(
        self,
        wanted: Mapping[UUID, int],
        *,
        owner: UUID,
        parts: Sequence[int],
        under_way: Sequence[UUID],
        lease_seconds: float,
        mail_lease_seconds: float,
    ) -> list[Claimed]:
        """Take up to so many due deliveries of each endpoint, the new before the replayed. Takes nothing of parts that are
        another's by now, and nothing that is `under_way` here, even if the database's clock says that its lease has ended."""
        rows = await self._pool.fetch(
            """
            with wanted as (select * from unnest($1::uuid[], $2::int[]) as w (endpoint_id, wanted)),
            open as (
                select endpoint_id, part, wanted, greatest(h.open_until, h.not_before) as rested_until
                from wanted join notifier.health h using (endpoint_id) join notifier.partitions p using (part)
                where part = any($4::smallint[]) and p.owner = $3 and h.due_at <= now()
            ),
            fresh as (
                select open.endpoint_id, d.id, d.due_at from open cross join lateral (
                    select id, due_at from notifier.deliveries
                    where endpoint_id = open.endpoint_id and state = 'pending' and not replay and due_at <= now()
                        and id <> all($8::uuid[])
                    order by due_at, id limit open.wanted for update skip locked
                ) d
            ),
            again as (
                select open.endpoint_id, d.id, d.due_at
                from open
                left join (select endpoint_id, count(*) as count from fresh group by endpoint_id) f using (endpoint_id)
                cross join lateral (
                    select id, due_at from notifier.deliveries
                    where endpoint_id = open.endpoint_id and state = 'pending' and replay and due_at <= now()
                        and id <> all($8::uuid[])
                    order by due_at, id limit open.wanted - coalesce(f.count, 0) for update skip locked
                ) d
            ),
            taken as (select * from fresh union all select * from again)
            update notifier.deliveries d
            set lease = $5,
                due_at = now() + make_interval(
                    secs => case when e.configuration ->> 'kind' = 'email' then $7::float8 else $6::float8 end
                )
            from taken join open using (endpoint_id) join notifier.endpoints e on e.id = taken.endpoint_id,
                notifier.messages m
            where d.id = taken.id and m.id = d.message_id
            returning d.id, d.lease, d.endpoint_id, d.tenant_id, open.part, e.callback, e.configuration, d.message_id, m.type,
                d.job_id, m.run, m.sequence, m.traceparent, m.occurred_at, d.attempts, d.tries, d.deferrals,
                d.payload, m.transcript_key, d.payload = 'thin' or exists (
                    select from notifier.bodies b where b.message_id = m.id and b.payload = d.payload
                ) as whole,
                coalesce(
                    (select body from notifier.bodies b where b.message_id = m.id and b.payload = d.payload),
                    (select body from notifier.bodies b where b.message_id = m.id and b.payload = 'thin')
                ) as body,
                extract(epoch from now() - d.created_at)::float8 as age,
                extract(epoch from now() - greatest(taken.due_at, open.rested_until))::float8 as late
            """,
            list(wanted),
            list(wanted.values()),
            owner,
            list(parts),
            uuid4(),
            lease_seconds,
            mail_lease_seconds,
            list(under_way),
        )
        return [_claimed(dict(row)) for row in rows]

    async def give_back(self, claims: Sequence[Claimed]) -> None:
        """End leases whose attempt was not made or not finished: due again at once."""
        async with transaction(self._pool) as connection:
            endpoints = {claimed.endpoint_id for claimed in claims}
            await health.lock(connection, endpoints)
            await connection.execute(
                "update notifier.deliveries set lease = null, due_at = now() "
                "where lease = any($1::uuid[]) and id = any($2::uuid[]) and state = 'pending'",
                list({claimed.lease for claimed in claims}),
                [claimed.id for claimed in claims],
            )
            await health.settle(connection, endpoints)

    async def settle(self, endpoint_ids: Sequence[UUID]) -> None:
        """Look up when these endpoints are next due, as less was due than it seemed."""
        async with transaction(self._pool) as connection:
            # Two statements: the second one sees what those have committed whom the first one waited for.
            await health.lock(connection, endpoint_ids)
            await health.settle(connection, endpoint_ids)

    async def end_leases(self) -> None:
        """End all leases. Only where no other process can hold one: the one-process mode, before it starts to claim."""
        async with transaction(self._pool) as connection:
            ended = await connection.fetch(
                "update notifier.deliveries set lease = null, due_at = now() where state = 'pending' and lease is not null "
                "returning endpoint_id"
            )
            await health.settle(connection, {row["endpoint_id"] for row in ended})
            await connection.execute("update notifier.partitions set owner = null, held_until = null")
            await connection.execute("delete from notifier.senders")


def _health(row: Any, now: float) -> Health:
    def moment(ago: float | None) -> float | None:
        return None if ago is None else now - ago

    return Health(
        pace=Pace(
            standing=Standing(row["standing"]),
            window=row["send_window"],
            ema=row["ema_seconds"],
            recovering=row["recovering"],
            strikes=row["strikes"],
            opened=row["opened"],
            open_until=now + row["open_for"] if row["open_for"] is not None else 0.0,
            not_before=now + row["rest_for"] if row["rest_for"] is not None else 0.0,
        ),
        revision=row["revision"],
        failures=row["failures"],
        failing_since=moment(row["failing_for"]),
        blocked=row["blocked"],
        warned=Notice(row["warned"]),
        last_success_at=moment(row["since_success"]),
        last_failure_at=moment(row["since_failure"]),
        last_failure=row["last_failure"],
        disabled=DisabledReason(row["disabled_reason"]) if row["disabled_reason"] is not None else None,
    )


def _claimed(row: dict[str, Any]) -> Claimed:
    configuration = msgspec.convert(row.pop("configuration"), Endpoint)
    return Claimed(configuration=configuration, payload=Payload(row.pop("payload")), **row)
