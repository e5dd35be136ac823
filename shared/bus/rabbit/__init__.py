"""RabbitMQ through FastStream: a quorum queue for each reader of an event, confirmed publishing, a parking queue.

The libraries' defaults lose messages without a word; settings here that look redundant each close one such hole.
Publishing has a connection of its own, which a memory or disk alarm may block while acknowledgements still flow.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from uuid import UUID

import aio_pika
import structlog
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from faststream.rabbit import RabbitQueue
from typing_extensions import override

from shared.bus import EXCHANGE, Bus, BusUnavailable, Envelope, Listener, ParkedMessage, Subscription
from shared.bus.rabbit import parking
from shared.bus.rabbit.broadcasting import Broadcasts
from shared.bus.rabbit.consuming import Consumer
from shared.bus.rabbit.publishing import Publisher
from shared.bus.rabbit.topology import count_consumers, declare_topology, work_queue
from shared.retry import backoff

CHECK_SECONDS = 2.0
"""How long a check may take, and how long its result stands."""

CONNECT_SECONDS = 5.0
LONGEST_WAIT = 2.0
"""Most seconds between two attempts to reach a broker that is not there yet."""

STARTING_OR_STOPPING = "This process takes no events now: it is starting or stopping."

log = structlog.get_logger(__name__)


class RabbitBus(Bus):
    """Consumes and publishes for all services of one process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._publisher = Publisher(url)
        self._consumer = Consumer(url, self._publisher)
        self._broadcasts = Broadcasts(url, self._publisher)
        self._queues: list[RabbitQueue] = []
        self._consuming = False
        self._waiting_for = STARTING_OR_STOPPING
        self._checked_at = -CHECK_SECONDS
        self._failure: str | None = None

    @override
    async def start(self, subscriptions: Sequence[Subscription], listeners: Sequence[Listener] = ()) -> None:
        self._queues = [work_queue(subscription) for subscription in subscriptions]
        await self._until_declared()
        await self._publisher.start()
        await self._consumer.start(subscriptions)
        self._broadcasts.listen(listeners)
        self._consuming, self._waiting_for = True, STARTING_OR_STOPPING

    @override
    async def publish(self, envelope: Envelope) -> None:
        await self._publisher.send(
            envelope.payload, exchange=EXCHANGE, routing_key=envelope.routing_key, message_id=str(envelope.message_id)
        )

    @override
    async def broadcast(self, topic: str, payload: bytes) -> None:
        await self._broadcasts.send(topic, payload)

    @override
    async def stop_consuming(self, grace: float) -> None:
        self._consuming = False
        await self._broadcasts.stop()
        await self._consumer.stop(grace)

    @override
    async def close(self) -> None:
        await self.stop_consuming(0)
        await self._publisher.close()

    @override
    async def check(self) -> None:
        if time.monotonic() - self._checked_at >= CHECK_SECONDS:
            self._failure = await self._find_failure()
            self._checked_at = time.monotonic()
        if self._failure is not None:
            raise BusUnavailable(self._failure)

    @override
    async def parked(self, limit: int) -> list[ParkedMessage]:
        return await parking.look(self._url, limit)

    @override
    async def replay_parked(self, limit: int) -> int:
        return await parking.replay(self._url, limit)

    @override
    async def forget_parked(self, subject: UUID) -> int:
        return await parking.forget(self._url, subject)

    async def _until_declared(self) -> None:
        """Wait for RabbitMQ. FastStream could wait too, but whoever cancels that leaves a task behind which cannot end."""
        for attempt in itertools.count(1):
            try:
                async with (
                    await aio_pika.connect(self._url, timeout=CONNECT_SECONDS) as connection,
                    connection.channel() as channel,
                ):
                    await declare_topology(channel, self._queues)
                return
            except (TimeoutError, *CONNECTION_EXCEPTIONS) as error:
                self._waiting_for = f"RabbitMQ was not reached yet: {error!r}."
                log.warning("bus.waiting", error=repr(error))
            await asyncio.sleep(backoff(attempt, longest=LONGEST_WAIT))

    async def _find_failure(self) -> str | None:
        if not self._consuming:
            return self._waiting_for
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._publisher.probe()
                async with self._publisher.channel() as channel:
                    consumers = await count_consumers(channel, self._queues)
        except TimeoutError:
            return "RabbitMQ does not answer, or blocks publishers because it is short of memory or disk."
        except CONNECTION_EXCEPTIONS as error:
            return f"RabbitMQ cannot be used: {type(error).__name__}."
        unread = [queue for queue, count in consumers.items() if count == 0]
        return f"RabbitMQ has lost the consumers of {', '.join(unread)}." if unread else None
