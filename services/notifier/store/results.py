"""What came of attempts, written in batches."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from services.notifier.health import Health
from services.notifier.store import health
from shared.database import Connection, Pool, transaction
from shared.outbox import OutboxRow
from shared.schemas.endpoints import DeliveryStatus


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log."""

    number: int
    started_at: dt.datetime
    duration_ms: int
    status: int | None
    reason: str | None
    request_headers: Mapping[str, str]
    request_body: bytes
    response_headers: Mapping[str, str]
    response_body: bytes


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt and what follows from it, as long as the lease is still ours."""

    delivery_id: UUID
    lease: UUID
    endpoint_id: UUID
    attempt: Attempt
    end: DeliveryStatus | None
    """Null for another attempt, in `wait` seconds."""
    wait: float
    counts: bool
    """Whether it uses up a try."""
    deferred: bool
    event: OutboxRow | None = None
    """What the other services hear of the end."""


class ResultStore:
    """Writes results."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def write(self, results: Sequence[Result], learnt: Mapping[UUID, Health]) -> set[UUID]:
        """Log attempts, change deliveries and the endpoints' health; returns the deliveries whose lease was still ours.

        An attempt whose lease was lost is logged as an orphan and decides nothing. Writing the same results twice, as after
        a commit whose confirmation was lost, changes nothing.
        """
        async with transaction(self._pool) as connection:
            await health.lock(connection, {*learnt, *(result.endpoint_id for result in results)})
            ours = await _change_deliveries(connection, results)
            await _log(connection, results, ours)
            await _tell(connection, [result for result in results if result.delivery_id in ours])
            await _write_health(connection, learnt)
        return ours


async def _change_deliveries(connection: Connection, results: Sequence[Result]) -> set[UUID]:
    """Retries become cancellations where nothing more is sent, or where newer progress is on its way."""
    rows = await connection.fetch(
        """
        with decided as (
            select r.id, r.lease, r.wait, r.counts, r.deferred, case
                when r.state is not null then r.state
                when e.deleted_at is not null or h.disabled_at is not null then 'cancelled'
                when d.coalesces and exists (
                    select from notifier.messages newer where newer.job_id = m.job_id and newer.sequence > m.sequence
                ) then 'cancelled'
                else 'pending' end as state
            from unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[], $5::bool[], $6::bool[])
                as r (id, lease, state, wait, counts, deferred)
            join notifier.deliveries d on d.id = r.id join notifier.messages m on m.id = d.message_id
            join notifier.endpoints e on e.id = d.endpoint_id join notifier.health h on h.endpoint_id = d.endpoint_id
        )
        update notifier.deliveries d
        set state = decided.state, attempts = attempts + 1, tries = tries + counts::int, deferrals = deferrals + deferred::int,
            lease = null, due_at = now() + make_interval(secs => decided.wait),
            finished_at = case when decided.state <> 'pending' then now() end
        from decided where d.id = decided.id and d.lease = decided.lease and d.state = 'pending'
        returning d.id
        """,
        [result.delivery_id for result in results],
        [result.lease for result in results],
        [result.end for result in results],
        [result.wait for result in results],
        [result.counts for result in results],
        [result.deferred for result in results],
    )
    return {row["id"] for row in rows}


async def _log(connection: Connection, results: Sequence[Result], ours: set[UUID]) -> None:
    attempts = [result.attempt for result in results]
    await connection.execute(
        """
        insert into notifier.attempts
            (delivery_id, number, started_at, duration_ms, status, reason, request_headers, request_body, response_headers,
             response_body, orphan)
        select r.id, r.number, r.started_at, r.duration_ms, r.status, r.reason, r.request_headers::jsonb, r.request_body,
            r.response_headers::jsonb, r.response_body, r.orphan
        from unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::int[], $5::int[], $6::text[], $7::text[], $8::bytea[],
            $9::text[], $10::bytea[], $11::bool[])
            as r (id, number, started_at, duration_ms, status, reason, request_headers, request_body, response_headers,
                  response_body, orphan)
        join notifier.deliveries d on d.id = r.id
        on conflict (delivery_id, started_at) do nothing
        """,
        [result.delivery_id for result in results],
        [attempt.number for attempt in attempts],
        [attempt.started_at for attempt in attempts],
        [attempt.duration_ms for attempt in attempts],
        [attempt.status for attempt in attempts],
        [attempt.reason for attempt in attempts],
        [_json(attempt.request_headers) for attempt in attempts],
        [attempt.request_body for attempt in attempts],
        [_json(attempt.response_headers) for attempt in attempts],
        [attempt.response_body for attempt in attempts],
        [result.delivery_id not in ours for result in results],
    )


