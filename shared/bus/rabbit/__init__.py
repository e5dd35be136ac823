"""RabbitMQ through FastStream: a quorum queue for each reader of an event, confirmed publishing, a parking queue.

The libraries' defaults lose messages without a word; settings here that look redundant each close one such hole.
Publishing has a connection of its own, which a memory or disk alarm may block while acknowledgements still flow.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from typing_extensions import override

from shared.bus import EXCHANGE, Bus, BusUnavailable, Envelope, ParkedMessage, Subscription
from shared.bus.rabbit import parking
from shared.bus.rabbit.consuming import Consumer
from shared.bus.rabbit.publishing import Publisher
from shared.bus.rabbit.topology import declare_topology, work_queue

CHECK_SECONDS = 2.0
"""How long a check may take, and how long its result stands."""

DECLARE_AGAIN_SECONDS = 1.0

log = structlog.get_logger(__name__)


class RabbitBus(Bus):
    """Consumes and publishes for all services of one process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._publisher = Publisher(url)
        self._consumer = Consumer(url, self._publisher)
        self._subscriptions: tuple[Subscription, ...] = ()
        self._consuming = False
        self._checked_at = -CHECK_SECONDS
        self._failure: str | None = None

    @override
    async def start(self, subscriptions: Sequence[Subscription]) -> None:
        self._subscriptions = tuple(subscriptions)
        await self._publisher.connect()
        while not self._publisher.open:
            try:
                await self._declare()
                await self._publisher.start()
            except CONNECTION_EXCEPTIONS as error:
                log.warning("bus.waiting", error=repr(error))
                await asyncio.sleep(DECLARE_AGAIN_SECONDS)
        await self._consumer.start(self._subscriptions)
        self._consuming = True

    @override
    async def publish(self, envelope: Envelope) -> None:
        await self._publisher.send(
            envelope.payload, exchange=EXCHANGE, routing_key=envelope.routing_key, message_id=str(envelope.message_id)
        )

    @override
    async def stop_consuming(self, grace: float) -> None:
        self._consuming = False
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

    async def _find_failure(self) -> str | None:
        if not self._consuming:
            return "This process takes no events now: it is starting or stopping."
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._publisher.probe()
                consumers = await self._declare()
        except TimeoutError:
            return "RabbitMQ does not answer, or blocks publishers because it is short of memory or disk."
        except CONNECTION_EXCEPTIONS as error:
            return f"RabbitMQ cannot be used: {type(error).__name__}."
        unread = [queue for queue, count in consumers.items() if count == 0]
        return f"RabbitMQ has lost the consumers of {', '.join(unread)}." if unread else None

    async def _declare(self) -> dict[str, int]:
        """Each declaration also brings back what somebody deleted since the last one."""
        queues = [work_queue(subscription) for subscription in self._subscriptions]
        async with self._publisher.channel() as channel:
            return await declare_topology(channel, queues)
