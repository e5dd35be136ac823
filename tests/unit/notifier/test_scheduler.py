"""Whose turn it is: limits are exact, nobody is forgotten, nobody starves."""

from __future__ import annotations

from collections import Counter
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from services.notifier.pacing import Pace, Sign, Standing
from services.notifier.scheduler import AGE_SECONDS, Capacity, Grant, Lane, Scheduler
from tests.simulation import Simulation

CAPACITY = Capacity(slots=20, sockets=50)
TIGHT = Capacity(slots=16, sockets=22)
"""Its limits are all met with two dozen endpoints: five tenants may have more young slots than there are."""
ENDPOINTS = [UUID(int=number) for number in range(24)]
TRUSTED = Pace(standing=Standing.TRUSTED, window=8)
SUSPECT = Pace(standing=Standing.SUSPECT, window=1)
LANE_OF = {Standing.TRUSTED: Lane.FAST, Standing.NEW: Lane.PROBATION, Standing.SUSPECT: Lane.SLOW}


def tenant_of(endpoint: UUID) -> UUID:
    """The first half belongs to one tenant, the others to four."""
    return UUID(int=1000 if endpoint.int < 12 else 1001 + endpoint.int % 4)


class Scheduling(RuleBasedStateMachine):
    """Anything that can happen, in any order. Turns are given at any time: after each event, or after many."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(TIGHT)
        self.now = 1000.0
        self.due: Counter[UUID] = Counter()
        self.running: list[Grant] = []

    @initialize(seed=st.integers(0, 2**32), share=st.sampled_from([0.0, 0.5, 1.0]))
    def much_is_due_already(self, seed: int, share: float) -> None:
        """As after a restart."""
        randomness = Random(seed)
        for endpoint in ENDPOINTS:
            if randomness.random() < share:
                self.due[endpoint] = 12
                pace = randomness.choice((TRUSTED, SUSPECT, Pace()))
                self.scheduler.due(endpoint, tenant_of(endpoint), pace, count=12, now=self.now)

    @rule(endpoint=st.sampled_from(ENDPOINTS), count=st.integers(1, 12))
    def something_is_due(self, endpoint: UUID, count: int) -> None:
        """More or less than before."""
        self.due[endpoint] = count
        self.scheduler.due(endpoint, tenant_of(endpoint), Pace(), count=count, now=self.now)

    @rule(seconds=st.sampled_from([0.1, 3.0, 40.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        """Breakers close, rests end."""
        self.now += seconds

    @rule(most=st.sampled_from([1, 7]))
    def some_turns_are_given(self, most: int) -> None:
        """Not all that could be."""
        assert self._give_turns(most) <= most

    @rule()
    def all_turns_are_given(self) -> None:
        """Whatever is still due then has a reason to wait, and who rests is known to rest."""
        self._give_turns(1000)
        for endpoint in ENDPOINTS:
            if self.due[endpoint] > 0 and not self._is_full(endpoint):
                pace, wakes = self.scheduler.pace(endpoint), self.scheduler.next_rest_ends()
                assert pace.rests_until > self.now
                assert wakes is not None
                assert wakes <= pace.rests_until

    @precondition(lambda self: self.running)
    @rule(data=st.data(), sign=st.sampled_from(Sign), rest=st.sampled_from([0.0, 0.0, 60.0]))
    def an_attempt_ends(self, data: st.DataObject, sign: Sign, rest: float) -> None:
        """In any way."""
        grant = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.scheduler.ended(grant, sign, seconds=0.5, now=self.now, rest=rest)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def an_attempt_grows_old(self, data: st.DataObject) -> None:
        """It gives its young slot back; growing old twice is growing old once."""
        self.scheduler.aged(data.draw(st.sampled_from(self.running)))

    @rule()
    def all_attempts_grow_old(self) -> None:
        """As when every receiver hangs."""
        for grant in self.running:
            self.scheduler.aged(grant)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_claim_finds_nothing(self, data: st.DataObject) -> None:
        """Another process, or a deletion, was faster."""
        grant = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.scheduler.returned(grant, now=self.now)
        self.due[grant.endpoint_id] = 0

    @rule(endpoint=st.sampled_from(ENDPOINTS))
    def an_endpoint_is_stopped(self, endpoint: UUID) -> None:
        """Nothing more is sent to it."""
        self.scheduler.drop(endpoint)
        self.due[endpoint] = 0

    @rule(endpoint=st.sampled_from(ENDPOINTS), pace=st.sampled_from([TRUSTED, SUSPECT, Pace()]))
    def an_endpoint_is_switched_on(self, endpoint: UUID, pace: Pace) -> None:
        """By its owner."""
        if endpoint in self.scheduler:
            self.scheduler.repace(endpoint, pace, now=self.now)

    @rule(endpoint=st.sampled_from(ENDPOINTS))
    def an_endpoint_is_forgotten(self, endpoint: UUID) -> None:
        """Never while something is due for it, or under way."""
        busy = self.due[endpoint] > 0 or self._own(endpoint) > 0
        known = endpoint in self.scheduler
        assert self.scheduler.forget(endpoint) is (known and not busy)

    @invariant()
    def slots_are_counted(self) -> None:
        """What is booked is what runs."""
        assert self.scheduler.running == {lane: sum(grant.lane is lane for grant in self.running) for lane in Lane}

    @override
    def teardown(self) -> None:
        """Once all has ended and nobody rests any more, everything that is due is sent, without another word."""
        for _ in range(1000):
            for grant in self.running:
                self.scheduler.ended(grant, Sign.GOOD, seconds=0.5, now=self.now)
            self.running.clear()
            self.now += 4000.0
            if not self._give_turns(1000):
                break
        assert +self.due == Counter()

    def _give_turns(self, most: int) -> int:
        """Every grant keeps to all limits at the moment that it is given."""
        granted = self.scheduler.grants(now=self.now, most=most)
        for grant in granted:
            assert self.due[grant.endpoint_id] > 0
            assert not self._is_full(grant.endpoint_id)
            pace = self.scheduler.pace(grant.endpoint_id)
            assert pace.rests_until <= self.now
            assert grant.lane is LANE_OF[pace.standing]
            self.running.append(grant)
            self.due[grant.endpoint_id] -= 1
        return len(granted)

    def _is_full(self, endpoint: UUID) -> bool:
        """Whether any limit keeps an endpoint from one attempt more."""
        pace = self.scheduler.pace(endpoint)
        lanes = Counter(grant.lane for grant in self.running)
        mine = Counter(grant.lane for grant in self.running if tenant_of(grant.endpoint_id) == tenant_of(endpoint))
        if len(self.running) >= TIGHT.sockets or self._own(endpoint) >= pace.limit:
            return True
        if pace.standing is Standing.SUSPECT:
            return lanes[Lane.SLOW] >= TIGHT.slow or mine[Lane.SLOW] >= TIGHT.slow_per_tenant
        share = TIGHT.slots * 4 // 5
        if pace.standing is Standing.NEW:
            share = TIGHT.slots // (2 if lanes[Lane.FAST] < TIGHT.slots * 2 // 5 else 5)
        lane = LANE_OF[pace.standing]
        young, own_young = (each[Lane.FAST] + each[Lane.PROBATION] for each in (lanes, mine))
        own_share = TIGHT.per_tenant
        if self._others_wait(endpoint, Standing.NEW if lane is Lane.FAST else Standing.TRUSTED):
            own_share = TIGHT.newcomers_per_tenant
            if lane is Lane.FAST:
                own_share = TIGHT.per_tenant - TIGHT.newcomers_per_tenant
        full = own_young >= TIGHT.per_tenant or mine[lane] >= own_share
        return full or lanes[lane] >= share or young >= TIGHT.slots

    def _others_wait(self, endpoint: UUID, standing: Standing) -> bool:
        """Whether the tenant has endpoints of this standing that could start but for the lanes' limits."""
        for other in ENDPOINTS:
            if tenant_of(other) == tenant_of(endpoint) and self.due[other] > 0:
                pace = self.scheduler.pace(other)
                if pace.standing is standing and pace.rests_until <= self.now and self._own(other) < pace.limit:
                    return True
        return False

    def _own(self, endpoint: UUID) -> int:
        return sum(grant.endpoint_id == endpoint for grant in self.running)


