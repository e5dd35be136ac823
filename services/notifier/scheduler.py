"""Whose turn it is. Pure and in memory: the clock is an argument, and nothing is awaited.

What must never be used up is the right to start. So an attempt holds a young slot for two seconds at most; one that is still
waiting then is booked on the slow lane, which may overflow, because a waiting socket costs little. Endpoints that are known
to fail or to be slow start only while the slow lane has room. Inside a lane, tenants take turns by the slot-seconds they have
used (start-time fair queueing), and the endpoints of a tenant one after the other.
"""

from __future__ import annotations

import enum
import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from uuid import UUID

from services.notifier.pacing import Pace, Sign, Standing, aged_pace, pace_after

AGE_SECONDS = 2.0
"""How long an attempt may hold a young slot."""


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


@dataclass(eq=False)
class Grant:
    """The right to make one attempt; it holds a slot until it is ended or returned."""

    endpoint_id: UUID
    lane: Lane
    charged: float
    """Slot-seconds paid in advance."""
    aged: bool = False
    origin: Lane = field(init=False)

    def __post_init__(self) -> None:
        self.origin = self.lane


@dataclass(eq=False)
class _Endpoint:
    id: UUID
    tenant: _Tenant
    pace: Pace
    running: int = 0
    due: int = 0
    """How much is due that no attempt was granted for, as far as is known."""
    place: Lane | None = None
    """The lane it waits in."""
    resting: bool = False


@dataclass(eq=False)
class _Tenant:
    id: UUID
    endpoints: int = 0
    running: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    used: dict[Lane, float] = field(default_factory=lambda: dict.fromkeys(LANES, 0.0))
    """Virtual time: slot-seconds."""
    waiting: dict[Lane, deque[_Endpoint]] = field(default_factory=lambda: {lane: deque() for lane in LANES})
    queued: set[Lane] = field(default_factory=set)
    """Lanes in whose queue it stands."""


