"""What both buses promise, in one suite: `memory://` and `amqp://` on a real RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from uuid import UUID

import msgspec
import pytest
import structlog

from shared.bus import Bus, BusUnavailable, Envelope, Listener, Subscription, Unroutable, open_bus, subscription
from shared.errors import NotNow, PermanentError, RetryableError
from shared.schemas.events import JobCancelled, JobErased
from tests.messaging import PATIENCE, Ear, Reader, Sender, cancelled, erased

OpenBus = Callable[..., Awaitable[Bus]]


@pytest.fixture(params=["memory", "amqp"])
def bus_url(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    return "memory://" if request.param == "memory" else str(request.getfixturevalue("rabbitmq_url"))


@pytest.fixture
async def start_bus(bus_url: str) -> AsyncIterator[OpenBus]:
    """Opens and starts a bus with the given subscriptions, as one process would."""
    async with AsyncExitStack() as stack:

        async def start(*subscriptions: Subscription, listeners: Sequence[Listener] = ()) -> Bus:
            bus = open_bus(bus_url)
            stack.push_async_callback(bus.close)
            await bus.start(subscriptions, listeners)
            stack.push_async_callback(bus.stop_consuming, 0)
            return bus

        yield start


async def test_every_service_that_reads_an_event_gets_it_whole(start_bus: OpenBus) -> None:
    """Two readers of one event each receive it, equal to what was published."""
    first, second, event = Reader(), Reader(), cancelled()
    bus = await start_bus(subscription("transcriber", JobCancelled, first), subscription("notifier", JobCancelled, second))
    await bus.publish(Envelope.of(event))
    assert await first.received(1) == [event]
    assert await second.received(1) == [event]


async def test_a_service_gets_only_the_events_it_reads(start_bus: OpenBus) -> None:
    """An event of another type does not come to a reader, though both travel at once."""
    of_cancelled, of_erased = Reader(), Reader()
    bus = await start_bus(
        subscription("transcriber", JobCancelled, of_cancelled), subscription("transcriber", JobErased, of_erased)
    )
    event = erased()
    await bus.publish(Envelope.of(event))
    await bus.publish(Envelope.of(cancelled()))
    await of_cancelled.received(1)
    assert await of_erased.received(1) == [event]


async def test_fields_of_a_newer_version_are_ignored(start_bus: OpenBus) -> None:
    """During a rolling update an older reader takes an event that carries a field it does not know."""
    reader, event = Reader(), cancelled()
    bus = await start_bus(subscription("transcriber", JobCancelled, reader))
    fields = msgspec.json.decode(msgspec.json.encode(event)) | {"colour": "blue"}
    await bus.publish(_envelope(event, msgspec.json.encode(fields)))
    assert await reader.received(1) == [event]


async def test_an_event_without_room_comes_again_after_others(start_bus: OpenBus, sender: Sender) -> None:
    """However often its handler has no room for it, it is neither lost nor parked, and keeps nobody waiting."""
    first, second, handled = cancelled(), cancelled(), Reader()
    has_room = asyncio.Event()

    async def handle(event: JobCancelled) -> None:
        if event == first and not has_room.is_set():
            raise NotNow("no room")
        await handled(event)

    bus = await start_bus(subscription("transcriber", JobCancelled, handle, concurrency=1))
    sender.send(bus, Envelope.of(first))
    sender.send(bus, Envelope.of(second))
    assert await handled.received(1) == [second]
    has_room.set()
    assert await handled.received(2) == [second, first]
    assert await bus.parked(10) == []


async def test_concurrency_is_bounded_by_the_subscription(start_bus: OpenBus, sender: Sender) -> None:
    """Of many waiting events exactly as many are handled at once as the subscription allows."""
    running, most, pair, done = 0, 0, asyncio.Barrier(2), Reader()

    async def handle(event: JobCancelled) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await pair.wait()
        running -= 1
        await done(event)

    bus = await start_bus(subscription("transcriber", JobCancelled, handle, concurrency=2))
    for _ in range(12):
        sender.send(bus, Envelope.of(cancelled()))
    await done.received(12)
    assert most == 2


async def test_a_slow_event_holds_no_other_up(start_bus: OpenBus, sender: Sender) -> None:
    """While the handler of one event type is stuck, events of another type arrive."""
    release, reader = asyncio.Event(), Reader()

    async def wait(event: JobCancelled) -> None:
        await release.wait()

    bus = await start_bus(
        subscription("transcriber", JobCancelled, wait, concurrency=1), subscription("transcriber", JobErased, reader)
    )
    for _ in range(3):
        sender.send(bus, Envelope.of(cancelled()))
    sender.send(bus, Envelope.of(erased()))
    await reader.received(1)
    release.set()


@pytest.mark.parametrize("failure", [RetryableError("the store is away"), RuntimeError("a defect")])
async def test_a_failed_event_is_tried_again(start_bus: OpenBus, sender: Sender, failure: Exception) -> None:
    """A handler that raises gets the same event again, until it succeeds."""
    attempts: list[UUID] = []
    reader = Reader()

    async def handle(event: JobCancelled) -> None:
        attempts.append(event.event_id)
        if len(attempts) < 3:
            raise failure
        await reader(event)

    bus = await start_bus(subscription("transcriber", JobCancelled, handle))
    event = cancelled()
    sender.send(bus, Envelope.of(event))
    await reader.received(1)
    assert attempts == [event.event_id] * 3


async def test_one_readers_failure_costs_the_other_nothing(start_bus: OpenBus, sender: Sender) -> None:
    """A reader gets its event although another reader of the same event keeps failing."""
    reader = Reader()

    async def fail(event: JobCancelled) -> None:
        raise RetryableError("away")

    bus = await start_bus(subscription("notifier", JobCancelled, fail), subscription("transcriber", JobCancelled, reader))
    sender.send(bus, Envelope.of(cancelled()))
    await reader.received(1)


async def test_an_event_refused_for_ever_is_given_up_at_once(start_bus: OpenBus, sender: Sender) -> None:
    """`PermanentError` ends the attempts after the first, and its words are kept."""
    attempts = Reader()

    async def refuse(event: JobCancelled) -> None:
        await attempts(event)
        raise PermanentError("No such tenant.")

    bus = await start_bus(subscription("transcriber", JobCancelled, refuse))
    sender.send(bus, Envelope.of(cancelled()))
    assert await sender.given_up(bus) == "No such tenant."
    assert len(attempts.events) == 1


@pytest.mark.parametrize("payload", [b"{not json", b'{"type":"job.erased"}', b'{"type":"job.cancelled","job_id":5}'])
async def test_what_cannot_be_decoded_is_given_up_at_once(start_bus: OpenBus, sender: Sender, payload: bytes) -> None:
    """Broken JSON, another event's body and a wrong field never reach the handler, and block nothing."""
    reader, event = Reader(), cancelled()
    bus = await start_bus(subscription("transcriber", JobCancelled, reader, concurrency=1))
    sender.send(bus, _envelope(cancelled(), payload))
    assert (await sender.given_up(bus)).startswith("The event cannot be decoded: ")
    await bus.publish(Envelope.of(event))
    assert await reader.received(1) == [event]


