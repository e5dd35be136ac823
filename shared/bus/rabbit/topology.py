"""The exchange, the queues and what they are made of. A queue's arguments can never change: a new one needs a new name."""

from __future__ import annotations

from collections.abc import Sequence

from aio_pika.abc import AbstractChannel, AbstractQueue
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue

from shared.bus import EXCHANGE, PARKING, Subscription
from shared.schemas.events import routing_key

RECONNECT_SECONDS = 1.0

DELIVERY_LIMIT = 50
"""Deliveries after which RabbitMQ itself parks a message, such as one that kills the process each time."""

EVENTS = RabbitExchange(EXCHANGE, type=ExchangeType.TOPIC)

PARKING_QUEUE = RabbitQueue(
    PARKING,
    queue_type=QueueType.QUORUM,
    # To look at a parked message counts as a delivery, and newer brokers drop a message after 20 of them.
    arguments={"x-delivery-limit": 1_000_000},
)


def work_queue(subscription: Subscription) -> RabbitQueue:
    """The queue of one reader; what it rejects goes to the parking queue by way of the default exchange."""
    return RabbitQueue(
        subscription.queue,
        queue_type=QueueType.QUORUM,
        routing_key=routing_key(subscription.event),
        arguments={
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": PARKING,
            # Only together do these two keep a message until the parking queue has it.
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-delivery-limit": DELIVERY_LIMIT,
        },
    )


async def declare_topology(channel: AbstractChannel, queues: Sequence[RabbitQueue]) -> None:
    """Declare the exchange, the parking queue and these queues with their bindings."""
    await _declare_exchange(channel)
    await declare_queue(channel, PARKING_QUEUE)
    for queue in queues:
        declared = await declare_queue(channel, queue)
        await declared.bind(EXCHANGE, queue.routing())


async def count_consumers(channel: AbstractChannel, queues: Sequence[RabbitQueue]) -> dict[str, int]:
    """How many consumers each queue has; an exchange or a binding that somebody deleted is brought back on the way.

    A queue is not: RabbitMQ would not tell the consumers of the old one. They learn of its end, and declare it again.
    """
    await _declare_exchange(channel)
    consumers = {}
    for queue in queues:
        found = await channel.declare_queue(queue.name, passive=True)
        await found.bind(EXCHANGE, queue.routing())
        consumers[queue.name] = found.declaration_result.consumer_count or 0
    return consumers


async def declare_queue(channel: AbstractChannel, queue: RabbitQueue) -> AbstractQueue:
    """Declare one queue, or find it as it is."""
    return await channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)


async def _declare_exchange(channel: AbstractChannel) -> None:
    await channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC.value, durable=True)


def broker(url: str) -> RabbitBroker:
    """A FastStream broker that waits for RabbitMQ, hands over whole messages and returns what nobody reads."""
    return RabbitBroker(
        url,
        fail_fast=False,
        reconnect_interval=RECONNECT_SECONDS,
        default_channel=Channel(on_return_raises=True),
        graceful_timeout=None,
        decoder=_whole,
        apply_types=False,
        serializer=None,
        logger=None,
    )


async def _whole(message: RabbitMessage) -> RabbitMessage:
    """The subscriber decodes by itself: a message that cannot be decoded must reach it too, to be parked."""
    return message
