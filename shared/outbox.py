"""The transactional outbox: an event is a row in the transaction that caused it, and a relay brings it to the bus.

A row is deleted when the bus has the event, so nothing is lost: whoever dies, the row is claimed again when its
claim runs out. `deliver_at` in the future is how anything is delayed. A row the bus keeps refusing ends in
`dead_letters`, which `audio2txt dead-letters` lists and replays.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog

from shared import metrics
from shared.bus import Bus, Envelope
from shared.database import Connection, Pool, transaction
from shared.errors import PermanentError, RetryableError
from shared.retry import backoff
from shared.schemas.events import Event, routing_key

POLL_SECONDS = 0.25
"""How soon a row written by another process is found; rows of this process wake the relay at once."""

CLAIM_SECONDS = 30.0
"""How long a row stays with a relay that stopped renewing its claim, as after `kill -9`."""

BATCH = 100
PER_EVENT = 32
"""Most rows of one event type in flight, so that a slow reader does not hold back the others' events."""

MOST_ATTEMPTS = 20
"""Failures of a row whose reader raises before it becomes a dead letter; an unreachable bus does not count."""

log = structlog.get_logger(__name__)


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of one row, for stores that insert it in a statement of their own."""

    message_id: UUID
    routing_key: str
    payload: bytes


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was given up, and why."""

    id: int
    message_id: UUID
    routing_key: str
    payload: bytes
    error: str
    attempts: int
    failed_at: dt.datetime
    replayed_at: dt.datetime | None


@dataclass(frozen=True, kw_only=True)
class _Claimed:
    id: int
    envelope: Envelope
    attempts: int


def row_of(event: Event) -> OutboxRow:
    """What a store inserts into `<schema>.outbox (message_id, routing_key, payload)`."""
    return OutboxRow(message_id=event.event_id, routing_key=routing_key(event), payload=msgspec.json.encode(event))