async def test_an_event_nobody_reads_is_refused(start_bus: OpenBus) -> None:
    """Publishing must not pretend success where no queue takes the event."""
    bus = await start_bus(subscription("transcriber", JobErased, Reader()))
    with pytest.raises(Unroutable, match=r"job\.cancelled"):
        await bus.publish(Envelope.of(cancelled()))


async def test_nothing_is_published_before_the_start(bus_url: str) -> None:
    """A relay may run before the bus does: it is told to try again."""
    bus = open_bus(bus_url)
    with pytest.raises(BusUnavailable):
        await bus.publish(Envelope.of(cancelled()))
    with pytest.raises(BusUnavailable):
        await bus.check()
    await bus.close()


async def test_a_handler_may_publish(start_bus: OpenBus, sender: Sender) -> None:
    """An event published inside a handler arrives, also with as many handlers at work as are allowed."""
    reader = Reader()

    async def forward(event: JobCancelled) -> None:
        await bus.publish(Envelope.of(JobErased(tenant_id=event.tenant_id, job_id=event.job_id)))

    bus = await start_bus(
        subscription("transcriber", JobCancelled, forward, concurrency=1),
        subscription("notifier", JobErased, reader, concurrency=1),
    )
    for _ in range(4):
        sender.send(bus, Envelope.of(cancelled()))
    await reader.received(4)


async def test_a_handler_may_publish_the_event_it_handles(start_bus: OpenBus, sender: Sender) -> None:
    """Even where every place is taken by handlers that publish to themselves, nobody waits for ever."""
    reader = Reader()

    async def echo(event: JobCancelled) -> None:
        await reader(event)
        if event.run == 1:
            await bus.publish(Envelope.of(JobCancelled(tenant_id=event.tenant_id, job_id=event.job_id, run=2)))

    bus = await start_bus(subscription("transcriber", JobCancelled, echo, concurrency=2))
    for _ in range(4):
        sender.send(bus, Envelope.of(cancelled()))
    await reader.received(8)


