"""Brings the rows of one outbox to the bus: claims, publishes, deletes; lets failures wait, and buries what is hopeless."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import structlog

from shared import metrics
from shared.bus import Bus, BusUnavailable, Envelope, Unroutable
from shared.database import Pool, is_outage
from shared.errors import NotNow, PermanentError, RetryableError
from shared.retry import backoff
from shared.schemas.events import EVENT_TYPES, routing_key

POLL_SECONDS = 1.0
"""How soon a delayed row, or one of another process, is found; this process's fresh and postponed ones wake the relay."""

CLAIM_SECONDS = 30.0
"""How long a row stays with a relay that stopped renewing its claim, as after `kill -9`."""

PER_EVENT = 32
"""Most rows of one event type in flight, so that a slow reader does not hold back the others' events."""

MOST_ATTEMPTS = 20
"""Failures of a row's reader before the row becomes a dead letter. Outages alone never get a row so far."""

LONGEST_WAIT_FOR_BUS = 5.0
"""Most seconds between attempts while the bus, or the queue of a service that has not started yet, is missing."""

NOT_NOW_DELAY = 1.0
"""Seconds until a row for which its reader had no room is tried again."""

LET_GO_SECONDS = 2.0
LONGEST_ERROR = 1000

_ROUTING_KEYS = [routing_key(kind) for kind in EVENT_TYPES]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Claimed:
    id: int
    envelope: Envelope
    attempts: int


