"""A model of many receivers around the notifier's scheduler: discrete events, no sockets, no clock."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from uuid import UUID

from services.notifier.lanes import Capacity
from services.notifier.pacing import Pace, Sign
from services.notifier.scheduler import AGE_SECONDS, Grant, Scheduler

RETRIES = (5.0, 300.0, 1800.0)
RATE = 0.1
"""Messages a second to each endpoint."""
TIMEOUT = 30.0


class _Step(Protocol):
    def __call__(self) -> None: ...


@dataclass(kw_only=True)
class Waits:
    """How long deliveries to healthy endpoints waited from when they were due, in seconds."""

    waits: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    """Those of the tenant that owns all the dead ones."""
    unstarted: int = 0
    """Due for more than the last seconds of the run, and not started."""
    dead_attempts: int = 0

    @property
    def healthy(self) -> int:
        """Attempts that were started."""
        return len(self.waits)

    @property
    def longest(self) -> float:
        """The longest wait."""
        return max(self.waits)

    def percentile(self, percent: int) -> float:
        """The wait that so many per cent did not exceed."""
        return sorted(self.waits)[min(len(self.waits) - 1, len(self.waits) * percent // 100)]


class Simulation:
    """Healthy receivers answer in 150 ms by median; black holes never do."""

    def __init__(
        self,
        *,
        healthy: int,
        black_holes: int,
        tenants: int,
        slots: int,
        seconds: float,
        one_tenant_owns_the_dead: bool = False,
        seed: int = 1,
    ) -> None:
        self._random = random.Random(seed)
        self._healthy, self._seconds = healthy, seconds
        self._endpoints = [UUID(int=number) for number in range(healthy + black_holes)]
        self._tenants = {
            endpoint: UUID(int=10**6 + (0 if one_tenant_owns_the_dead and endpoint.int >= healthy else endpoint.int % tenants))
            for endpoint in self._endpoints
        }
        self._owner = UUID(int=10**6) if one_tenant_owns_the_dead else None
        self._scheduler = Scheduler(Capacity(slots=slots, sockets=4 * slots))
        self._due: dict[UUID, deque[tuple[float, int]]] = {endpoint: deque() for endpoint in self._endpoints}
        self._events: list[tuple[float, int, _Step]] = []
        self._numbers = itertools.count()
        self._now = 0.0
        self._woken_at = 0.0
        self.result = Waits()
        self.peak: Counter[str] = Counter()

    def run(self) -> Waits:
        """Let the time pass."""
        for endpoint in self._endpoints:
            self._later(self._random.expovariate(RATE), partial(self._arrive, endpoint))
        while self._events and self._events[0][0] <= self._seconds:
            self._now, _, step = heapq.heappop(self._events)
            step()
            self._dispatch()
        late = self._seconds - 5
        healthy = (self._due[endpoint] for endpoint in self._endpoints[: self._healthy])
        self.result.unstarted = sum(due < late for waiting in healthy for due, _ in waiting)
        return self.result

    def _later(self, seconds: float, step: _Step) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._numbers), step))

    def _arrive(self, endpoint: UUID) -> None:
        self._later(self._random.expovariate(RATE), partial(self._arrive, endpoint))
        self._make_due(endpoint, 0)

    def _make_due(self, endpoint: UUID, tries: int) -> None:
        self._due[endpoint].append((self._now, tries))
        self._mark(endpoint)

    def _mark(self, endpoint: UUID) -> None:
        if count := len(self._due[endpoint]):
            self._scheduler.due(endpoint, self._tenants[endpoint], Pace(), count=count, now=self._now)

    def _dispatch(self) -> None:
        for grant in self._scheduler.grants(now=self._now, most=10**6):
            self._start(grant)
        self.peak["sockets"] = max(self.peak["sockets"], sum(self._scheduler.running.values()))
        rest = self._scheduler.next_rest_ends()
        if rest is not None and rest != self._woken_at:
            self._woken_at = rest
            self._later(rest - self._now, lambda: None)

    def _start(self, grant: Grant) -> None:
        endpoint = grant.endpoint_id
        due, tries = self._due[endpoint].popleft()
        dead = endpoint.int >= self._healthy
        if dead:
            self.result.dead_attempts += 1
        elif self._tenants[endpoint] == self._owner:
            self.result.own.append(self._now - due)
        else:
            self.result.waits.append(self._now - due)
        seconds = TIMEOUT if dead else min(TIMEOUT, self._random.lognormvariate(math.log(0.15), 0.9))
        if seconds > AGE_SECONDS:
            self._later(AGE_SECONDS, partial(self._scheduler.aged, grant))
        self._later(seconds, partial(self._end, grant, seconds, tries, dead))

    def _end(self, grant: Grant, seconds: float, tries: int, dead: bool) -> None:
        self._scheduler.ended(grant, Sign.BAD if dead else Sign.GOOD, seconds=seconds, now=self._now)
        if dead and tries < len(RETRIES):
            self._later(RETRIES[tries] * self._random.uniform(1, 1.2), partial(self._make_due, grant.endpoint_id, tries + 1))