async def _tell(connection: Connection, results: Sequence[Result]) -> None:
    events = [result.event for result in results if result.event is not None]
    if events:
        await connection.executemany(
            "insert into notifier.outbox (message_id, routing_key, payload) values ($1, $2, $3) "
            "on conflict (message_id) do nothing",
            [(event.message_id, event.routing_key, event.payload) for event in events],
        )


async def _write_health(connection: Connection, learnt: Mapping[UUID, Health]) -> None:
    """What the owner remembers, unless somebody else has changed the row meanwhile; and when the endpoints are next due."""
    now = time.monotonic()
    endpoints, rows = list(learnt), list(learnt.values())
    paces = [row.pace for row in rows]
    disabled = await connection.fetch(
        """
        update notifier.health h
        set standing = r.standing, send_window = r.send_window, ema_seconds = r.ema, recovering = r.recovering,
            strikes = r.strikes, opened = r.opened, failures = r.failures, blocked = r.blocked, warned = r.warned,
            last_failure = r.last_failure,
            open_until = now() + make_interval(secs => r.open_for), not_before = now() + make_interval(secs => r.rest_for),
            failing_since = case when r.failing_for is not null
                then coalesce(h.failing_since, now() - make_interval(secs => r.failing_for)) end,
            last_success_at = coalesce(now() - make_interval(secs => r.since_success), h.last_success_at),
            last_failure_at = coalesce(now() - make_interval(secs => r.since_failure), h.last_failure_at),
            disabled_at = case when r.disabled is not null then coalesce(h.disabled_at, now()) else h.disabled_at end,
            disabled_reason = coalesce(h.disabled_reason, r.disabled)
        from unnest($1::uuid[], $2::int[], $3::text[], $4::real[], $5::real[], $6::bool[], $7::int[], $8::int[], $9::int[],
            $10::int[], $11::smallint[], $12::text[], $13::float8[], $14::float8[], $15::float8[], $16::float8[],
            $17::float8[], $18::text[])
            as r (endpoint_id, revision, standing, send_window, ema, recovering, strikes, opened, failures, blocked, warned,
                  last_failure, open_for, rest_for, failing_for, since_success, since_failure, disabled)
        where h.endpoint_id = r.endpoint_id and h.revision = r.revision
        returning case when h.disabled_at is not null then h.endpoint_id end as disabled
        """,
        endpoints,
        [row.revision for row in rows],
        [pace.standing for pace in paces],
        [pace.window for pace in paces],
        [pace.ema for pace in paces],
        [pace.recovering for pace in paces],
        [pace.strikes for pace in paces],
        [pace.opened for pace in paces],
        [row.failures for row in rows],
        [row.blocked for row in rows],
        [int(row.warned) for row in rows],
        [row.last_failure for row in rows],
        [_ahead(pace.open_until, now) for pace in paces],
        [_ahead(pace.not_before, now) for pace in paces],
        [_ago(row.failing_since, now) for row in rows],
        [_ago(row.last_success_at, now) for row in rows],
        [_ago(row.last_failure_at, now) for row in rows],
        [row.disabled for row in rows],
    )
    if stopped := [row["disabled"] for row in disabled if row["disabled"] is not None]:
        # Those whose attempt is under way are cancelled when that ends.
        await connection.execute(
            "update notifier.deliveries set state = 'cancelled', finished_at = now() "
            "where endpoint_id = any($1::uuid[]) and state = 'pending' and lease is null",
            stopped,
        )
    await health.settle(connection, endpoints)


def _json(headers: Mapping[str, str]) -> str:
    # PostgreSQL's JSON has no NUL; nor has any header.
    return msgspec.json.encode({name: value.replace("\0", "") for name, value in headers.items()}).decode()


def _ahead(moment: float, now: float) -> float | None:
    return moment - now if moment > now else None


def _ago(moment: float | None, now: float) -> float | None:
    return None if moment is None else max(0.0, now - moment)
