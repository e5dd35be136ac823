"""The lanes that attempts start in, and how much room there is in each."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from services.notifier.pacing import Standing


class Lane(enum.StrEnum):
    """Where an attempt's slot is booked."""

    FAST = "fast"
    PROBATION = "probation"
    """For endpoints without history."""
    SLOW = "slow"


LANES = tuple(Lane)


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """`slots` young attempts at once, and `sockets` of all kinds."""

    slots: int
    sockets: int

    @property
    def per_tenant(self) -> int:
        """Young slots of one tenant: a tenth."""
        return max(4, self.slots // 10)

    @property
    def newcomers_per_tenant(self) -> int:
        """Of those, what newcomers have while known endpoints wait, and what these leave to newcomers that wait: a quarter."""
        return max(1, self.per_tenant // 4)

    @property
    def slow(self) -> int:
        """Attempts that may start in the slow lane: a fifth."""
        return max(2, self.slots // 5)

    @property
    def slow_per_tenant(self) -> int:
        """Of one tenant: a quarter. Counted apart, so that dead receivers of a tenant do not starve its living ones."""
        return max(2, self.slow // 4)

    def has_room(self, lane: Lane, running: Mapping[Lane, int]) -> bool:
        """Whether one more may start in a lane while so many run in each."""
        if sum(running.values()) >= self.sockets:
            return False
        young = running[Lane.FAST] + running[Lane.PROBATION]
        match lane:
            case Lane.FAST:
                return running[Lane.FAST] < max(1, self.slots * 4 // 5) and young < self.slots
            case Lane.PROBATION:
                # While the fast lane is half empty, as after a cold start, newcomers may have half of the slots.
                share = self.slots // 2 if running[Lane.FAST] < self.slots * 2 // 5 else self.slots // 5
                return running[Lane.PROBATION] < max(1, share) and young < self.slots
            case Lane.SLOW:
                return running[Lane.SLOW] < self.slow


def lane_of(standing: Standing) -> Lane:
    """Where attempts start."""
    match standing:
        case Standing.NEW:
            return Lane.PROBATION
        case Standing.TRUSTED:
            return Lane.FAST
        case Standing.SUSPECT:
            return Lane.SLOW
