"""Where RabbitMQ and its client libraries lose, repeat or block by default: each trap, sprung on a real node."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import pytest

from shared.bus import EXCHANGE, BusUnavailable, Envelope, Unroutable, subscription
from shared.bus.rabbit import RabbitBus, broadcasting, publishing
from shared.schemas.events import JobCancelled, JobErased
from tests.messaging import PATIENCE, Ear, Operator, Reader, Sender, StartRabbit, cancelled, erased
from tests.servers.rabbitmq import RabbitServer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short time-outs, for tests that must run into one."""
    monkeypatch.setattr(publishing, "SEND_SECONDS", 0.5)
    monkeypatch.setattr("shared.bus.rabbit.CHECK_SECONDS", 0.5)


async def test_an_unroutable_event_is_an_error_also_after_consuming_began(start_rabbit: StartRabbit) -> None:
    """The exchange is not taken from a consumer's channel, where a returned message would vanish without a word."""
    bus = await start_rabbit(subscription("transcriber", JobErased, Reader()))
    with pytest.raises(Unroutable):
        await bus.publish(Envelope.of(cancelled()))
    await bus.publish(Envelope.of(erased()))


async def test_an_event_waits_for_a_reader_that_is_down(start_rabbit: StartRabbit) -> None:
    """Once a service has started, events for it are kept while it is away, and survive a restart of RabbitMQ."""
    reader, event = Reader(), cancelled()
    first = await start_rabbit(subscription("transcriber", JobCancelled, Reader()))
    await first.close()
    publisher = await start_rabbit()
    await publisher.publish(Envelope.of(event))
    await start_rabbit(subscription("transcriber", JobCancelled, reader))
    assert await reader.received(1) == [event]


async def test_events_survive_a_kill_of_the_broker(start_rabbit: StartRabbit, rabbitmq_server: RabbitServer) -> None:
    """What was confirmed is on disk: `kill -9` of RabbitMQ loses none of it."""
    reader = Reader()
    first = await start_rabbit(subscription("transcriber", JobCancelled, Reader()))
    await first.stop_consuming(0)
    events = [cancelled() for _ in range(20)]
    await asyncio.gather(*(first.publish(Envelope.of(event)) for event in events))
    await asyncio.to_thread(rabbitmq_server.restart)
    await start_rabbit(subscription("transcriber", JobCancelled, reader))
    received = await reader.received(20)
    assert {event.event_id for event in events} == {event.event_id for event in received if isinstance(event, JobCancelled)}


@pytest.mark.usefixtures("impatient")
async def test_a_blocked_broker_is_reported_and_not_waited_for(
    start_rabbit: StartRabbit, rabbitmq_server: RabbitServer
) -> None:
    """Under a memory alarm publishing fails within its time and readiness says why; when it is over both recover."""
    reader, event = Reader(), cancelled()
    bus = await start_rabbit(subscription("transcriber", JobCancelled, reader))
    with rabbitmq_server.memory_alarm():
        with pytest.raises(BusUnavailable, match="did not confirm"):
            await bus.publish(Envelope.of(cancelled()))
        with pytest.raises(BusUnavailable, match="blocks publishers"):
            await bus.check()
        with pytest.raises(BusUnavailable):
            await bus.publish(Envelope.of(event))
    await _until_ready(bus)
    await bus.publish(Envelope.of(event))
    await reader.received(2)


@pytest.mark.usefixtures("impatient")
async def test_readiness_notices_an_alarm_without_a_publish(start_rabbit: StartRabbit, rabbitmq_server: RabbitServer) -> None:
    """Only publishers are told of an alarm; a process that has not published since must not look healthy."""
    bus = await start_rabbit()
    with rabbitmq_server.memory_alarm(), pytest.raises(BusUnavailable):
        await bus.check()
    await _until_ready(bus)


async def test_readiness_notices_a_lost_consumer(
    start_rabbit: StartRabbit, rabbitmq_server: RabbitServer, operator: Operator
) -> None:
    """A deleted queue takes its consumer along: it is declared again, bound again, and consumed again."""
    reader, event = Reader(), cancelled()
    bus = await start_rabbit(subscription("transcriber", JobCancelled, reader))
    await operator.queue_delete("transcriber.job.cancelled")
    await _until_ready(bus)
    await bus.publish(Envelope.of(event))
    assert await reader.received(1) == [event]


