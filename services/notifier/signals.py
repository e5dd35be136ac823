"""A process that made a delivery tells the one that sends it at once; looking from time to time stays the safety net.

What is said carries nothing: whoever hears it looks into the tables. So a signal that is lost costs half a second, and one too
many a look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import structlog

from services.notifier.store.signals import SignalStore
from shared import metrics
from shared.errors import RetryableError

GATHERING_SECONDS = 0.02
"""Least time between two signals, so that many deliveries cause one."""
ECHO_SECONDS = 15.0
"""How often a process tries whether it still hears."""
ECHO_PATIENCE = 5.0
DEAF_SECONDS = 300.0
"""How long a process that hears nothing over a sound connection, as behind a pooler, leaves it at looking."""

log = structlog.get_logger(__name__)


class ConnectionLost(RetryableError):
    """The connection that listens broke; it is made anew."""


class Signals:
    """Says that something is due, and hears it from others."""

    def __init__(self, store: SignalStore) -> None:
        self._store = store
        name = uuid4()
        self._due, self._trial = f"due {name}", f"trial {name}"
        self._wanted = asyncio.Event()
        self._echo = asyncio.Event()

    def give(self) -> None:
        """Something is due that may be another process's. Returns at once; the signal follows."""
        self._wanted.set()

    async def say(self) -> None:
        """Loop for ever: say what is to be said."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self._store.say(self._due)
            await asyncio.sleep(GATHERING_SECONDS)

    async def listen(self, wake: Callable[[], None]) -> None:
        """Loop for ever: call `wake` whenever another process has said something, or may have. Raises `ConnectionLost`."""
        while True:
            try:
                async with self._store.listening(lambda text: self._hear(text, wake)) as lost:
                    wake()  # for what was said while nobody listened
                    await self._stay(lost)
            finally:
                metrics.DELIVERY_LISTENING.set(0)
            log.warning("signals.unheard", reason="nothing is heard over this connection; is there a pooler in between?")
            await asyncio.sleep(DEAF_SECONDS)

    def _hear(self, text: str, wake: Callable[[], None]) -> None:
        if text == self._trial:
            self._echo.set()
        elif text.startswith("due ") and text != self._due:
            wake()

    async def _stay(self, lost: asyncio.Event) -> None:
        """Return when nothing is heard any more. Only what is said over another connection proves that this one hears."""
        while await self._hears(lost):
            metrics.DELIVERY_LISTENING.set(1)
            await _set_within(lost, ECHO_SECONDS)

    async def _hears(self, lost: asyncio.Event) -> bool:
        if lost.is_set():
            raise ConnectionLost("The connection that listens for deliveries of other processes broke.")
        self._echo.clear()
        await self._store.say(self._trial)
        return await _set_within(self._echo, ECHO_PATIENCE)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
