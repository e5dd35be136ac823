"""Which of the 64 parts of all endpoints this process sends to: shared out fairly among the processes that are alive.

One process owns an endpoint, so its limits are exact. A part that another should have is given away when nothing of it is
under way; one whose owner is gone is taken when its lease has ended: when we have seen no pulse of it for that long. No
wall clock has a say in that, so none that jumps makes two owners, or leaves a part without one.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from uuid import UUID, uuid4

import structlog

from services.notifier.store.partitions import PartitionStore
from shared import metrics

LEASE_SECONDS = 15.0
RENEW_SECONDS = 5.0
HUNGRY_SECONDS = 1.0
"""How often a process asks that holds less than its share."""
SET_BACK_SECONDS = 10.0
"""By so much the database's clock must go back between two renewals for its being noticed."""

log = structlog.get_logger(__name__)


class Partitions:
    """This process's parts. Moments are on the monotonic clock."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store
        self.owner = uuid4()
        self.next_renewal = 0.0
        self._active: tuple[int, ...] = ()
        self._until = 0.0
        self._pulses: dict[UUID, tuple[dt.datetime, float]] = {}
        """The pulse of each process, and since when it has been so."""
        self._offset: float | None = None
        """The database's time less the monotonic one."""

    @property
    def active(self) -> tuple[int, ...]:
        """The parts to send to; none once the lease has ended, as after a pause of the whole process."""
        return self._active if time.monotonic() < self._until else ()

    async def keep(self, busy: Callable[[int], bool]) -> None:
        """Renew the leases when it is time; `busy` tells whether something of a part is under way."""
        asked = time.monotonic()
        if asked < self.next_renewal:
            return
        if asked >= self._until:
            self._pulses.clear()  # we could not look: whoever has a pulse has time to show it
        shares = await self._store.renew(self.owner, dead=self._dead(asked), lease_seconds=LEASE_SECONDS)
        self._watch(shares.pulses, asked)
        self._active, leaving = shares.held[: shares.fair], shares.held[shares.fair :]
        self._until = asked + LEASE_SECONDS
        soon = asked + (HUNGRY_SECONDS if len(shares.held) < shares.fair else RENEW_SECONDS)
        self.next_renewal = min([soon, *(since + LEASE_SECONDS for _, since in self._pulses.values())])
        metrics.PARTITIONS_OWNED.set(len(shares.held))
        await self._notice_the_clock(shares.held, shares.at - asked)
        if idle := [part for part in leaving if not busy(part)]:
            await self._store.release(self.owner, idle)

    def _dead(self, now: float) -> dict[UUID, dt.datetime]:
        return {id_: pulse for id_, (pulse, since) in self._pulses.items() if now >= since + LEASE_SECONDS}

    def _watch(self, pulses: Mapping[UUID, dt.datetime], now: float) -> None:
        known = self._pulses
        self._pulses = {
            id_: known[id_] if id_ in known and known[id_][0] == pulse else (pulse, now)
            for id_, pulse in pulses.items()
            if id_ != self.owner
        }

    async def _notice_the_clock(self, parts: tuple[int, ...], offset: float) -> None:
        before = offset if self._offset is None else self._offset
        if before - offset > SET_BACK_SECONDS:
            log.warning("partitions.clock_set_back", seconds=round(before - offset))
            await self._store.bring_forward(parts, before - offset)
        self._offset = offset

    async def leave(self) -> None:
        """Let others have everything at once."""
        self._active = ()
        await self._store.leave(self.owner)