TestScheduling = Scheduling.TestCase
TestScheduling.settings = settings(max_examples=120, stateful_step_count=50)


class Insatiable:
    """Endpoints that always have more to be sent, half of them of one tenant; each takes its own time for an attempt."""

    ENDPOINTS = ENDPOINTS[6:18]

    def __init__(self, randomness: Random) -> None:
        self.seconds = {endpoint: randomness.choice((1.0, 3.0, 8.0)) for endpoint in self.ENDPOINTS}
        self.failing = {endpoint: randomness.choice((0.0, 0.0, 0.2, 1.0)) for endpoint in self.ENDPOINTS}
        self._randomness = randomness
        self._scheduler = Scheduler(CAPACITY)
        self._running: dict[Grant, float] = {}
        self._could_start = dict.fromkeys(self.ENDPOINTS, 1000.0)
        """Since when each could have, were it its turn."""

    def longest_wait(self, *, until: float) -> float:
        """How long anybody has waited for a turn, in seconds."""
        longest, now = 0.0, 1000.0
        while now < until:
            now += 1.0
            self._end(now)
            for endpoint in self.ENDPOINTS:
                self._scheduler.due(endpoint, tenant_of(endpoint), Pace(), count=12, now=now)
            for grant in self._scheduler.grants(now=now, most=1000):
                self._running[grant] = now
                self._could_start[grant.endpoint_id] = now
            own = Counter(grant.endpoint_id for grant in self._running)
            for endpoint in self.ENDPOINTS:
                pace = self._scheduler.pace(endpoint)
                if pace.rests_until > now or own[endpoint] >= pace.limit:
                    self._could_start[endpoint] = now
                longest = max(longest, now - self._could_start[endpoint])
        return longest

    def _end(self, now: float) -> None:
        for grant, began in list(self._running.items()):
            seconds = self.seconds[grant.endpoint_id]
            if now >= began + seconds:
                del self._running[grant]
                sign = Sign.BAD if self._randomness.random() < self.failing[grant.endpoint_id] else Sign.GOOD
                self._scheduler.ended(grant, sign, seconds=seconds, now=now)
            elif now >= began + AGE_SECONDS:
                self._scheduler.aged(grant)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
