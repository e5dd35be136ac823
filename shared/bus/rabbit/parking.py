"""The parking queue: what no handler could take, with its reason, until an operator sends it back.

Works on a connection of its own, so that a command needs no started bus.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, DeliveryMode
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, PublishError

from shared.bus import BusUnavailable, ParkedMessage, Unroutable
from shared.bus.rabbit.topology import PARKING_QUEUE, declare_queue

STEP_SECONDS = 5.0
LONGEST_REASON = 1000
MOST_LOOKED_AT = 100_000
_QUEUE, _KEY, _REASON = "x-audio2txt-queue", "x-audio2txt-routing-key", "x-audio2txt-reason"


class _Death(msgspec.Struct, rename={"routing_keys": "routing-keys"}):
    """What RabbitMQ itself writes on a message that it parks."""

    queue: str
    reason: str
    routing_keys: tuple[str, ...]
    time: dt.datetime


def headers(*, queue: str, routing_key: str, reason: str) -> dict[str, str]:
    """What a message is parked with."""
    return {_QUEUE: queue, _KEY: routing_key, _REASON: reason[:LONGEST_REASON]}


async def look(url: str, limit: int) -> list[ParkedMessage]:
    """The oldest parked messages, which stay where they are."""
    async with _channel(url) as channel:
        messages = [message async for message in _take(channel, limit)]
        if messages:
            await messages[-1].nack(multiple=True)
        return [_describe(message) for message in messages]


async def replay(url: str, limit: int) -> int:
    """Send parked messages back to the queues they came from; returns how many."""
    seen: set[str | None] = set()
    async with _channel(url) as channel:
        async for message in _take(channel, limit):
            if message.message_id in seen:
                break  # refused again already, it came round
            seen.add(message.message_id)
            parked = _describe(message)
            copy = aio_pika.Message(
                message.body,
                message_id=message.message_id,
                content_type=message.content_type,
                delivery_mode=DeliveryMode.PERSISTENT,
            )
            await channel.default_exchange.publish(copy, routing_key=parked.queue, timeout=STEP_SECONDS)
            await message.ack()
    return len(seen)


async def forget(url: str, subject: UUID) -> int:
    """Drop the messages whose payload names a job or a tenant; the others stay. Returns how many."""
    wanted, dropped = str(subject).encode(), 0
    async with _channel(url) as channel:
        kept = None
        async for message in _take(channel, MOST_LOOKED_AT):
            if wanted in message.body:
                await message.ack()
                dropped += 1
            else:
                kept = message
        if kept is not None:
            await kept.nack(multiple=True)
    return dropped


@asynccontextmanager
async def _channel(url: str) -> AsyncIterator[AbstractChannel]:
    try:
        async with (
            await aio_pika.connect(url, timeout=STEP_SECONDS) as connection,
            connection.channel(on_return_raises=True) as channel,
        ):
            yield channel
    except PublishError as error:
        raise Unroutable("A parked message cannot go back: its queue does not exist any more.") from error
    except (TimeoutError, *CONNECTION_EXCEPTIONS) as error:
        raise BusUnavailable(f"RabbitMQ cannot be reached: {error!r}.") from error


async def _take(channel: AbstractChannel, limit: int) -> AsyncIterator[AbstractIncomingMessage]:
    queue = await declare_queue(channel, PARKING_QUEUE)
    for _ in range(limit):
        message = await queue.get(timeout=STEP_SECONDS, fail=False)
        if message is None:
            return
        yield message


def _describe(message: AbstractIncomingMessage) -> ParkedMessage:
    found = message.headers
    if _QUEUE in found:
        queue, key, reason = (str(found[name]) for name in (_QUEUE, _KEY, _REASON))
        parked_at = message.timestamp
    else:
        death = msgspec.convert(found["x-death"], list[_Death])[0]
        queue, key, reason = death.queue, death.routing_keys[0], f"RabbitMQ gave the message up: {death.reason}."
        parked_at = death.time
    return ParkedMessage(
        message_id=_uuid(message.message_id),
        queue=queue,
        routing_key=key,
        reason=reason,
        parked_at=parked_at,
        payload=message.body,
    )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
