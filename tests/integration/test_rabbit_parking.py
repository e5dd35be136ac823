"""The parking queue on a real RabbitMQ: what comes there, with which reason, and how it goes back."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from shared.bus import PARKING, BusUnavailable, Envelope, Unroutable, subscription
from shared.bus.rabbit import RabbitBus, consuming
from shared.bus.rabbit.topology import DELIVERY_LIMIT
from shared.errors import PermanentError
from shared.runtime import outlasting_outages
from shared.schemas.events import JobCancelled
from tests.messaging import PATIENCE, Operator, Reader, StartRabbit, cancelled


async def test_a_refused_event_is_parked_with_its_reason_and_can_be_replayed(start_rabbit: StartRabbit) -> None:
    """Who could not take it, why, and the whole event are kept; replayed, it goes to that reader alone."""
    other, reader, event = Reader(), Reader(), cancelled()
    refusals: list[Exception] = [PermanentError("No such tenant.")]

    async def handle(event: JobCancelled) -> None:
        if refusals:
            raise refusals.pop()
        await reader(event)

    bus = await start_rabbit(subscription("transcriber", JobCancelled, handle), subscription("notifier", JobCancelled, other))
    await bus.publish(Envelope.of(event))
    await _until_parked(bus)
    [parked] = await bus.parked(10)
    assert (parked.queue, parked.reason) == ("transcriber.job.cancelled", "No such tenant.")
    assert (parked.message_id, parked.routing_key) == (event.event_id, "job.cancelled")
    assert parked.payload == Envelope.of(event).payload
    assert parked.parked_at is not None
    assert await bus.replay_parked(10) == 1
    assert await reader.received(1) == [event]
    assert await bus.parked(10) == []
    assert other.events == [event]


async def test_a_replay_of_what_is_still_refused_ends(start_rabbit: StartRabbit) -> None:
    """A message that is parked again at once is not replayed again in the same go."""

    async def refuse(event: JobCancelled) -> None:
        raise PermanentError("Never.")

    bus = await start_rabbit(subscription("transcriber", JobCancelled, refuse))
    for _ in range(3):
        await bus.publish(Envelope.of(cancelled()))
    await _until_parked(bus, 3)
    assert await bus.replay_parked(10_000) == 3
    await _until_parked(bus, 3)


async def test_a_handler_that_always_fails_is_parked_in_the_end(
    start_rabbit: StartRabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect does not go round for ever, and the reason names it."""
    monkeypatch.setattr(consuming, "LONGEST_PAUSE", 0.01)
    attempts = Reader()

    async def fail(event: JobCancelled) -> None:
        await attempts(event)
        raise ValueError("a defect")

    bus = await start_rabbit(subscription("transcriber", JobCancelled, fail))
    await bus.publish(Envelope.of(cancelled()))
    await _until_parked(bus)
    [parked] = await bus.parked(1)
    assert parked.reason == "The handler failed 10 times, at last with ValueError('a defect')."
    assert len(attempts.events) == consuming.MOST_DELIVERIES


async def test_an_outage_longer_than_the_delivery_limit_parks_nothing(
    start_rabbit: StartRabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a handler says that the store is away, its event stays in its queue."""
    monkeypatch.setattr(consuming, "LONGEST_PAUSE", 0.001)
    attempts, most = Reader(), 2 * DELIVERY_LIMIT

    async def fail(event: JobCancelled) -> None:
        await attempts(event)
        if len(attempts.events) < most:
            raise BusUnavailable("away")

    bus = await start_rabbit(subscription("transcriber", JobCancelled, fail))
    event = cancelled()
    await bus.publish(Envelope.of(event))
    assert await attempts.received(most) == [event] * most
    assert await bus.parked(1) == []


async def test_an_outage_of_the_database_parks_nothing_either(
    start_rabbit: StartRabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handlers need not tell one: what runs them does."""
    monkeypatch.setattr(consuming, "LONGEST_PAUSE", 0.001)
    attempts, most = Reader(), 2 * consuming.MOST_DELIVERIES

    async def fail(event: JobCancelled) -> None:
        await attempts(event)
        if len(attempts.events) < most:
            raise asyncpg.CannotConnectNowError("the database system is shutting down")

    bus = await start_rabbit(outlasting_outages(subscription("transcriber", JobCancelled, fail)))
    event = cancelled()
    await bus.publish(Envelope.of(event))
    assert await attempts.received(most) == [event] * most
    assert await bus.parked(1) == []


async def test_a_message_that_kills_its_process_is_parked_by_the_broker(start_rabbit: StartRabbit, operator: Operator) -> None:
    """A crash loop ends at the delivery limit: the message is parked with RabbitMQ's own reason, and can be replayed."""
    reader, event = Reader(), cancelled()
    first = await start_rabbit(subscription("transcriber", JobCancelled, reader))
    await first.stop_consuming(0)
    await first.publish(Envelope.of(event))
    queue = await operator.declare_queue("transcriber.job.cancelled", passive=True)
    while (message := await queue.get(fail=False)) is not None:
        await message.nack(requeue=True)  # what RabbitMQ does with a message whose reader died
    await _until_parked(first)
    [parked] = await first.parked(1)
    assert (parked.queue, parked.routing_key) == ("transcriber.job.cancelled", "job.cancelled")
    assert parked.reason == "RabbitMQ gave the message up: delivery_limit."
    await start_rabbit(subscription("transcriber", JobCancelled, reader))
    assert await first.replay_parked(1) == 1
    assert await reader.received(1) == [event]


async def test_parked_messages_are_out_of_the_events_way(start_rabbit: StartRabbit, rabbitmq_url: str) -> None:
    """Listing what is parked needs no started bus, and a node that is away is one clear sentence."""
    await start_rabbit()
    assert await RabbitBus(rabbitmq_url).parked(1) == []
    with pytest.raises(BusUnavailable, match="RabbitMQ cannot be reached"):
        await RabbitBus("amqp://guest:guest@127.0.0.1:1/").parked(1)


async def test_a_replay_to_a_queue_that_is_gone_keeps_the_message(start_rabbit: StartRabbit, operator: Operator) -> None:
    """A service that was removed leaves its parked messages where they are."""

    async def refuse(event: JobCancelled) -> None:
        raise PermanentError("Never.")

    bus = await start_rabbit(subscription("transcriber", JobCancelled, refuse))
    await bus.publish(Envelope.of(cancelled()))
    await _until_parked(bus)
    await bus.stop_consuming(0)
    await operator.queue_delete("transcriber.job.cancelled")
    with pytest.raises(Unroutable):
        await bus.replay_parked(1)
    assert len(await bus.parked(10)) == 1
    # What was looked at counts as ready only when the broker has taken it back.
    async with asyncio.timeout(PATIENCE):
        while (await operator.declare_queue(PARKING, passive=True)).declaration_result.message_count != 1:
            await asyncio.sleep(0.05)


async def _until_parked(bus: RabbitBus, count: int = 1) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if len(await bus.parked(count)) == count:
                return
            await asyncio.sleep(0.05)