class Relay:
    """The relay of one service's outbox in this process; it remembers what an outage interrupted."""

    def __init__(self, *, pool: Pool, schema: str) -> None:
        self._pool = pool
        self._schema = schema
        self._table = f"{schema}.outbox"
        self._due = asyncio.Event()
        self._in_flight: dict[int, _Claimed] = {}
        self._outcomes: dict[int, Exception | None] = {}
        """What became of rows in flight, not written to the database yet."""
        self._at_work: Counter[str] = Counter()
        """Publishes that have not ended, by event type."""
        self._bus_failures = 0

    def wake(self) -> None:
        """Rows are due: look at once."""
        self._due.set()

    async def run(self, bus: Bus) -> None:
        """Loop for ever: claim due rows, publish them side by side, write down what became of them.

        Raises when the database is away; called again, it goes on. Cancelled, it frees the rows in flight.
        """
        try:
            await self._let_go()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._renew_claims())
                while True:
                    self._due.clear()
                    await self._write_outcomes()
                    for claimed in await self._claim():
                        self._in_flight[claimed.id] = claimed
                        self._at_work[claimed.envelope.routing_key] += 1
                        tasks.create_task(self._deliver(bus, claimed))
                    await self._rest()
        finally:
            await self._let_go_in_time()

    async def _claim(self) -> list[_Claimed]:
        """Hold due rows, of each event type as many as may still be in flight; rows of unknown types stay for newer code."""
        taken = Counter(claimed.envelope.routing_key for claimed in self._in_flight.values())
        rows = await self._pool.fetch(
            f"""
            with due as materialized (
                select picked.id from unnest($1::text[], $2::int[]) as room (routing_key, places)
                cross join lateral (
                    select id from {self._table} o
                    where o.routing_key = room.routing_key
                      and deliver_at <= now() and (held_until is null or held_until < now())
                    order by deliver_at, id limit room.places for update skip locked
                ) picked
            )
            update {self._table} o set held_until = now() + make_interval(secs => $3) from due where o.id = due.id
            returning o.id, o.message_id, o.routing_key, o.payload, o.attempts
            """,
            _ROUTING_KEYS,
            [PER_EVENT - taken[key] for key in _ROUTING_KEYS],
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
        error: Exception | None = None
        try:
            await bus.publish(claimed.envelope)
        except Exception as caught:
            error = caught
        self._outcomes[claimed.id] = error
        key = claimed.envelope.routing_key
        self._at_work[key] -= 1
        if self._at_work[key] <= PER_EVENT // 2:  # of many, half are written down and replaced in one go
            self._due.set()

    async def _rest(self) -> None:
        """Until rows are due, an outcome is there, or it is time to look; while the bus is away, a while longer."""
        if self._bus_failures:
            await asyncio.sleep(backoff(self._bus_failures, longest=LONGEST_WAIT_FOR_BUS))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS * random.uniform(0.8, 1.2)):
                await self._due.wait()

    async def _write_outcomes(self) -> None:
        outcomes = dict(self._outcomes)
        delivered = [row for row, error in outcomes.items() if error is None]
        unreached = [row for row, error in outcomes.items() if isinstance(error, BusUnavailable)]
        if delivered:
            await self._pool.execute(f"delete from {self._table} where id = any($1::bigint[])", delivered)
            self._bus_failures = 0
        if unreached:
            await self._free(unreached)
            self._bus_failures += 1
            log.warning("outbox.bus_unavailable", schema=self._schema, rows=len(unreached), error=str(outcomes[unreached[0]]))
        for row, error in outcomes.items():
            if error is not None and not isinstance(error, BusUnavailable):
                await self._write_failure(self._in_flight[row], error)
        for row in outcomes:
            self._count(self._in_flight.pop(row), self._outcomes.pop(row))

    async def _write_failure(self, claimed: _Claimed, error: Exception) -> None:
        exhausted = claimed.attempts + 1 >= MOST_ATTEMPTS and not isinstance(error, RetryableError)
        if isinstance(error, NotNow):
            await self._let_others_go_first(claimed)
        elif exhausted or isinstance(error, PermanentError):
            await self._bury(claimed, error)
        else:
            await self._postpone(claimed, error)

    async def _postpone(self, claimed: _Claimed, error: Exception) -> None:
        attempts = claimed.attempts + 1
        if isinstance(error, RetryableError):
            # An outage leaves a row enough attempts for a defect that shows up after it.
            attempts = max(claimed.attempts, min(attempts, MOST_ATTEMPTS // 2))
        delay = backoff(attempts, longest=LONGEST_WAIT_FOR_BUS) if isinstance(error, Unroutable) else backoff(attempts)
        log.warning("outbox.postponed", **_names(claimed), attempts=attempts, error=repr(error))
        await self._pool.execute(
            f"update {self._table} set attempts = $2, last_error = $3, held_until = now() + make_interval(secs => $4) "
            "where id = $1",
            claimed.id,
            attempts,
            repr(error)[:LONGEST_ERROR],
            delay,
        )
        asyncio.get_running_loop().call_later(delay, self._due.set)

    async def _let_others_go_first(self, claimed: _Claimed) -> None:
        """There was no room for the row: it becomes the last of those that are due, and due a little later."""
        delay = NOT_NOW_DELAY * random.uniform(0.8, 1.2)
        await self._pool.execute(
            f"update {self._table} set deliver_at = now(), held_until = now() + make_interval(secs => $2) where id = $1",
            claimed.id,
            delay,
        )
        asyncio.get_running_loop().call_later(delay, self._due.set)

    async def _bury(self, claimed: _Claimed, error: Exception) -> None:
        log.error("outbox.dead_letter", **_names(claimed), error=repr(error))
        await self._pool.execute(
            f"""
            with gone as (delete from {self._table} where id = $1 returning message_id, routing_key, payload)
            insert into {self._schema}.dead_letters (message_id, routing_key, payload, error, attempts)
            select message_id, routing_key, payload, $2, $3 from gone
            """,
            claimed.id,
            repr(error)[:LONGEST_ERROR],
            claimed.attempts + 1,
        )
        metrics.DEAD_LETTERS.labels(self._schema, claimed.envelope.routing_key).inc()

    async def _renew_claims(self) -> None:
        while True:
            await asyncio.sleep(CLAIM_SECONDS / 3)
            await self._pool.execute(
                f"update {self._table} set held_until = now() + make_interval(secs => $2) where id = any($1::bigint[])",
                list(self._in_flight.keys() - self._outcomes.keys()),
                CLAIM_SECONDS,
            )

    async def _let_go(self) -> None:
        """Write what is known of the rows in flight, and free the others for any relay."""
        await self._write_outcomes()
        if self._in_flight:
            await self._free(list(self._in_flight))
        self._in_flight.clear()
        self._at_work.clear()

    async def _let_go_in_time(self) -> None:
        try:
            async with asyncio.timeout(LET_GO_SECONDS):
                await self._let_go()
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("outbox.still_holding", schema=self._schema, rows=len(self._in_flight), error=repr(error))

    async def _free(self, rows: list[int]) -> None:
        await self._pool.execute(f"update {self._table} set held_until = null where id = any($1::bigint[])", rows)

    def _count(self, claimed: _Claimed, error: Exception | None) -> None:
        if isinstance(error, NotNow):
            return
        counter = metrics.OUTBOX_DELIVERED if error is None else metrics.OUTBOX_FAILED
        counter.labels(self._schema, claimed.envelope.routing_key).inc()


def _names(claimed: _Claimed) -> dict[str, str]:
    return {"event_type": claimed.envelope.routing_key, "message_id": str(claimed.envelope.message_id)}
