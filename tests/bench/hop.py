"""How long an event takes from its row in the outbox to its handler, on both buses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import aio_pika

from shared import migrations
from shared.bus import open_bus, subscription
from shared.database import Pool, open_pool, transaction
from shared.outbox import Outbox
from shared.schemas.events import JobCancelled
from shared.schemas.ids import new_id
from tests.bench.figures import Table, at_most, percentile
from tests.bench.ground import Ground

EVENTS = 300
EVERY_SECONDS = 0.01
POLLED_EVENTS = 40
NOTE = f"""\
{EVENTS} events, one every {EVERY_SECONDS * 1000:g} ms; from before the transaction that holds the event's row until the
event's handler is entered. The relay is woken after the commit, as services do, save in the last row, where its poll finds
what another process wrote. Beside it: the same transaction alone, and a bare aio-pika publish to a consumer of the same
RabbitMQ (quorum queue, persistent, confirmed)."""

Times = list[float]


async def measure(ground: Ground) -> list[Table]:
    """Both buses, and what they are made of."""
    url = ground.postgres.create_database()
    pool = await open_pool(url, size=8)
    try:
        await migrations.apply(pool, "notifier")
        with ground.rabbitmq.vhost() as broker:
            rows = {
                "one process (memory://)": await _hops(pool, "memory://", EVENTS, EVERY_SECONDS),
                "RabbitMQ (amqp://)": await _hops(pool, broker, EVENTS, EVERY_SECONDS),
                "commit alone": await _commits(pool),
                "bare publish to consumer": await _bare(broker),
                "RabbitMQ, found by the poll": await _hops(pool, broker, POLLED_EVENTS, 0.1, wake=False),
            }
    finally:
        await pool.close()
    return [_table(rows)]


async def _hops(pool: Pool, url: str, count: int, every: float, *, wake: bool = True) -> Times:
    outbox, bus = Outbox(pool=pool, schema="notifier"), open_bus(url)
    stopwatch = _Stopwatch()
    await bus.start([subscription("bench", JobCancelled, stopwatch.arrived)])
    relay = asyncio.create_task(outbox.relay(bus))
    try:
        await _send(pool, outbox, stopwatch, 20, every)
        stopwatch.times.clear()
        await _send(pool, outbox, stopwatch, count, every, wake=wake)
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        await bus.close()
    return stopwatch.times


async def _send(pool: Pool, outbox: Outbox, stopwatch: _Stopwatch, count: int, every: float, *, wake: bool = True) -> None:
    async def one() -> None:
        event = JobCancelled(tenant_id=new_id(), job_id=new_id())
        stopwatch.start(event.event_id)
        async with transaction(pool) as connection:
            await outbox.append(connection, event)
        if wake:
            outbox.wake()

    await _at_intervals(one, count, every)
    await stopwatch.all_arrived()


class _Stopwatch:
    """Knows when each event set out, and how long those that arrived took, in milliseconds."""

    def __init__(self) -> None:
        self.times: Times = []
        self._under_way: dict[UUID, float] = {}
        self._none_under_way = asyncio.Event()

    def start(self, event_id: UUID) -> None:
        """An event sets out."""
        self._none_under_way.clear()
        self._under_way[event_id] = time.perf_counter()

    async def arrived(self, event: JobCancelled) -> None:
        """The handler."""
        self.stop(event.event_id)

    def stop(self, event_id: UUID) -> None:
        """An event is there; a repeat does not count."""
        if (began := self._under_way.pop(event_id, None)) is not None:
            self.times.append((time.perf_counter() - began) * 1000)
        if not self._under_way:
            self._none_under_way.set()

    async def all_arrived(self) -> None:
        """Wait for those under way."""
        async with asyncio.timeout(30):
            await self._none_under_way.wait()


async def _commits(pool: Pool) -> Times:
    outbox, times = Outbox(pool=pool, schema="notifier"), Times()

    async def one() -> None:
        began = time.perf_counter()
        async with transaction(pool) as connection:
            await outbox.append(connection, JobCancelled(tenant_id=new_id(), job_id=new_id()))
        times.append((time.perf_counter() - began) * 1000)

    await _at_intervals(one, EVENTS, EVERY_SECONDS)
    await pool.execute("truncate notifier.outbox")
    return times


async def _bare(url: str) -> Times:
    stopwatch = _Stopwatch()
    async with await aio_pika.connect(url) as connection:
        channel, consuming = await connection.channel(), await connection.channel()
        queue = await consuming.declare_queue("bench.bare", durable=True, arguments={"x-queue-type": "quorum"})

        async def arrived(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            stopwatch.stop(UUID(message.message_id))
            await message.ack()

        await queue.consume(arrived)

        async def one() -> None:
            message_id = new_id()
            stopwatch.start(message_id)
            message = aio_pika.Message(b"{}", message_id=str(message_id), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, queue.name)

        await _at_intervals(one, EVENTS, EVERY_SECONDS)
        await stopwatch.all_arrived()
    return stopwatch.times


async def _at_intervals(one: Callable[[], Awaitable[None]], count: int, every: float) -> None:
    began = time.perf_counter()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number * every - time.perf_counter()))
        await one()


def _table(rows: dict[str, Times]) -> Table:
    return Table(
        title="Event hop: outbox insert to handler",
        columns=("", "p50 ms", "p99 ms", "longest ms"),
        rows=tuple((name, percentile(times, 0.5), percentile(times, 0.99), max(times)) for name, times in rows.items()),
        note=NOTE,
        aims=tuple(at_most(f"p99, {name}", percentile(times, 0.99), 100, "ms") for name, times in list(rows.items())[:2]),
    )
