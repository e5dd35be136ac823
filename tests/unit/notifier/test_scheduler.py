"""Whose turn it is: limits are exact, nobody is forgotten, nobody starves."""

from __future__ import annotations

from collections import Counter, defaultdict
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.notifier.lanes import Capacity, Lane
from services.notifier.pacing import Pace, Sign, Standing
from services.notifier.scheduler import Grant, Scheduler
from tests.simulation import Simulation

CAPACITY = Capacity(slots=20, sockets=50)
ENDPOINTS = [UUID(int=number) for number in range(24)]
TRUSTED = Pace(standing=Standing.TRUSTED, window=8)
SUSPECT = Pace(standing=Standing.SUSPECT, window=1)


RATES = {0: 30, 1: 120}
"""Attempts a minute of two thirds of the endpoints, by what is left when their number is divided by three."""


def rate_of(endpoint: UUID) -> int | None:
    """None where it is not limited."""
    return RATES.get(endpoint.int % 3)


def tenant_of(endpoint: UUID) -> UUID:
    """The first half belongs to one tenant, the others to four."""
    return UUID(int=1000 if endpoint.int < 12 else 1001 + endpoint.int % 4)


class Scheduling(RuleBasedStateMachine):
    """Anything that can happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(CAPACITY)
        self.now = 1000.0
        self.due: Counter[UUID] = Counter()
        self.running: list[Grant] = []
        self.starts: defaultdict[UUID, list[float]] = defaultdict(list)
        """Of attempts that were made."""
        self.last_given: dict[UUID, float] = {}

    def take(self, grant: Grant) -> None:
        """A grant is used."""
        self.running.append(grant)
        self.due[grant.endpoint_id] -= 1
        self.starts[grant.endpoint_id].append(self.now)
        self.last_given[grant.endpoint_id] = self.now

    def mark(self, endpoint: UUID) -> None:
        """As much is due as there is."""
        self.scheduler.due(
            endpoint, tenant_of(endpoint), Pace(), count=self.due[endpoint], now=self.now, per_minute=rate_of(endpoint)
        )

    @rule(endpoint=st.sampled_from(ENDPOINTS), count=st.integers(1, 12))
    def something_is_due(self, endpoint: UUID, count: int) -> None:
        """More than before, or as much."""
        self.due[endpoint] = max(self.due[endpoint], count)
        self.mark(endpoint)

    @rule(seconds=st.sampled_from([0.1, 0.5, 3.0, 40.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        """Breakers close, rests end."""
        self.now += seconds

    @rule(most=st.sampled_from([1, 7, 1000]))
    def turns_are_given(self, most: int) -> None:
        """Every grant keeps to all limits at the moment that it is given."""
        for grant in self.scheduler.grants(now=self.now, most=most):
            self.take(grant)
            assert self.due[grant.endpoint_id] >= 0
            pace = self.scheduler.pace(grant.endpoint_id)
            assert sum(each.endpoint_id == grant.endpoint_id for each in self.running) <= pace.limit
            assert pace.rests_until <= self.now
        assert len(self.running) <= CAPACITY.sockets
        by_lane = Counter(grant.lane for grant in self.running)
        assert by_lane[Lane.FAST] + by_lane[Lane.PROBATION] <= CAPACITY.slots
        assert by_lane[Lane.FAST] <= CAPACITY.slots * 4 // 5
        assert by_lane[Lane.PROBATION] <= CAPACITY.slots // 2

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

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_claim_finds_nothing(self, data: st.DataObject) -> None:
        """Another process, or a deletion, was faster."""
        grant = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.scheduler.returned(grant, now=self.now)
        self.starts[grant.endpoint_id].remove(grant.given_at)
        self.due[grant.endpoint_id] = 0

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def an_attempt_is_broken_off(self, data: st.DataObject) -> None:
        """Something of it may have been sent."""
        grant = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.scheduler.returned(grant, now=self.now, begun=True)
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
        busy = self.due[endpoint] > 0 or any(grant.endpoint_id == endpoint for grant in self.running)
        known = endpoint in self.scheduler
        assert self.scheduler.forget(endpoint) is (known and not busy)

    @invariant()
    def slots_are_counted(self) -> None:
        """What is booked is what runs."""
        assert self.scheduler.running == {lane: sum(grant.lane is lane for grant in self.running) for lane in Lane}

    @invariant()
    def rates_are_exact(self) -> None:
        """In no span of time more attempts start than the rate and one second's worth at once allow, whatever was forgotten,
        returned or broken off in between."""
        for endpoint, starts in self.starts.items():
            if (rate := rate_of(endpoint)) is None:
                continue
            burst = max(1, rate // 60)
            for place, first in enumerate(starts):
                for count, last in enumerate(starts[place:], start=1):
                    assert count <= burst + (last - first) * rate / 60 + 1e-6

    @invariant()
    def no_wake_up_is_lost(self) -> None:
        """Once all turns are given, whatever is still due has a reason to wait; and when nothing runs and nobody rests any
        more, something starts."""
        granted = self.scheduler.grants(now=self.now, most=1000)
        for grant in granted:
            self.take(grant)
        lanes = Counter(grant.lane for grant in self.running)
        young = lanes[Lane.FAST] + lanes[Lane.PROBATION]
        for endpoint in ENDPOINTS:
            if self.due[endpoint] <= 0:
                continue
            pace, own = self.scheduler.pace(endpoint), [grant for grant in self.running if grant.endpoint_id == endpoint]
            mine = Counter(grant.lane for grant in self.running if tenant_of(grant.endpoint_id) == tenant_of(endpoint))
            if pace.standing is Standing.SUSPECT:
                crowded = lanes[Lane.SLOW] >= CAPACITY.slow or mine[Lane.SLOW] >= CAPACITY.slow_per_tenant
            else:
                share = CAPACITY.slots * 4 // 5 if pace.standing is Standing.TRUSTED else CAPACITY.slots // 5
                lane = Lane.FAST if pace.standing is Standing.TRUSTED else Lane.PROBATION
                full = mine[Lane.FAST] + mine[Lane.PROBATION] >= CAPACITY.per_tenant
                crowded = full or lanes[lane] >= share or young >= CAPACITY.slots
            self.check_rate(endpoint)
            limited = self.scheduler._endpoints[endpoint].rests_until > self.now
            resting, at_limit = pace.rests_until > self.now, len(own) >= pace.limit
            assert crowded or resting or limited or at_limit or len(self.running) >= CAPACITY.sockets

    def check_rate(self, endpoint: UUID) -> None:
        """Whoever waits for a token gets it when it is there again, and somebody is told when that is."""
        waiting, rate = self.scheduler._endpoints[endpoint], rate_of(endpoint)
        if rate is None or waiting.bucket is None or waiting.bucket.ready_at <= self.now:
            return
        assert waiting.bucket.ready_at <= self.last_given[endpoint] + 60 / rate + 1e-6
        if waiting.running < waiting.pace.limit:
            wakes = self.scheduler.next_rest_ends()
            assert waiting.place is not None or (wakes is not None and wakes <= waiting.rests_until)


TestScheduling = Scheduling.TestCase
TestScheduling.settings = settings(max_examples=200, stateful_step_count=50)


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


def test_what_an_endpoint_delays_itself_is_no_delay() -> None:
    """A grant tells since when nothing but others' turns was in the way: not its window, and not its rest."""
    scheduler, one = Scheduler(CAPACITY), UUID(int=1)
    scheduler.due(one, tenant_of(one), Pace(window=1), count=3, now=1000)
    (first,) = scheduler.grants(now=1000, most=1000)
    assert first.free_at == 0
    scheduler.ended(first, Sign.NEUTRAL, seconds=5, now=1005)
    (second,) = scheduler.grants(now=1006, most=1000)
    assert second.free_at == 1005
    scheduler.ended(second, Sign.THROTTLED, seconds=1, now=1007, rest=60)
    (third,) = scheduler.grants(now=1068, most=1000)
    assert third.free_at == 1068


