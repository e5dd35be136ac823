"""Tells every process of the gateway that jobs changed, after the change was committed.

Those who wait in this process hear of it at once; the other processes by a broadcast, many changes in one. It carries ids
only: whoever is woken reads the truth from the database.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from shared.bus import Bus, BusUnavailable, Listener
from shared.schemas.ids import new_id

TOPIC = "gateway.jobs"
GATHER_SECONDS = 0.02
"""The first change is told at once; what follows it within this time goes together."""

MOST_AT_ONCE = 500

log = structlog.get_logger(__name__)


class Change(msgspec.Struct, frozen=True, array_like=True):
    """A job that is another now, or gone."""

    tenant_id: UUID
    job_id: UUID


class Waiting(Protocol):
    """Somebody who waits for changes. Neither call may wait."""

    def changed(self, changes: Sequence[Change]) -> None:
        """These jobs changed."""

    def missed(self) -> None:
        """Changes may have passed unheard."""


class _Wakeup(msgspec.Struct, frozen=True, array_like=True):
    origin: UUID
    changes: tuple[Change, ...]


_DECODER = msgspec.msgpack.Decoder(_Wakeup)


class Wakeups:
    """What this process tells the others, and hears from them."""

    def __init__(self, bus: Bus, *waiting: Waiting) -> None:
        self._bus = bus
        self._waiting = waiting
        self._origin = new_id()
        self._untold: dict[UUID, Change] = {}
        self._due = asyncio.Event()

    @property
    def listener(self) -> Listener:
        """How this process hears the others."""
        return Listener(topic=TOPIC, hear=self._hear, missed=lambda: self._each(lambda one: one.missed()))

    def tell(self, tenant_id: UUID, job_id: UUID) -> None:
        """A change of the job was committed."""
        change = Change(tenant_id, job_id)
        self._each(lambda one: one.changed((change,)))
        self._untold[job_id] = change
        self._due.set()

    async def run(self) -> None:
        """Loop for ever: broadcast what this process told."""
        while True:
            await self._due.wait()
            self._due.clear()
            untold, self._untold = iter(self._untold.values()), {}
            while batch := tuple(itertools.islice(untold, MOST_AT_ONCE)):
                await self._broadcast(_Wakeup(self._origin, batch))
            await asyncio.sleep(GATHER_SECONDS)

    async def _broadcast(self, wakeup: _Wakeup) -> None:
        try:
            await self._bus.broadcast(TOPIC, msgspec.msgpack.encode(wakeup))
        except BusUnavailable as error:
            log.info("wakeups.untold", jobs=len(wakeup.changes), error=str(error))

    def _hear(self, payload: bytes) -> None:
        wakeup = _DECODER.decode(payload)
        if wakeup.origin != self._origin:
            self._each(lambda one: one.changed(wakeup.changes))

    def _each(self, call: Callable[[Waiting], None]) -> None:
        for one in self._waiting:
            call(one)
