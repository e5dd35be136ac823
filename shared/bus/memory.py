"""The bus inside one process: publishing an event runs its handlers and returns when they are done.

Nothing is stored here. An event that is not handled yet is a row in its publisher's outbox, which is claimed again
after a crash, tried again after a failure, and becomes a dead letter when a handler rejects it for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from typing_extensions import override

from shared.bus import Bus, BusUnavailable, Envelope, Listener, ParkedMessage, Subscription, Unroutable
from shared.bus.handling import handle, hear
from shared.errors import PermanentError
from shared.schemas.events import routing_key

CANCEL_SECONDS = 5.0
"""How long a cancelled handler may take to clean up."""

_inside_handler: ContextVar[bool] = ContextVar("_inside_handler", default=False)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    subscription: Subscription
    places: asyncio.Semaphore


class MemoryBus(Bus):
    """Calls handlers, each within its subscription's concurrency."""

    def __init__(self) -> None:
        self._readers: dict[str, list[_Reader]] = {}
        self._listeners: list[Listener] = []
        self._running: set[asyncio.Task[None]] = set()
        self._consuming = False

    @override
    async def start(self, subscriptions: Sequence[Subscription], listeners: Sequence[Listener] = ()) -> None:
        """Take events from now on."""
        for subscription in subscriptions:
            reader = _Reader(subscription=subscription, places=asyncio.Semaphore(subscription.concurrency))
            self._readers.setdefault(routing_key(subscription.event), []).append(reader)
        self._listeners += listeners
        self._consuming = True
        for listener in listeners:
            listener.missed()

    @override
    async def publish(self, envelope: Envelope) -> None:
        """Run every handler of the event to its end.

        Raises `BusUnavailable`, `Unroutable`, or what a handler raised; `PermanentError` only when no other
        handler could still succeed by trying again.
        """
        if not self._consuming and not _inside_handler.get():
            raise BusUnavailable("This process takes no events now: it is starting or stopping.")
        readers = self._readers.get(envelope.routing_key)
        if not readers:
            raise Unroutable(f"No service in this process reads {envelope.routing_key}.")
        tasks = [asyncio.create_task(self._deliver(reader, envelope.payload)) for reader in readers]
        for task in tasks:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        _raise_most_hopeful(await asyncio.gather(*tasks, return_exceptions=True))

    @override
    async def broadcast(self, topic: str, payload: bytes) -> None:
        """Tell the listeners of this process."""
        await self.check()
        for listener in self._listeners:
            if listener.topic == topic:
                hear(listener, payload)

    @override
    async def stop_consuming(self, grace: float) -> None:
        """Refuse new events; cancel the handlers that still run after `grace` seconds. Their publishers try again."""
        self._consuming = False
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=CANCEL_SECONDS)

    @override
    async def close(self) -> None:
        """Take nothing more; nothing is held."""
        self._consuming = False

    @override
    async def check(self) -> None:
        """Raise `BusUnavailable` unless events are taken."""
        if not self._consuming:
            raise BusUnavailable("This process takes no events now: it is starting or stopping.")

    @override
    async def parked(self, limit: int) -> list[ParkedMessage]:
        """Always empty: what cannot be handled is a dead letter of the outbox it came from."""
        return []

    @override
    async def replay_parked(self, limit: int) -> int:
        """Always 0, as nothing is parked."""
        return 0

    @override
    async def forget_parked(self, subject: UUID) -> int:
        """Always 0, too."""
        return 0

    async def _deliver(self, reader: _Reader, payload: bytes) -> None:
        if _inside_handler.get():
            # Its publisher holds a place already; to wait for another while holding one could deadlock.
            await handle(reader.subscription, payload)
            return
        async with reader.places:
            if not self._consuming:
                raise BusUnavailable("The process stopped before the event could be handled.")
            _inside_handler.set(True)
            await handle(reader.subscription, payload)


def _raise_most_hopeful(outcomes: Sequence[BaseException | None]) -> None:
    """Raise a failure that a new attempt may cure rather than one that it cannot."""
    failures = [outcome for outcome in outcomes if outcome is not None]
    for failure in sorted(failures, key=lambda failure: isinstance(failure, PermanentError)):
        if isinstance(failure, asyncio.CancelledError):
            raise BusUnavailable("The process stopped before the event was handled.")
        raise failure