def test_a_rate_outlives_its_backlog() -> None:
    """An endpoint that is forgotten because nothing waits for it has still used up what it has used up."""
    scheduler, one, starts = Scheduler(CAPACITY), UUID(int=1), 0
    for tenth in range(601):
        now = 1000 + tenth / 10
        scheduler.due(one, tenant_of(one), TRUSTED, count=1, now=now, per_minute=30)
        for grant in scheduler.grants(now=now, most=1000):
            starts += 1
            scheduler.ended(grant, Sign.GOOD, seconds=0, now=now)
        scheduler.drop(one)
        assert scheduler.forget(one)
    assert starts == 31


def test_a_rate_that_is_raised_counts_at_once() -> None:
    """Whoever waits for the next minute and may now have one a second gets it in a second; and without a limit, now."""
    scheduler, one = Scheduler(CAPACITY), UUID(int=1)
    scheduler.due(one, tenant_of(one), TRUSTED, count=3, now=1000, per_minute=1)
    assert len(scheduler.grants(now=1000, most=1000)) == 1
    assert scheduler.next_rest_ends() == 1060
    scheduler.due(one, tenant_of(one), TRUSTED, count=2, now=1000, per_minute=60)
    assert scheduler.next_rest_ends() == 1001
    assert len(scheduler.grants(now=1001, most=1000)) == 1
    scheduler.due(one, tenant_of(one), TRUSTED, count=1, now=1001, per_minute=None)
    assert len(scheduler.grants(now=1001, most=1000)) == 1


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
