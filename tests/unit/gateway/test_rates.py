"""Limits of requests: what is given in advance never adds up to more than the limit."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable

import pytest

from services.gateway.problems import Problem
from services.gateway.rates.limiter import Limiter
from services.gateway.rates.policy import LEASE_SECONDS, Policy, RateClass, Standing, policies_of
from services.gateway.settings import GatewaySettings
from services.gateway.store.rates import Claim


class Clock:
    """A time that only the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class SharedStore:
    """The database: the generic cell rate algorithm by the same clock, asked by several limiters."""

    def __init__(self, clock: Clock, answer: Callable[[], Awaitable[None]] | None = None) -> None:
        self._clock = clock
        self._answer = answer
        self._full_at: dict[str, float] = {}
        self.asked = 0

    async def claim(self, subject: str, *, gap: float, burst: int, wanted: int) -> Claim:
        """As `RateStore.claim`."""
        self.asked += 1
        base = max(self._full_at.get(subject, 0.0), self._clock.now)
        granted = max(0, min(wanted, math.floor(burst - (base - self._clock.now) / gap + 1e-6)))
        self._full_at[subject] = base + granted * gap
        if self._answer is not None:
            await self._answer()
        return Claim(granted=granted, owed=self._full_at[subject] - self._clock.now)


def _limiters(clock: Clock, store: SharedStore, *, per_minute: int, count: int = 2) -> list[Limiter]:
    policy = Policy(name=RateClass.READS, per_minute=per_minute)
    return [Limiter(store, {RateClass.READS: policy}, clock=clock) for _ in range(count)]  # type: ignore[arg-type]


async def _passes(limiter: Limiter) -> bool:
    standing = await limiter.take(RateClass.READS, "acme")
    assert standing is not None
    return standing.retry_in is None


@pytest.mark.parametrize("per_minute", [60, 600, 6_000])
async def test_two_processes_together_keep_every_window(per_minute: int) -> None:
    """Whatever the pattern, in any span of time no more pass than the burst and what came back since; and whoever asks
    steadily for more than there is gets nearly all there is."""
    clock, dice = Clock(), random.Random(per_minute)
    store, policy = SharedStore(clock), Policy(name=RateClass.READS, per_minute=per_minute)
    limiters = _limiters(clock, store, per_minute=per_minute)
    passed: list[float] = []
    seconds, asked = 20.0, 0
    began = clock.now
    while clock.now < began + seconds:
        pause = clock.now - began > seconds / 2 and dice.random() < 0.001
        clock.now += 15.0 if pause else dice.expovariate(3 / policy.gap)
        asked += 1
        if await _passes(dice.choice(limiters)):
            passed.append(clock.now)
    for first, at in enumerate(passed):
        for last in range(first, len(passed), 7):
            allowed = policy.burst + (passed[last] - at) / policy.gap
            assert last - first + 1 <= allowed + 1e-6
    steady = [at for at in passed if at < began + seconds / 2]
    assert len(steady) >= 0.95 * (policy.shared + seconds / 2 / policy.gap) - 1
    assert store.asked < asked


@pytest.mark.parametrize("pause", [0.24, 20.0])
async def test_what_was_given_in_advance_adds_nothing_to_a_burst(pause: float) -> None:
    """Processes have just been given some for the next moment, one after the other; then, when there is everything to be had
    again, all come at once, to each of them. What is left to the last one may still be used, if it is not too late for that."""
    clock = Clock()
    store, policy = SharedStore(clock), Policy(name=RateClass.READS, per_minute=6_000)
    limiters = _limiters(clock, store, per_minute=6_000, count=5)
    for limiter in limiters:
        for _ in range(300):
            clock.now += 1 / 90
            assert await _passes(limiter)
        asked = store.asked
        while store.asked == asked:
            clock.now += 1 / 90
            assert await _passes(limiter)
    clock.now += pause
    passed = 0
    for limiter in limiters:
        while await _passes(limiter):
            passed += 1
    assert policy.shared <= passed <= policy.burst
    assert (passed == policy.shared) == (pause > LEASE_SECONDS)


async def test_busy_processes_seldom_ask_and_waste_nothing() -> None:
    """Below the limit everything passes, and the store hears of one request in ten at most."""
    clock = Clock()
    store = SharedStore(clock)
    limiters = _limiters(clock, store, per_minute=60_000)
    for turn in range(8000):
        clock.now += 1 / 950
        assert await _passes(limiters[turn % 2])
    assert store.asked < 800


async def test_a_crowd_waits_for_one_answer() -> None:
    """Fifty requests at once are one question; as many as there are pass, and each of the others is told how long to wait."""
    clock, opened = Clock(), asyncio.Event()

    async def answer() -> None:
        await opened.wait()

    store = SharedStore(clock, answer)
    (limiter,) = _limiters(clock, store, per_minute=240, count=1)
    crowd = [asyncio.create_task(limiter.take(RateClass.READS, "acme")) for _ in range(50)]
    await asyncio.sleep(0)
    clock.now += 5.0
    opened.set()
    standings = [standing for standing in await asyncio.gather(*crowd) if standing is not None]
    refused = [standing for standing in standings if standing.retry_in is not None]
    assert (len(refused), store.asked) == (10, 1)
    problem = refused[0].problem
    assert isinstance(problem, Problem)
    assert (problem.status, problem.code) == (429, "rate_limited")
    assert int(problem.headers["Retry-After"]) >= 1


def test_the_fields_say_what_is_left_as_the_draft_wants_it() -> None:
    """Structured fields with integers: quota and window, what remains and when it is whole again."""
    policy = Policy(name=RateClass.UPLOADS, per_minute=90)
    standing = Standing(policy=policy, remaining=7, full_in=4.2)
    assert standing.fields == ((b"ratelimit-policy", b'"uploads";q=15;w=10'), (b"ratelimit", b'"uploads";r=7;t=5'))


def test_nought_is_no_limit() -> None:
    """What an operator sets to 0 is not counted."""
    settings = GatewaySettings(rate_reads_per_minute=0, rate_writes_per_minute=5)
    assert set(policies_of(settings)) == {RateClass.WRITES, RateClass.UPLOADS, RateClass.REFUSALS}