def test_nobody_starves(seed: int) -> None:
    """Whatever the receivers are like, each that may be sent to has a turn before all the others can have had three of their
    attempts, one after the other."""
    crowd = Insatiable(Random(seed))
    assert crowd.longest_wait(until=1500) <= 3 * sum(crowd.seconds.values())


def test_a_busy_endpoint_leaves_turns_to_its_tenants_newcomers() -> None:
    """And they leave turns to it: each has a share of the tenant's young slots while the other waits, and else all."""
    scheduler = Scheduler(CAPACITY)
    assert (CAPACITY.per_tenant, CAPACITY.newcomers_per_tenant) == (4, 1)
    scheduler.due(UUID(int=1), UUID(int=1000), TRUSTED, count=100, now=1000)
    alone = scheduler.grants(now=1000, most=1000)
    assert [grant.lane for grant in alone] == [Lane.FAST] * 4
    for number in range(2, 8):
        scheduler.due(UUID(int=number), UUID(int=1000), Pace(window=1), count=1, now=1000)
    assert scheduler.grants(now=1000, most=1000) == []
    lanes = []
    for grant in alone:
        scheduler.ended(grant, Sign.GOOD, seconds=1, now=1001)
        lanes += [each.lane for each in scheduler.grants(now=1001, most=1000)]
    assert lanes == [Lane.PROBATION, Lane.FAST, Lane.FAST, Lane.FAST]