async def test_handlers_log_under_the_names_of_their_job(start_bus: OpenBus) -> None:
    """Every log line of a handler says which message and job it is about."""
    reader, event = Reader(), cancelled()

    async def note(_: JobCancelled) -> None:
        await reader(structlog.contextvars.get_contextvars())

    bus = await start_bus(subscription("transcriber", JobCancelled, note))
    await bus.publish(Envelope.of(event))
    [context] = await reader.received(1)
    assert isinstance(context, dict)
    assert context["message_id"] == str(event.event_id)
    assert context["job_id"] == str(event.job_id)
    assert context["queue"] == "transcriber.job.cancelled"


async def test_a_drain_lets_running_handlers_finish(start_bus: OpenBus, sender: Sender) -> None:
    """`stop_consuming` returns when the running handler is done, takes nothing new, and a publish inside still works."""
    begun, release, finished, forwarded = asyncio.Event(), asyncio.Event(), Reader(), Reader()

    async def work(event: JobCancelled) -> None:
        begun.set()
        await release.wait()
        await bus.publish(Envelope.of(JobErased(tenant_id=event.tenant_id, job_id=event.job_id)))
        await finished(event)

    bus = await start_bus(
        subscription("transcriber", JobCancelled, work, concurrency=1), subscription("notifier", JobErased, forwarded)
    )
    first, second = cancelled(), cancelled()
    sender.send(bus, Envelope.of(first))
    await begun.wait()
    stopping = asyncio.create_task(bus.stop_consuming(PATIENCE))
    await asyncio.sleep(0)
    sender.send(bus, Envelope.of(second))
    release.set()
    await stopping
    assert finished.events == [first]
    with pytest.raises(BusUnavailable):
        await bus.check()


async def test_a_handler_that_outlives_the_drain_loses_nothing(start_bus: OpenBus, sender: Sender) -> None:
    """When the grace is over the handler is cancelled, and the next process gets its event."""
    begun, cancellations, reader, event = asyncio.Event(), Reader(), Reader(), cancelled()

    async def hang(event: JobCancelled) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await cancellations(event)
            raise

    bus = await start_bus(subscription("transcriber", JobCancelled, hang))
    sender.send(bus, Envelope.of(event))
    await begun.wait()
    await bus.stop_consuming(0.01)
    assert await cancellations.received(1) == [event]
    successor = await start_bus(subscription("transcriber", JobCancelled, reader))
    if event.event_id not in sender.delivered:  # the outbox of the successor claims what the bus did not take
        sender.send(successor, Envelope.of(event))
    assert await reader.received(1) == [event]


async def test_a_broadcast_reaches_every_listener_of_its_topic_in_turn(start_bus: OpenBus) -> None:
    """Whoever listens to a topic hears all of it in order, its own process included; a listener that breaks costs the others
    nothing, and what nobody listens to is said in vain without an error."""
    first, second, other = Ear("jobs"), Ear("jobs"), Ear("keys")

    def fail(_: bytes) -> None:
        raise RuntimeError("a defect")

    broken = Listener(topic="jobs", hear=fail, missed=lambda: None)
    bus = await start_bus(listeners=[broken, first.listener, second.listener, other.listener])
    for ear in (first, second, other):
        await ear.listening()
    for word in (b"one", b"two", b"three"):
        await bus.broadcast("jobs", word)
    await bus.broadcast("nobody", b"listens")
    await bus.broadcast("keys", b"four")
    assert await other.heard(1) == [b"four"]
    assert await first.heard(3) == await second.heard(3) == [b"one", b"two", b"three"]


async def test_a_listener_is_told_that_it_missed_what_came_before(start_bus: OpenBus) -> None:
    """Listening begins with the word that something may have been missed, and ends with the bus: then nothing can be said."""
    ear = Ear("jobs")
    bus = await start_bus(listeners=[ear.listener])
    await ear.listening()
    assert ear.misses == 1
    await bus.close()
    with pytest.raises(BusUnavailable):
        await bus.broadcast("jobs", b"too late")


async def test_a_started_bus_is_ready(start_bus: OpenBus) -> None:
    """The readiness check passes while events can flow."""
    bus = await start_bus(subscription("transcriber", JobCancelled, Reader()))
    await bus.check()


async def test_nothing_is_parked_at_first(start_bus: OpenBus) -> None:
    """A fresh bus has nothing to replay."""
    bus = await start_bus()
    assert await bus.parked(10) == []
    assert await bus.replay_parked(10) == 0


def _envelope(event: JobCancelled, payload: bytes) -> Envelope:
    return Envelope(routing_key="job.cancelled", message_id=event.event_id, payload=payload)
