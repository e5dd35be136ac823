"""Whose turn it is: limits hold, room is used, shares are equal, and nobody waits for ever."""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.turns.choice import HEAD_START, Queue, choose
from shared.schemas.jobs import Priority

START = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
COUNTS = st.integers(0, 12)
QUEUES = st.lists(
    st.builds(
        lambda waiting, in_work, most, minutes: (waiting, in_work, most, START + dt.timedelta(minutes=minutes)),
        *(COUNTS, COUNTS, st.none() | st.integers(1, 12), COUNTS),
    ),
    max_size=6,
)


def _tenant(number: int) -> UUID:
    return UUID(int=number)


@given(QUEUES, st.integers(-3, 30))
def test_limits_hold_room_is_used_and_shares_are_equal(
    numbers: list[tuple[int, int, int | None, dt.datetime]], room: int
) -> None:
    """No tenant gets more than it has waiting or may have, nobody is left out while there is room, and whoever got something
    has not more in work then than any other who could have had it."""
    queues = [
        Queue(tenant_id=_tenant(number), waiting=waiting, in_work=in_work, most=most, served_at=served_at)
        for number, (waiting, in_work, most, served_at) in enumerate(numbers)
    ]
    chosen = choose(queues, room=room)
    assert sum(chosen.values()) <= max(room, 0)
    could_have_more = []
    for queue in queues:
        begun = chosen.get(queue.tenant_id, 0)
        assert begun <= queue.waiting
        if begun and queue.most is not None:
            assert queue.in_work + begun <= queue.most
        if begun < queue.waiting and (queue.most is None or queue.in_work + begun < queue.most):
            could_have_more.append(queue.in_work + begun)
    if could_have_more:
        assert sum(chosen.values()) == max(room, 0)
        for queue in queues:
            if begun := chosen.get(queue.tenant_id, 0):
                assert queue.in_work + begun <= min(could_have_more) + 1


@dataclass
class _House:
    """An installation with room for some jobs, whose jobs end in no order."""

    room: int
    random: Random
    waiting: dict[UUID, deque[int]] = field(default_factory=dict)
    in_work: Counter[UUID] = field(default_factory=Counter)
    served_at: dict[UUID, dt.datetime] = field(default_factory=dict)
    clock: dt.datetime = START

    def submit(self, tenant: int, jobs: int) -> None:
        self.waiting.setdefault(_tenant(tenant), deque()).extend(range(jobs))

    def end_one(self) -> None:
        at_work = list(self.in_work.elements())
        if at_work:
            self.in_work[self.random.choice(at_work)] -= 1

    def begin(self) -> dict[UUID, int]:
        self.clock += dt.timedelta(seconds=1)
        queues = [
            Queue(
                tenant_id=tenant,
                waiting=len(jobs),
                in_work=self.in_work[tenant],
                served_at=self.served_at.get(tenant, START),
            )
            for tenant, jobs in self.waiting.items()
        ]
        chosen = choose(queues, room=self.room - self.in_work.total())
        for tenant, begun in chosen.items():
            for _ in range(begun):
                self.waiting[tenant].popleft()
            self.in_work[tenant] += begun
            self.served_at[tenant] = self.clock
        return chosen


def test_ten_thousand_jobs_of_one_tenant_delay_nobody_elses_first() -> None:
    """Whoever comes with one job into a full house is served by the next place that becomes free."""
    house = _House(room=8, random=Random(1))
    house.submit(0, 10_000)
    house.begin()
    assert house.in_work[_tenant(0)] == 8
    for newcomer in range(1, 50):
        house.submit(newcomer, 1)
        house.end_one()
        assert house.begin() == {_tenant(newcomer): 1}


@given(st.integers(1, 6), st.integers(2, 6), st.integers(0, 2**32))
def test_everybody_with_jobs_is_served_within_a_round(room: int, tenants: int, seed: int) -> None:
    """With one place or several, tenants who always have more are served in turn, however jobs end: nobody is passed over for
    longer than it takes to serve each of the others once for every place."""
    house = _House(room=room, random=Random(seed))
    for tenant in range(tenants):
        house.submit(tenant, 1000)
    since = Counter({_tenant(tenant): 0 for tenant in range(tenants)})
    for _ in range(200):
        chosen = house.begin()
        for waiting in since:
            idle = not house.in_work[waiting]
            since[waiting] = since[waiting] + sum(chosen.values()) if idle and waiting not in chosen else 0
            assert since[waiting] <= tenants
        house.end_one()


def test_a_low_priority_waits_and_does_not_starve() -> None:
    """What comes more than two hours later never overtakes it, whatever its priority."""
    low = START - HEAD_START[Priority.LOW]
    assert START + dt.timedelta(minutes=119) - HEAD_START[Priority.HIGH] < low
    assert START + dt.timedelta(minutes=121) - HEAD_START[Priority.HIGH] > low
    assert START - HEAD_START[Priority.HIGH] < START - HEAD_START[Priority.NORMAL] < low