async def test_a_deleted_exchange_comes_back(start_rabbit: StartRabbit, sender: Sender, operator: Operator) -> None:
    """Publishing to a missing exchange breaks the channel; the bus declares it again, and readiness binds the queues."""
    reader, event = Reader(), cancelled()
    bus = await start_rabbit(subscription("transcriber", JobCancelled, reader))
    await operator.exchange_delete(EXCHANGE)
    with pytest.raises((BusUnavailable, Unroutable)):
        await bus.publish(Envelope.of(event))
    sender.send(bus, Envelope.of(event))
    await _until_ready(bus)
    assert event in await reader.received(1)


async def test_prefetch_bounds_what_one_process_takes(start_rabbit: StartRabbit, operator: Operator) -> None:
    """Events beyond the subscription's concurrency stay in the queue, where other replicas and the operator see them."""
    release, begun = asyncio.Event(), Reader()

    async def wait(event: JobCancelled) -> None:
        await begun(event)
        await release.wait()

    bus = await start_rabbit(subscription("transcriber", JobCancelled, wait, concurrency=3))
    for _ in range(10):
        await bus.publish(Envelope.of(cancelled()))
    await begun.received(3)
    queue = await operator.declare_queue("transcriber.job.cancelled", passive=True)
    assert queue.declaration_result.message_count == 7
    release.set()
    await begun.received(10)


async def test_what_a_killed_process_held_is_delivered_again(
    start_rabbit: StartRabbit, sender: Sender, rabbitmq_url: str
) -> None:
    """`kill -9` inside a handler: the next process gets the event, once."""
    reader, event = Reader(), cancelled()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HANGING_READER, rabbitmq_url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    sender.send(await start_rabbit(), Envelope.of(event))
    await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    process.kill()
    await process.wait()
    await start_rabbit(subscription("transcriber", JobCancelled, reader))
    assert await reader.received(1) == [event]


HANGING_READER = """
import asyncio, sys
from shared.bus import open_bus, subscription
from shared.schemas.events import JobCancelled

async def hang(event):
    print("taken", flush=True)
    await asyncio.Event().wait()

async def main():
    await open_bus(sys.argv[1]).start([subscription("transcriber", JobCancelled, hang)])
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_drain_gives_back_what_it_did_not_begin(start_rabbit: StartRabbit, operator: Operator) -> None:
    """A rolling restart must not use up the delivery limit of events that only waited, nor keep them from the others."""
    release, begun, reader = asyncio.Event(), Reader(), Reader()

    async def work(event: JobCancelled) -> None:
        await begun(event)
        await release.wait()

    old = await start_rabbit(subscription("transcriber", JobCancelled, work, concurrency=1))
    for _ in range(3):
        await old.publish(Envelope.of(cancelled()))
    await begun.received(1)
    stopping = asyncio.create_task(old.stop_consuming(PATIENCE))
    await start_rabbit(subscription("transcriber", JobCancelled, reader, concurrency=4))
    await reader.received(2)  # while the old process still drains
    release.set()
    await stopping
    queue = await operator.declare_queue("transcriber.job.cancelled", passive=True)
    assert (len(begun.events), len(reader.events), queue.declaration_result.message_count) == (1, 2, 0)


async def test_a_drain_ends_also_while_the_broker_is_away(start_rabbit: StartRabbit, rabbitmq_server: RabbitServer) -> None:
    """SIGTERM during an outage: handlers were cancelled with their connection, and nothing waits for the broker."""
    begun, reader, event = Reader(), Reader(), cancelled()

    async def hang(event: JobCancelled) -> None:
        await begun(event)
        await asyncio.Event().wait()

    bus = await start_rabbit(subscription("transcriber", JobCancelled, hang))
    await bus.publish(Envelope.of(event))
    await begun.received(1)
    await asyncio.to_thread(rabbitmq_server.stop_app)
    try:
        async with asyncio.timeout(PATIENCE):
            await bus.stop_consuming(PATIENCE)
            await bus.close()
    finally:
        await asyncio.to_thread(rabbitmq_server.start_app)
    await start_rabbit(subscription("transcriber", JobCancelled, reader))
    assert await reader.received(1) == [event]


@pytest.mark.parametrize("fault", ["close_all_connections", "stop_app", "restart"])
async def test_the_bus_reconnects_and_loses_nothing(
    start_rabbit: StartRabbit, rabbitmq_server: RabbitServer, sender: Sender, fault: str
) -> None:
    """Cut off, stopped or killed in the middle of steady traffic: afterwards every event was handled at least once."""
    reader = Reader()
    bus = await start_rabbit(subscription("transcriber", JobCancelled, reader))
    events = [cancelled() for _ in range(200)]

    async def traffic() -> None:
        for event in events:
            sender.send(bus, Envelope.of(event))
            await asyncio.sleep(0.01)

    sending = asyncio.create_task(traffic())
    await reader.received(20)
    await asyncio.to_thread(getattr(rabbitmq_server, fault))
    if fault == "stop_app":
        await asyncio.to_thread(rabbitmq_server.start_app)
    await sending
    wanted = {event.event_id for event in events}
    async with asyncio.timeout(60):
        while not wanted <= {event.event_id for event in reader.events if isinstance(event, JobCancelled)}:
            await reader.received(len(reader.events) + 1)
    await _until_ready(bus)


async def test_a_bus_waits_for_a_broker_that_starts_later(rabbitmq_server: RabbitServer, rabbitmq_url: str) -> None:
    """All containers start at once: the bus is unready until RabbitMQ answers, then starts by itself."""
    await asyncio.to_thread(rabbitmq_server.stop_app)
    reader, event, bus = Reader(), cancelled(), RabbitBus(rabbitmq_url)
    starting = asyncio.create_task(bus.start([subscription("transcriber", JobCancelled, reader)]))
    try:
        with pytest.raises(BusUnavailable):
            await bus.check()
        with pytest.raises(BusUnavailable):
            await bus.publish(Envelope.of(event))
        assert not starting.done()
    finally:
        await asyncio.to_thread(rabbitmq_server.start_app)
    await starting
    await bus.publish(Envelope.of(event))
    assert await reader.received(1) == [event]
    await bus.close()


async def test_a_start_that_is_given_up_leaves_nothing_behind(rabbitmq_server: RabbitServer, rabbitmq_url: str) -> None:
    """SIGTERM while RabbitMQ is away: the waiting start can be cancelled and the bus closed."""
    await asyncio.to_thread(rabbitmq_server.stop_app)
    try:
        bus = RabbitBus(rabbitmq_url)
        starting = asyncio.create_task(bus.start([]))
        await asyncio.sleep(0)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        async with asyncio.timeout(PATIENCE):
            await bus.close()
    finally:
        await asyncio.to_thread(rabbitmq_server.start_app)


async def test_one_id_published_twice_at_once_gets_its_own_results(start_rabbit: StartRabbit) -> None:
    """Two publishes of one message id side by side must not receive each other's confirm."""
    bus = await start_rabbit(subscription("transcriber", JobErased, Reader()))
    event = erased()
    good = Envelope.of(event)
    lost = Envelope(routing_key="job.cancelled", message_id=event.event_id, payload=good.payload)
    outcomes = await asyncio.gather(*(bus.publish(item) for item in [good, lost] * 10), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Unroutable] * 10


