"""How the tenants share this process: which part of it the busiest has. Pure and in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Share:
    """The busiest tenant's part of the whole, from 0 to 1; 0 where there is no whole."""

    tenants: int
    """That had anything under way since the last look."""
    slots: float
    """Of the attempts under way."""
    slot_seconds: float
    """Of the seconds that the attempts took that have ended since the last look."""


class Shares:
    """Counts attempts by tenant. Remembers no tenant for longer than until the look after its last attempt."""

    def __init__(self) -> None:
        self._running: Counter[UUID] = Counter()
        self._used: defaultdict[UUID, float] = defaultdict(float)

    def started(self, tenant_id: UUID) -> None:
        """An attempt has begun."""
        self._running[tenant_id] += 1

    def ended(self, tenant_id: UUID, seconds: float) -> None:
        """It is over after so long, however it ended."""
        self._running[tenant_id] -= 1
        if not self._running[tenant_id]:
            del self._running[tenant_id]
        self._used[tenant_id] += seconds

    def look(self) -> Share:
        """How it stands, and count anew."""
        share = Share(
            tenants=len(self._running.keys() | self._used.keys()),
            slots=_largest(self._running),
            slot_seconds=_largest(self._used),
        )
        self._used.clear()
        return share


def _largest(parts: Mapping[UUID, float]) -> float:
    whole = sum(parts.values())
    return max(parts.values()) / whole if whole else 0.0
