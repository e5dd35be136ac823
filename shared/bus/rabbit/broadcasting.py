"""Broadcasts: each process that listens has a queue of its own, which lives as long as its connection and forgets the oldest
when it is full. Nothing is written to disk, confirmed or sent again."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage, FieldValue
from aio_pika.exceptions import CONNECTION_EXCEPTIONS

from shared.bus import BROADCASTS, BusUnavailable, Listener
from shared.bus.handling import hear
from shared.bus.rabbit.publishing import Publisher
from shared.retry import backoff

CONNECT_SECONDS = 5.0
SEND_SECONDS = 1.0
"""How long a broadcast may wait for a connection. What comes later than that, whoever listens has found out."""

LONGEST_WAIT = 2.0
MOST_UNHEARD = 10_000
"""Broadcasts that wait in the queue of a process that does not read."""

log = structlog.get_logger(__name__)


class Broadcasts:
    """The broadcasts of one process, said and heard."""

    def __init__(self, url: str, publisher: Publisher) -> None:
        self._url = url
        self._publisher = publisher
        self._opening = asyncio.Lock()
        self._channel: AbstractChannel | None = None
        self._exchange: AbstractExchange | None = None
        self._listening: asyncio.Task[None] | None = None

    def listen(self, listeners: Sequence[Listener]) -> None:
        """Begin to listen, for ever, over every loss of the connection."""
        if listeners:
            self._listening = asyncio.create_task(self._keep_listening(listeners), name="broadcasts")

    async def stop(self) -> None:
        """Hear no more."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None

    async def send(self, topic: str, payload: bytes) -> None:
        """Say something once, to whoever listens now. Raises `BusUnavailable`."""
        message = aio_pika.Message(payload, delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                exchange = await self._open_exchange()
                await exchange.publish(message, routing_key=topic, mandatory=False)
        except TimeoutError as error:
            raise BusUnavailable("RabbitMQ does not take broadcasts now.") from error
        except CONNECTION_EXCEPTIONS as error:
            raise BusUnavailable(f"RabbitMQ cannot be reached: {error!r}.") from error

    async def _open_exchange(self) -> AbstractExchange:
        """The exchange on a channel that waits for no confirms, which comes anew with each connection."""
        if not self._publisher.open:
            raise BusUnavailable("RabbitMQ was not reached yet.")
        connection = await self._publisher.unblocked()
        async with self._opening:
            if self._exchange is None or self._channel is None or self._channel.is_closed:
                self._channel = aio_pika.Channel(connection, publisher_confirms=False)
                await self._channel.initialize()
                self._exchange = await _declare_exchange(self._channel)
            return self._exchange

    async def _keep_listening(self, listeners: Sequence[Listener]) -> None:
        for attempt in itertools.count(1):
            try:
                async with await aio_pika.connect(self._url, timeout=CONNECT_SECONDS) as connection:
                    await self._listen(await connection.channel(), listeners)
            except (TimeoutError, *CONNECTION_EXCEPTIONS) as error:
                log.info("broadcasts.away", error=repr(error))
            await asyncio.sleep(backoff(attempt, longest=LONGEST_WAIT))

    async def _listen(self, channel: AbstractChannel, listeners: Sequence[Listener]) -> None:
        """Until the connection is gone, and the queue with it."""

        async def consume(broadcast: AbstractIncomingMessage) -> None:
            for listener in listeners:
                if listener.topic == broadcast.routing_key:
                    hear(listener, broadcast.body)

        exchange = await _declare_exchange(channel)
        limits: dict[str, FieldValue] = {"x-max-length": MOST_UNHEARD, "x-overflow": "drop-head"}
        queue = await channel.declare_queue(durable=False, exclusive=True, auto_delete=True, arguments=limits)
        for topic in {listener.topic for listener in listeners}:
            await queue.bind(exchange, topic)
        await queue.consume(consume, no_ack=True)
        for listener in listeners:
            listener.missed()
        await channel.closed()


async def _declare_exchange(channel: AbstractChannel) -> AbstractExchange:
    return await channel.declare_exchange(BROADCASTS, aio_pika.ExchangeType.DIRECT, durable=True)