async def _until_ready(bus: RabbitBus) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await bus.check()
            except BusUnavailable:
                await asyncio.sleep(0.1)


async def test_a_listener_survives_what_happens_to_its_queue(start_rabbit: StartRabbit, rabbitmq_server: RabbitServer) -> None:
    """After a kill of the broker a process listens and speaks again, and knows that it may have missed something."""
    ear = Ear("jobs")
    bus = await start_rabbit(listeners=[ear.listener])
    await ear.listening()
    await asyncio.to_thread(rabbitmq_server.restart)
    await ear.listening(2)
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(BusUnavailable):
                await bus.broadcast("jobs", b"again")
                break
            await asyncio.sleep(0.05)
    assert await ear.heard(1) == [b"again"]


@pytest.mark.usefixtures("impatient")
async def test_a_blocked_broker_takes_no_broadcast_and_holds_nobody_up(
    start_rabbit: StartRabbit, rabbitmq_server: RabbitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a memory alarm a broadcast is refused within its time, and not said later when nobody waits for it."""
    monkeypatch.setattr(broadcasting, "SEND_SECONDS", 0.3)
    ear = Ear("jobs")
    bus = await start_rabbit(listeners=[ear.listener])
    await ear.listening()
    with rabbitmq_server.memory_alarm():
        await _until_refused(bus)
        with pytest.raises(BusUnavailable):
            await bus.broadcast("jobs", b"refused")
    await _until_ready(bus)
    await bus.broadcast("jobs", b"after")
    while (heard := await ear.heard(1))[-1] != b"after":
        await asyncio.sleep(0.02)
    assert b"refused" not in heard


async def _until_refused(bus: RabbitBus) -> None:
    """Who publishes learns of an alarm by the first message that is not taken."""
    async with asyncio.timeout(PATIENCE):
        with suppress(BusUnavailable):
            while True:
                await bus.broadcast("jobs", b"first")
                await asyncio.sleep(0.02)
