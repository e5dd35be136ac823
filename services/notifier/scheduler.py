"""Whose turn it is. Pure and in memory: the clock is an argument, and nothing is awaited.

What must never be used up is the right to start. So an attempt holds a young slot for two seconds at most; one that is still
waiting then is booked on the slow lane, which may overflow, because a waiting socket costs little. Endpoints that are known
to fail or to be slow start only while the slow lane has room. Inside a lane, tenants take turns by the slot-seconds they have
used (start-time fair queueing), and the endpoints of a tenant one after the other.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from dataclasses import dataclass, field
from uuid import UUID

from services.notifier.lanes import LANES, Capacity, Lane, lane_of
from services.notifier.pacing import Pace, Sign, aged_pace, pace_after
from services.notifier.rates import Bucket, IdleBuckets

AGE_SECONDS = 2.0
"""How long an attempt may hold a young slot."""


@dataclass(eq=False)
class Grant:
    """The right to make one attempt; it holds a slot until it is ended or returned."""

    endpoint_id: UUID
    lane: Lane
    charged: float
    """Slot-seconds paid in advance."""
    free_at: float
    """Until then its endpoint was itself in the way: its breaker, its wish, window or rate. 0 where it was not."""
    given_at: float
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
    wakes_at: float | None = None
    """When it is looked at again, where it rests."""
    bucket: Bucket | None = None
    barred: bool = False
    """It could not have been sent to, whoever's turn it was."""
    free_at: float = 0.0

    @property
    def rests_until(self) -> float:
        """Before this moment nothing is sent."""
        return max(self.pace.rests_until, self.bucket.ready_at) if self.bucket is not None else self.pace.rests_until

    def limit(self, per_minute: int | None, now: float) -> None:
        """At most so many attempts a minute from now on."""
        if per_minute is None:
            self.bucket = None
        elif self.bucket is None:
            self.bucket = Bucket(per_minute)
        else:
            self.bucket.change(per_minute, now)


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
        self._idle_buckets = IdleBuckets()
        self._numbers = itertools.count()
        self.running = dict.fromkeys(LANES, 0)

    def __contains__(self, endpoint_id: UUID) -> bool:
        return endpoint_id in self._endpoints

    def pace(self, endpoint_id: UUID) -> Pace:
        """What is known of an endpoint."""
        return self._endpoints[endpoint_id].pace

    def due(
        self, endpoint_id: UUID, tenant_id: UUID, pace: Pace, *, count: int, now: float, per_minute: int | None = None
    ) -> None:
        """So much is due for an endpoint, of which `per_minute` may be sent. `pace` counts where it is not known yet."""
        endpoint = self._endpoints.get(endpoint_id)
        if endpoint is None:
            tenant = self._tenants.setdefault(tenant_id, _Tenant(tenant_id))
            tenant.endpoints += 1
            endpoint = self._endpoints[endpoint_id] = _Endpoint(endpoint_id, tenant, pace)
            endpoint.bucket = self._idle_buckets.take(endpoint_id, now)
        endpoint.limit(per_minute, now)
        endpoint.due = count
        if endpoint.place is not None and endpoint.rests_until > now:
            self._withdraw(endpoint)  # its rate is lower than before
            self._queue_all(endpoint.tenant)
        self._offer(endpoint, now)

    def grants(self, *, now: float, most: int) -> list[Grant]:
        """The attempts to start now."""
        while self._resting and self._resting[0][0] <= now:
            moment, _, endpoint = heapq.heappop(self._resting)
            if endpoint.wakes_at == moment:
                endpoint.wakes_at = None
            self._offer(endpoint, now)
        granted: list[Grant] = []
        for lane in LANES:
            while len(granted) < most and self._queues[lane] and self._capacity.has_room(lane, self.running):
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

    def returned(self, grant: Grant, *, now: float, begun: bool = False) -> None:
        """There was nothing due after all, or it may not be sent. `begun`: something of it may have been."""
        endpoint = self._endpoints[grant.endpoint_id]
        if endpoint.bucket is not None and not begun:
            endpoint.bucket.give_back(grant.given_at)
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
        if endpoint.bucket is not None:
            self._idle_buckets.put(endpoint_id, endpoint.bucket)
        self._withdraw(endpoint)
        tenant = endpoint.tenant
        tenant.endpoints -= 1
        if not tenant.endpoints and all(tenant.used[lane] <= self._virtual[lane] for lane in LANES):
            self._tenants.pop(tenant.id, None)
        return True

    def _offer(self, endpoint: _Endpoint, now: float) -> None:
        """Let an endpoint wait for its turn, if it may be sent to."""
        if not endpoint.due or endpoint.place is not None:
            return
        if endpoint.running >= endpoint.pace.limit:
            endpoint.barred = True
            return
        if (until := endpoint.rests_until) > now:
            endpoint.barred = True
            if endpoint.wakes_at is None or until < endpoint.wakes_at:
                endpoint.wakes_at = until
                heapq.heappush(self._resting, (until, next(self._numbers), endpoint))
            return
        if endpoint.barred:
            endpoint.barred, endpoint.free_at = False, now
        endpoint.place = lane_of(endpoint.pace.standing)
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
            grant = Grant(endpoint.id, lane, endpoint.pace.ema, endpoint.free_at, now)
            tenant.used[lane] = max(tenant.used[lane], key) + grant.charged
            if endpoint.bucket is not None:
                endpoint.bucket.take(now)
            endpoint.running += 1
            endpoint.due -= 1
            self._book(endpoint, lane, 1)
        self._offer(endpoint, now)
        self._queue_all(tenant)
        return grant

    def _may_start(self, endpoint: _Endpoint, lane: Lane, now: float) -> bool:
        free = endpoint.running < endpoint.pace.limit and endpoint.rests_until <= now
        return endpoint.due > 0 and free and lane_of(endpoint.pace.standing) is lane

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
