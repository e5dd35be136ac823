"""What tests of messaging are made of: a handler that remembers, a stand-in for the outbox, an event."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

from aio_pika.abc import AbstractChannel

from shared.bus import Bus, Envelope, Listener
from shared.bus.rabbit import RabbitBus
from shared.errors import PermanentError
from shared.schemas.events import JobCancelled, JobErased
from shared.schemas.ids import new_id

StartRabbit: TypeAlias = Callable[..., Awaitable[RabbitBus]]
"""Starts a bus with the given subscriptions."""

Operator: TypeAlias = AbstractChannel
"""A channel beside the bus, for what only an operator does."""

PATIENCE = 20.0
"""Seconds after which a test gives up waiting for what must happen."""


class Reader:
    """A handler that keeps what it was given."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self._got = asyncio.Condition()

    async def __call__(self, event: object) -> None:
        async with self._got:
            self.events.append(event)
            self._got.notify_all()

    async def received(self, count: int) -> list[object]:
        """Wait for so many events."""
        async with asyncio.timeout(PATIENCE), self._got:
            await self._got.wait_for(lambda: len(self.events) >= count)
        return self.events


class Ear:
    """A listener that keeps what it heard, and counts how often it may have missed something."""

    def __init__(self, topic: str) -> None:
        self.listener = Listener(topic=topic, hear=self._hear, missed=self._miss)
        self.misses = 0
        self._heard: list[bytes] = []
        self._news = asyncio.Event()

    def _hear(self, payload: bytes) -> None:
        self._heard.append(payload)
        self._news.set()

    def _miss(self) -> None:
        self.misses += 1
        self._news.set()

    async def listening(self, times: int = 1) -> None:
        """Wait until it listens, for the so-manieth time."""
        await self._until(lambda: self.misses >= times)

    async def heard(self, count: int) -> list[bytes]:
        """Wait for so many broadcasts."""
        await self._until(lambda: len(self._heard) >= count)
        return self._heard

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()


class Sender:
    """Stands for the outbox: tries until the bus has an event, and keeps what the bus refuses for ever."""

    def __init__(self) -> None:
        self.delivered: set[UUID] = set()
        self._refused: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, bus: Bus, envelope: Envelope) -> None:
        """Start to bring one event to the bus."""
        self._tasks.add(asyncio.create_task(self._deliver(bus, envelope)))

    async def given_up(self, bus: Bus) -> str:
        """Wait for an event that is not tried any more; returns why."""
        async with asyncio.timeout(PATIENCE):
            while True:
                if reasons := self._refused + [message.reason for message in await bus.parked(10)]:
                    return reasons[0]
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """Give up what is not delivered."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, bus: Bus, envelope: Envelope) -> None:
        while True:
            try:
                await bus.publish(envelope)
            except PermanentError as error:
                self._refused.append(str(error))
                return
            except Exception:
                await asyncio.sleep(0.05)
            else:
                self.delivered.add(envelope.message_id)
                return


def cancelled() -> JobCancelled:
    """An event, unlike every other."""
    return JobCancelled(tenant_id=new_id(), job_id=new_id())


async def ignore(event: object) -> None:
    """A handler with nothing to do."""


def erased() -> JobErased:
    """An event of another type."""
    return JobErased(tenant_id=new_id(), job_id=new_id())