class Outbox:
    """The outbox in one service's schema, and its relay. Call `wake` after a commit that wrote rows."""

    def __init__(self, *, pool: Pool, schema: str) -> None:
        self._pool = pool
        self._schema = schema
        self._table = f"{schema}.outbox"
        self._due = asyncio.Event()
        self._in_flight: dict[int, str] = {}

    async def append(self, connection: Connection, *events: Event, deliver_at: dt.datetime | None = None) -> None:
        """Add events to the caller's transaction; an event already there (same id) is left as it is."""
        await connection.executemany(
            f"insert into {self._table} (message_id, routing_key, payload, deliver_at) "
            "values ($1, $2, $3, coalesce($4, now())) on conflict (message_id) do nothing",
            [(row.message_id, row.routing_key, row.payload, deliver_at) for row in map(row_of, events)],
        )

    def wake(self) -> None:
        """Tell this process's relay that rows are due."""
        self._due.set()

    async def relay(self, bus: Bus) -> None:
        """Loop for ever: claim due rows, publish them side by side, delete those the bus has taken."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._renew_claims())
            while True:
                self._due.clear()
                for claimed in await self._claim():
                    self._in_flight[claimed.id] = claimed.envelope.routing_key
                    tasks.create_task(self._deliver(bus, claimed))
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS * random.uniform(0.8, 1.2)):
                        await self._due.wait()

    async def release_claims(self) -> None:
        """Free the rows of a dead relay at once. Only where no other process can be relaying: the one-process mode."""
        await self._pool.execute(f"update {self._table} set claimed_until = null where claimed_until is not null")

    async def lag_seconds(self) -> float:
        """Age of the oldest row that is due."""
        age = await self._pool.fetchval(
            f"select extract(epoch from now() - min(deliver_at))::float8 from {self._table} where deliver_at <= now()"
        )
        return float(age or 0)

    async def dead_letters(self, limit: int) -> list[DeadLetter]:
        """The newest events that were given up, replayed ones included."""
        rows = await self._pool.fetch(f"select * from {self._schema}.dead_letters order by id desc limit $1", limit)
        return [msgspec.convert(dict(row), DeadLetter) for row in rows]

    async def replay(self, ids: list[int] | None) -> int:
        """Put dead letters (all that were not replayed yet, or those named) back into the outbox; returns how many."""
        done = await self._pool.fetch(
            f"""
            with again as (
                update {self._schema}.dead_letters set replayed_at = now()
                where case when $1::bigint[] is null then replayed_at is null else id = any($1) end
                returning message_id, routing_key, payload
            )
            insert into {self._table} (message_id, routing_key, payload)
            select message_id, routing_key, payload from again on conflict (message_id) do nothing returning id
            """,
            ids,
        )
        return len(done)

    async def _claim(self) -> list[_Claimed]:
        counts = Counter(self._in_flight.values())
        busy = [key for key, count in counts.items() if count >= PER_EVENT]
        rows = await self._pool.fetch(
            f"""
            update {self._table} o set claimed_until = now() + make_interval(secs => $3)
            from (
                select id from {self._table}
                where deliver_at <= now() and (claimed_until is null or claimed_until < now())
                  and routing_key <> all($1::text[])
                order by deliver_at, id limit $2 for update skip locked
            ) due
            where o.id = due.id
            returning o.id, o.message_id, o.routing_key, o.payload, o.attempts
            """,
            busy,
            BATCH,
            CLAIM_SECONDS,
        )
        return [
            _Claimed(
                id=row["id"],
                envelope=Envelope(message_id=row["message_id"], routing_key=row["routing_key"], payload=row["payload"]),
                attempts=row["attempts"],
            )
            for row in rows
            if row["id"] not in self._in_flight
        ]

    async def _deliver(self, bus: Bus, claimed: _Claimed) -> None:
        try:
            await bus.publish(claimed.envelope)
            await self._pool.execute(f"delete from {self._table} where id = $1", claimed.id)
            metrics.OUTBOX_DELIVERED.labels(self._schema, claimed.envelope.routing_key).inc()
        except PermanentError as error:
            await self._bury(claimed, error)
        except Exception as error:
            await self._postpone(claimed, error)
        finally:
            self._in_flight.pop(claimed.id, None)
            if len(self._in_flight) < BATCH:
                self._due.set()

    async def _postpone(self, claimed: _Claimed, error: Exception) -> None:
        attempts = claimed.attempts + 1
        if attempts >= MOST_ATTEMPTS and not isinstance(error, RetryableError):
            await self._bury(claimed, error)
            return
        log.warning(
            "outbox.postponed",
            event_type=claimed.envelope.routing_key,
            message_id=str(claimed.envelope.message_id),
            attempts=attempts,
            error=repr(error),
        )
        metrics.OUTBOX_FAILED.labels(self._schema, claimed.envelope.routing_key).inc()
        await self._pool.execute(
            f"update {self._table} set attempts = $2, last_error = $3, claimed_until = null, "
            "deliver_at = now() + make_interval(secs => $4) where id = $1",
            claimed.id,
            attempts,
            repr(error)[:1000],
            backoff(attempts),
        )

    async def _bury(self, claimed: _Claimed, error: Exception) -> None:
        log.error(
            "outbox.dead_letter",
            event_type=claimed.envelope.routing_key,
            message_id=str(claimed.envelope.message_id),
            error=repr(error),
        )
        metrics.DEAD_LETTERS.labels(self._schema, claimed.envelope.routing_key).inc()
        async with transaction(self._pool) as connection:
            await connection.execute(
                f"""
                with gone as (delete from {self._table} where id = $1 returning message_id, routing_key, payload)
                insert into {self._schema}.dead_letters (message_id, routing_key, payload, error, attempts)
                select message_id, routing_key, payload, $2, $3 from gone
                """,
                claimed.id,
                repr(error)[:1000],
                claimed.attempts + 1,
            )

    async def _renew_claims(self) -> None:
        while True:
            await asyncio.sleep(CLAIM_SECONDS / 3)
            if self._in_flight:
                await self._pool.execute(
                    f"update {self._table} set claimed_until = now() + make_interval(secs => $2) where id = any($1::bigint[])",
                    list(self._in_flight),
                    CLAIM_SECONDS,
                )
