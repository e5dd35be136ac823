"""Which of the 64 parts of all endpoints this process sends to: shared out fairly among the processes that are alive.

One process owns an endpoint, so its limits are exact. A part that another should have is given away when nothing of it is
under way; one whose owner is gone is taken when its lease has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

from services.notifier.store.partitions import PartitionStore
from shared import metrics

LEASE_SECONDS = 15.0
RENEW_SECONDS = 5.0
HUNGRY_SECONDS = 1.0
"""How often a process asks that holds less than its share."""


class Partitions:
    """This process's parts. Moments are on the monotonic clock."""

    def __init__(self, store: PartitionStore) -> None:
        self._store = store
        self.owner = uuid4()
        self.next_renewal = 0.0
        self._active: tuple[int, ...] = ()
        self._until = 0.0

    @property
    def active(self) -> tuple[int, ...]:
        """The parts to send to; none once the lease has ended, as after a pause of the whole process."""
        return self._active if time.monotonic() < self._until else ()

    async def keep(self, busy: Callable[[int], bool]) -> None:
        """Renew the leases when it is time; `busy` tells whether something of a part is under way."""
        asked = time.monotonic()
        if asked < self.next_renewal:
            return
        shares = await self._store.renew(self.owner, lease_seconds=LEASE_SECONDS)
        self._active, leaving = shares.held[: shares.fair], shares.held[shares.fair :]
        self._until = asked + LEASE_SECONDS
        self.next_renewal = asked + (HUNGRY_SECONDS if len(shares.held) < shares.fair else RENEW_SECONDS)
        metrics.PARTITIONS_OWNED.set(len(shares.held))
        if idle := [part for part in leaving if not busy(part)]:
            await self._store.release(self.owner, idle)

    async def leave(self) -> None:
        """Let others have everything at once."""
        self._active = ()
        await self._store.leave(self.owner)
