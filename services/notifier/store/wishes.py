"""What customers want sent: a test, one message again, or many. Done once per event id."""

from __future__ import annotations

from uuid import UUID

from services.notifier.store import health, tenants
from shared.database import Connection, Pool, transaction
from shared.errors import RetryableError
from shared.schemas.endpoints import EventType, Redeliver, Replay
from shared.schemas.events import DeliveryRequested
from shared.schemas.ids import new_id

REPLAYS_PER_SECOND = 5.0
"""A replay is spread over time, and sent after whatever is new."""
MOST_REPLAYED = 10_000
"""Messages of one wish, the oldest first."""


class EndpointUnknown(RetryableError):
    """A wish has overtaken the news of its endpoint, as events come in any order."""


class WishStore:
    """Makes deliveries that somebody asks for."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def test(self, event: DeliveryRequested, body: bytes) -> bool:
        """Send a test message; whether there is such an endpoint, and it is the first time that this wish is heard."""
        async with transaction(self._pool) as connection:
            if not await _begin(connection, event):
                return False
            await connection.execute(
                "insert into notifier.messages (id, tenant_id, type, traceparent, occurred_at) values ($1, $2, $3, $4, $5)",
                event.event_id,
                event.tenant_id,
                EventType.ENDPOINT_TEST,
                event.traceparent,
                event.occurred_at,
            )
            await connection.execute(
                "insert into notifier.bodies (message_id, payload, body) values ($1, 'thin', $2)", event.event_id, body
            )
            await connection.execute(
                "insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, due_at) "
                "values ($1, $2, $3, $4, now())",
                new_id(),
                event.endpoint_id,
                event.event_id,
                event.tenant_id,
            )
            await health.lock(connection, [event.endpoint_id])
            await health.wake(connection, [event.endpoint_id])
        return True

    async def redeliver(self, event: DeliveryRequested, wish: Redeliver) -> bool:
        """Send one message again, with a schedule of its own; one whose attempt is under way is left to that."""
        async with transaction(self._pool) as connection:
            if not await _begin(connection, event):
                return False
            again = await connection.fetchval(
                """
                update notifier.deliveries
                set state = 'pending', tries = 0, deferrals = 0, replay = false, coalesces = false, due_at = now(),
                    finished_at = null, lease = null
                where id = $1 and endpoint_id = $2 and tenant_id = $3 and (lease is null or due_at <= now())
                returning true
                """,
                wish.delivery_id,
                event.endpoint_id,
                event.tenant_id,
            )
            await health.lock(connection, [event.endpoint_id])
            await health.wake(connection, [event.endpoint_id])
        return bool(again)

    async def replay(self, event: DeliveryRequested, wish: Replay) -> int:
        """Send many again; returns how many."""
        async with transaction(self._pool) as connection:
            await tenants.wait_for_intake(connection, event.tenant_id)
            if not await _begin(connection, event):
                return 0
            count = await _replay_unsent(connection, event, wish)
            if wish.missing:
                count += await _replay_missing(connection, event, wish, after=count)
            await health.lock(connection, [event.endpoint_id])
            await health.wake(connection, [event.endpoint_id])
        return count


async def _begin(connection: Connection, event: DeliveryRequested) -> bool:
    """Whether the wish is new, and its endpoint the tenant's, not deleted, and one that may be sent to. Raises
    `EndpointUnknown`."""
    new = await connection.fetchval(
        "insert into notifier.wishes (event_id) values ($1) on conflict do nothing returning true", event.event_id
    )
    endpoint = await connection.fetchrow(
        "select tenant_id, version, deleted_at, configuration ->> 'withheld' as withheld from notifier.endpoints where id = $1 "
        "for share",
        event.endpoint_id,
    )
    if endpoint is None:
        raise EndpointUnknown(f"The endpoint {event.endpoint_id} is not known yet.")
    if endpoint["tenant_id"] != event.tenant_id or endpoint["deleted_at"] is not None:
        return False
    if endpoint["version"] < event.endpoint_version:
        raise EndpointUnknown(f"The endpoint {event.endpoint_id} is known in an older version.")
    return bool(new) and endpoint["withheld"] is None


async def _replay_unsent(connection: Connection, event: DeliveryRequested, wish: Replay) -> int:
    """What failed, or was cancelled when the endpoint was switched off. Progress and questions are old news."""
    rows = await connection.fetch(
        """
        with chosen as (
            select d.id, row_number() over (order by m.occurred_at, d.id) - 1 as place
            from notifier.deliveries d join notifier.messages m on m.id = d.message_id
            where d.endpoint_id = $1 and d.state in ('failed', 'cancelled') and m.type <> all($5::text[])
                and m.occurred_at >= $2 and m.occurred_at < coalesce($3, now())
                and (cardinality($4::text[]) = 0 or m.type = any($4))
            order by m.occurred_at, d.id limit $6
        )
        update notifier.deliveries d
        set state = 'pending', tries = 0, deferrals = 0, replay = true, lease = null, finished_at = null,
            due_at = now() + make_interval(secs => chosen.place / $7::float8)
        from chosen where d.id = chosen.id returning d.id
        """,
        event.endpoint_id,
        wish.since,
        wish.until,
        list(wish.types),
        [EventType.JOB_PROGRESSED, EventType.ENDPOINT_CONFIRMATION],
        MOST_REPLAYED,
        REPLAYS_PER_SECOND,
    )
    return len(rows)


async def _replay_missing(connection: Connection, event: DeliveryRequested, wish: Replay, *, after: int) -> int:
    """What was never made: of the types that are named, or else of those that the endpoint listens to now."""
    rows = await connection.fetch(
        """
        select m.id, m.job_id, e.configuration ->> 'include' as include
        from notifier.messages m join notifier.endpoints e on e.id = $2
        where m.tenant_id = $1 and m.created_at >= $3 and m.created_at < coalesce($4, now()) and m.job_id is not null
            and m.type <> $6 and case when cardinality($5::text[]) > 0 then m.type = any($5)
                else e.events && array['*', m.type, split_part(m.type, '.', 1) || '.*'] end
            and not exists (select from notifier.deliveries d where d.message_id = m.id and d.endpoint_id = $2)
        order by m.created_at, m.id limit $7
        """,
        event.tenant_id,
        event.endpoint_id,
        wish.since,
        wish.until,
        list(wish.types),
        EventType.JOB_PROGRESSED,
        MOST_REPLAYED - after,
    )
    made: list[tuple[UUID, UUID, UUID, UUID, UUID, str, float]] = [
        (new_id(), event.endpoint_id, row["id"], event.tenant_id, row["job_id"], row["include"], place / REPLAYS_PER_SECOND)
        for place, row in enumerate(rows, start=after)
    ]
    await connection.executemany(
        "insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, job_id, payload, replay, due_at) "
        "values ($1, $2, $3, $4, $5, $6, true, now() + make_interval(secs => $7)) on conflict do nothing",
        made,
    )
    return len(made)