class Scheduler:
    """Knows the endpoints that something is due for, or under way to. Call `grants` after anything else."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._endpoints: dict[UUID, _Endpoint] = {}
        self._tenants: dict[UUID, _Tenant] = {}
        self._queues: dict[Lane, list[tuple[float, int, _Tenant]]] = {lane: [] for lane in LANES}
        self._virtual = dict.fromkeys(LANES, 0.0)
        self._resting: list[tuple[float, int, _Endpoint]] = []
        self._numbers = itertools.count()
        self.running = dict.fromkeys(LANES, 0)

    def __contains__(self, endpoint_id: UUID) -> bool:
        return endpoint_id in self._endpoints

    def pace(self, endpoint_id: UUID) -> Pace:
        """What is known of an endpoint."""
        return self._endpoints[endpoint_id].pace

    def due(self, endpoint_id: UUID, tenant_id: UUID, pace: Pace, *, count: int, now: float) -> None:
        """So much is due for an endpoint. `pace` counts where it is not known yet."""
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None:
            tenant = self._tenants.setdefault(tenant_id, _Tenant(tenant_id))
            tenant.endpoints += 1
            endpoint = self._endpoints[endpoint_id] = _Endpoint(endpoint_id, tenant, pace)
        endpoint.due = count
        self._offer(endpoint, now)

    def grants(self, *, now: float, most: int) -> list[Grant]:
        """The attempts to start now."""
        while self._resting and self._resting[0][0] <= now:
            endpoint = heapq.heappop(self._resting)[2]
            endpoint.resting = False
            self._offer(endpoint, now)
        granted: list[Grant] = []
        for lane in LANES:
            while len(granted) < most and self._queues[lane] and self._has_room(lane):
                grant = self._next(lane, now)
                if grant is not None:
                    granted.append(grant)
        return granted

    def next_rest_ends(self) -> float | None:
        """When the first of those that rest may be sent to again."""
        return self._resting[0][0] if self._resting else None

    def aged(self, grant: Grant) -> None:
        """The attempt has run for `AGE_SECONDS`: it loses its young slot, and its endpoint the trust."""
        if grant.aged or grant.lane is Lane.SLOW:
            grant.aged = True
            return
        endpoint = self._endpoints[grant.endpoint_id]
        endpoint.tenant.used[grant.origin] += AGE_SECONDS - grant.charged
        self._book(endpoint, grant.lane, -1)
        grant.lane, grant.aged, grant.charged = Lane.SLOW, True, AGE_SECONDS
        self._book(endpoint, Lane.SLOW, 1)
        endpoint.pace = aged_pace(endpoint.pace)
        self._withdraw(endpoint)  # one attempt is under way, and that is all that it may have now
        self._queue_all(endpoint.tenant)

    def ended(self, grant: Grant, sign: Sign, *, seconds: float, now: float, rest: float = 0.0) -> Pace:
        """The attempt is over; returns the endpoint's new pace."""
        endpoint = self._endpoints[grant.endpoint_id]
        endpoint.tenant.used[grant.lane] += seconds - grant.charged
        endpoint.pace = pace_after(endpoint.pace, sign, seconds=seconds, aged=grant.aged, now=now, rest=rest)
        self._free(endpoint, grant, now)
        return endpoint.pace

    def returned(self, grant: Grant, *, now: float) -> None:
        """There was nothing due after all, or it may not be sent."""
        endpoint = self._endpoints[grant.endpoint_id]
        endpoint.tenant.used[grant.lane] -= grant.charged
        endpoint.due = 0
        self._free(endpoint, grant, now)

    def repace(self, endpoint_id: UUID, pace: Pace, *, now: float) -> None:
        """Somebody else has changed the pace, as when an endpoint is switched on again."""
        endpoint = self._endpoints[endpoint_id]
        endpoint.pace = pace
        self._withdraw(endpoint)
        self._offer(endpoint, now)
        self._queue_all(endpoint.tenant)

    def drop(self, endpoint_id: UUID) -> None:
        """Nothing more is to be sent to an endpoint, as far as is known."""
        if (endpoint := self._endpoints.get(endpoint_id)) is not None:
            endpoint.due = 0
            self._withdraw(endpoint)
            self._queue_all(endpoint.tenant)

    def forget(self, endpoint_id: UUID) -> bool:
        """Forget an endpoint that nothing is due for and nothing under way to; whether it was one."""
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None or endpoint.due or endpoint.running:
            return False
        del self._endpoints[endpoint_id]
        self._withdraw(endpoint)
        tenant = endpoint.tenant
        tenant.endpoints -= 1
        if not tenant.endpoints and all(tenant.used[lane] <= self._virtual[lane] for lane in LANES):
            self._tenants.pop(tenant.id, None)
        return True

    def _offer(self, endpoint: _Endpoint, now: float) -> None:
        """Let an endpoint wait for its turn, if it may be sent to."""
        if not endpoint.due or endpoint.place is not None or endpoint.running >= endpoint.pace.limit:
            return
        if endpoint.pace.rests_until > now:
            if not endpoint.resting:
                endpoint.resting = True
                heapq.heappush(self._resting, (endpoint.pace.rests_until, next(self._numbers), endpoint))
            return
        endpoint.place = _lane_of(endpoint.pace)
        endpoint.tenant.waiting[endpoint.place].append(endpoint)
        self._queue(endpoint.tenant, endpoint.place)

    def _withdraw(self, endpoint: _Endpoint) -> None:
        """It no longer waits where it does: its lane may be another by now."""
        if endpoint.place is not None:
            endpoint.tenant.waiting[endpoint.place].remove(endpoint)
            endpoint.place = None

    def _queue(self, tenant: _Tenant, lane: Lane) -> None:
        if lane in tenant.queued or not tenant.waiting[lane] or self._is_full(tenant, lane):
            return
        tenant.queued.add(lane)
        key = max(tenant.used[lane], self._virtual[lane])
        heapq.heappush(self._queues[lane], (key, next(self._numbers), tenant))

    def _queue_all(self, tenant: _Tenant) -> None:
        """A slot of the tenant is free again, or fewer wait: whoever of it waited for that has a turn again."""
        for lane in LANES:
            self._queue(tenant, lane)

    def _next(self, lane: Lane, now: float) -> Grant | None:
        """Serve the tenant whose turn it is, if it still can be."""
        key, _, tenant = heapq.heappop(self._queues[lane])
        tenant.queued.discard(lane)
        if not tenant.waiting[lane] or self._is_full(tenant, lane):
            return None
        endpoint = tenant.waiting[lane].popleft()
        endpoint.place = None
        grant = None
        if self._may_start(endpoint, lane, now):
            self._virtual[lane] = max(self._virtual[lane], key)
            grant = Grant(endpoint.id, lane, endpoint.pace.ema)
            tenant.used[lane] = max(tenant.used[lane], key) + grant.charged
            endpoint.running += 1
            endpoint.due -= 1
            self._book(endpoint, lane, 1)
        self._offer(endpoint, now)
        self._queue_all(tenant)
        return grant

    def _may_start(self, endpoint: _Endpoint, lane: Lane, now: float) -> bool:
        pace = endpoint.pace
        return endpoint.due > 0 and endpoint.running < pace.limit and pace.rests_until <= now and _lane_of(pace) is lane

    def _has_room(self, lane: Lane) -> bool:
        running, slots = self.running, self._capacity.slots
        if sum(running.values()) >= self._capacity.sockets:
            return False
        young = running[Lane.FAST] + running[Lane.PROBATION]
        match lane:
            case Lane.FAST:
                return running[Lane.FAST] < max(1, slots * 4 // 5) and young < slots
            case Lane.PROBATION:
                # While the fast lane is half empty, as after a cold start, newcomers may have half of the slots.
                share = slots // 2 if running[Lane.FAST] < slots * 2 // 5 else slots // 5
                return running[Lane.PROBATION] < max(1, share) and young < slots
            case Lane.SLOW:
                return running[Lane.SLOW] < self._capacity.slow

    def _is_full(self, tenant: _Tenant, lane: Lane) -> bool:
        running, waiting = tenant.running, tenant.waiting
        most, newcomers = self._capacity.per_tenant, self._capacity.newcomers_per_tenant
        young = running[Lane.FAST] + running[Lane.PROBATION]
        match lane:
            case Lane.FAST:
                return young >= most or (bool(waiting[Lane.PROBATION]) and running[Lane.FAST] >= most - newcomers)
            case Lane.PROBATION:
                return young >= most or (bool(waiting[Lane.FAST]) and running[Lane.PROBATION] >= newcomers)
            case Lane.SLOW:
                return running[Lane.SLOW] >= self._capacity.slow_per_tenant

    def _book(self, endpoint: _Endpoint, lane: Lane, slots: int) -> None:
        self.running[lane] += slots
        endpoint.tenant.running[lane] += slots

    def _free(self, endpoint: _Endpoint, grant: Grant, now: float) -> None:
        endpoint.running -= 1
        self._book(endpoint, grant.lane, -1)
        if endpoint.place is not None and not self._may_start(endpoint, endpoint.place, now):
            self._withdraw(endpoint)
        self._offer(endpoint, now)
        self._queue_all(endpoint.tenant)


def _lane_of(pace: Pace) -> Lane:
    match pace.standing:
        case Standing.NEW:
            return Lane.PROBATION
        case Standing.TRUSTED:
            return Lane.FAST
        case Standing.SUSPECT:
            return Lane.SLOW
