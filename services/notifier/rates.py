"""How often an endpoint may be sent to, where its owner has said so: a token bucket. Pure: the clock is an argument.

Kept as the moment at which the bucket is full again (the generic cell rate algorithm): exact, and a single number. In any
span of `t` seconds at most `burst + t * per_minute / 60` attempts start.
"""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID


class Bucket:
    """The tokens of one endpoint. It is full at first, and holds one second's worth, at least one."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._full_at = 0.0
        self._taken_at = 0.0

    @property
    def interval(self) -> float:
        """Seconds until one token comes back."""
        return 60.0 / self.per_minute

    @property
    def burst(self) -> int:
        """How many attempts may start at once after a pause."""
        return max(1, self.per_minute // 60)

    @property
    def ready_at(self) -> float:
        """From when there is a token."""
        return self._full_at - (self.burst - 1) * self.interval

    def is_full(self, now: float) -> bool:
        """Whether it is as good as a new one."""
        return self._full_at <= now

    def take(self, now: float) -> None:
        """Use up a token. There must be one."""
        self._full_at = max(self._full_at, now) + self.interval
        self._taken_at = now

    def give_back(self, taken_at: float) -> None:
        """A token that was taken then was not used. It counts only while none was taken since, or it might be used twice."""
        if self._taken_at == taken_at:
            self._full_at -= self.interval

    def change(self, per_minute: int, now: float) -> None:
        """Another rate from now on; what was taken stays taken."""
        if per_minute != self.per_minute:
            owed = max(0.0, self._full_at - now) / self.interval
            self.per_minute = per_minute
            self._full_at = now + owed * self.interval


class IdleBuckets:
    """Buckets of endpoints that nothing is due for, for as long as they are not full again."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[UUID, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def put(self, endpoint_id: UUID, bucket: Bucket) -> None:
        """Keep one."""
        self._buckets[endpoint_id] = bucket

    def take(self, endpoint_id: UUID, now: float) -> Bucket | None:
        """Take one out. Looks at two others meanwhile, so that there are never many that say nothing."""
        bucket = self._buckets.pop(endpoint_id, None)
        for _ in range(min(2, len(self._buckets))):
            other, kept = self._buckets.popitem(last=False)
            if not kept.is_full(now):
                self._buckets[other] = kept
        return bucket