def given_turns(scheduler: Scheduler, rounds: int) -> Counter[UUID]:
    """Who gets how many turns when each attempt takes a second."""
    turns: Counter[UUID] = Counter()
    for now in range(1000, 1000 + rounds):
        grants = scheduler.grants(now=now, most=1000)
        turns.update(grant.endpoint_id for grant in grants)
        for grant in grants:
            scheduler.ended(grant, Sign.GOOD, seconds=1, now=now)
    return turns


def test_tenants_share_by_slot_seconds() -> None:
    """One with many endpoints and one with a single endpoint that both want more than there is get the same."""
    scheduler = Scheduler(Capacity(slots=10, sockets=40))
    for number in range(30):
        scheduler.due(UUID(int=number), UUID(int=1000), TRUSTED, count=1000, now=1000)
    for number in range(100, 104):
        scheduler.due(UUID(int=number), UUID(int=1000 + number), TRUSTED, count=1000, now=1000)
    turns = given_turns(scheduler, 200)
    crowd = sum(count for endpoint, count in turns.items() if endpoint.int < 100)
    others = [turns[UUID(int=number)] for number in range(100, 104)]
    assert max(others) - min(others) <= 8
    assert abs(crowd - sum(others) / 4) <= 8
    shares = [turns[UUID(int=number)] for number in range(30)]
    assert max(shares) - min(shares) <= 2


def test_dead_receivers_do_not_starve_a_tenants_living_ones() -> None:
    """Slow slots are counted apart from young ones."""
    scheduler = Scheduler(CAPACITY)
    for number in range(50):
        scheduler.due(UUID(int=number), UUID(int=1000), SUSPECT, count=10, now=1000)
    scheduler.grants(now=1000, most=1000)
    scheduler.due(UUID(int=99), UUID(int=1000), TRUSTED, count=1, now=1001)
    assert [grant.endpoint_id.int for grant in scheduler.grants(now=1001, most=1000)] == [99]


def test_who_changes_lanes_waits_in_the_new_one() -> None:
    """A tenant whose young slots are all taken; one of its waiting endpoints becomes suspect, and the slow lane is empty."""
    scheduler = Scheduler(CAPACITY)
    for number in range(5):
        scheduler.due(UUID(int=number), UUID(int=1000), Pace(window=1), count=1, now=1000)
    assert len(scheduler.grants(now=1000, most=1000)) == CAPACITY.per_tenant == 4
    scheduler.repace(UUID(int=4), SUSPECT, now=1000)
    assert [grant.lane for grant in scheduler.grants(now=1000, most=1000)] == [Lane.SLOW]


def test_an_attempt_that_grows_old_makes_room() -> None:
    """However many receivers never answer: two seconds later the slots are free for others."""
    scheduler = Scheduler(Capacity(slots=20, sockets=200))
    for number in range(40):
        scheduler.due(UUID(int=number), UUID(int=1000 + number), TRUSTED, count=1, now=1000)
    first = scheduler.grants(now=1000, most=1000)
    assert len(first) == 16
    assert scheduler.grants(now=1001, most=1000) == []
    for grant in first:
        scheduler.aged(grant)
    assert len(scheduler.grants(now=1002, most=1000)) == 16


def test_a_black_hole_among_a_thousand_delays_nobody() -> None:
    """A model of 500 endpoints, half of which never answer, none of them known before: the other half starts at once."""
    waits = Simulation(healthy=250, black_holes=250, tenants=50, slots=125, seconds=120).run()
    assert waits.healthy > 2000
    assert waits.unstarted == 0
    assert waits.percentile(99) < 1
    assert waits.longest < 5
    assert not waits.own or sorted(waits.own)[len(waits.own) // 2] < 1


def test_a_tenant_full_of_black_holes_delays_nobody() -> None:
    """Least of all others; its own living endpoints wait until its dead ones are known."""
    waits = Simulation(healthy=250, black_holes=250, tenants=50, slots=125, seconds=120, one_tenant_owns_the_dead=True).run()
    assert waits.unstarted == 0
    assert waits.percentile(99) < 1
    assert waits.longest < 5
    assert not waits.own or sorted(waits.own)[len(waits.own) // 2] < 1
