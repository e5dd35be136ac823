"""Whose turn it is: the tenant that has the least in work, and of several such the one that was not served for the longest.
Pure, no I/O.

So tenants come to equal shares of what there is room for, less what they do not use (max-min fairness). Whoever has nothing in
work is served before everybody who has something, however much the others have waiting.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from services.gateway.jobs import Job
from services.gateway.store.jobs import Turn
from shared.schemas.jobs import Priority

HEAD_START: Mapping[Priority, dt.timedelta] = {
    Priority.HIGH: dt.timedelta(hours=1),
    Priority.NORMAL: dt.timedelta(0),
    Priority.LOW: -dt.timedelta(hours=1),
}
"""How much earlier a job counts than it came, among those of its tenant. What came more than two hours after a job never
overtakes it: so a low priority waits, and does not starve."""

NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many jobs may be in work at once; null for no limit."""

    whole: int | None = None
    """Of all tenants together."""
    each: int | None = None
    """Of a tenant whose plan says nothing."""

    def turn(self, job: Job, own: int | None, *, now: dt.datetime) -> Turn:
        """When a job that is made now, or made again, is to begin unless it can at once; `own` is the number of its tenant's
        plan."""
        due = now if job.start_after is None else max(now, job.start_after)
        return Turn(at=due - HEAD_START[job.priority], each=self.each if own is None else own, whole=self.whole)


@dataclass(frozen=True, kw_only=True)
class Queue:
    """What a tenant has waiting and in work."""

    tenant_id: UUID
    waiting: int
    """Jobs that could begin."""
    in_work: int
    most: int | None = None
    """How many may be in work at once; null for no limit."""
    served_at: dt.datetime = NEVER


def choose(queues: Iterable[Queue], *, room: int) -> dict[UUID, int]:
    """How many jobs of which tenant begin now, `room` of them altogether at most."""
    waiting = [(queue.in_work, queue.served_at, str(queue.tenant_id), queue) for queue in queues if _left(queue, 0)]
    heapq.heapify(waiting)
    chosen: Counter[UUID] = Counter()
    while waiting and room > 0:
        in_work, served_at, name, queue = heapq.heappop(waiting)
        chosen[queue.tenant_id] += 1
        room -= 1
        if _left(queue, chosen[queue.tenant_id]):
            heapq.heappush(waiting, (in_work + 1, served_at, name, queue))
    return dict(chosen)


def _left(queue: Queue, begun: int) -> bool:
    """Whether one more of its jobs may begin."""
    return queue.waiting > begun and (queue.most is None or queue.in_work + begun < queue.most)
