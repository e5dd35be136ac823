"""Counts requests. What the processes share is in PostgreSQL; each is given some in advance, as many as it is about to use,
for a quarter of a second: so most requests ask nobody."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.gateway.rates.policy import LEASE_SECONDS, Policy, RateClass, Standing
from services.gateway.store.rates import Claim, RateStore

LEAST_PAUSE = 0.02
"""Seconds for which nothing is asked for after there was none: meanwhile some gather."""
_REMEMBERED = 10_000


@dataclass(kw_only=True)
class _Purse:
    """What this process has of one subject's requests. Times are of the limiter's clock."""

    left: int = 0
    until: float = 0.0
    """When what is left is void."""
    refused_until: float = 0.0
    elsewhere: int = 0
    """What nobody had been given, when it was last asked."""
    full_at: float = 0.0
    asked_at: float = 0.0
    used: int = 0
    """Since it was last asked."""
    pace: float = 0.0
    """Requests in the last second or so: those before it fade away."""
    waiting: list[asyncio.Future[Standing]] = field(default_factory=list)
    asking: asyncio.Task[None] | None = None

    def coming(self, now: float) -> int:
        """How many will be used in half of the time for which they are good, so that hardly any are void."""
        self.pace = self.pace * math.exp(self.asked_at - now) + self.used
        return int(self.pace * LEASE_SECONDS / 2)


class Limiter:
    """Lets requests pass, or says how long to wait."""

    def __init__(
        self, store: RateStore, policies: Mapping[RateClass, Policy], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._policies = policies
        self._clock = clock
        self._purses: OrderedDict[tuple[RateClass, str], _Purse] = OrderedDict()

    async def take(self, name: RateClass, subject: str) -> Standing | None:
        """Count one request of a subject; null where the class is not limited."""
        policy = self._policies.get(name)
        if policy is None:
            return None
        purse = self._purse(name, subject)
        standing = self._known(purse, policy)
        if standing is not None:
            return standing
        answer: asyncio.Future[Standing] = asyncio.get_running_loop().create_future()
        purse.waiting.append(answer)
        if purse.asking is None:
            purse.asking = asyncio.create_task(self._ask(purse, policy, f"{name}/{subject}"))
        return await answer

    def _purse(self, name: RateClass, subject: str) -> _Purse:
        purse = self._purses.get((name, subject))
        if purse is None:
            purse = self._purses[name, subject] = _Purse()
            if len(self._purses) > _REMEMBERED:
                self._purses.popitem(last=False)
        else:
            self._purses.move_to_end((name, subject))
        return purse

    def _known(self, purse: _Purse, policy: Policy) -> Standing | None:
        """What can be said without asking."""
        now = self._clock()
        if purse.left and now < purse.until:
            purse.left -= 1
            purse.used += 1
            return self._passed(purse, policy, now)
        return self._refused(purse, policy, now) if now < purse.refused_until else None

    async def _ask(self, purse: _Purse, policy: Policy, subject: str) -> None:
        """Ask for those who wait until nobody does."""
        try:
            while purse.waiting:
                waiting, purse.waiting = purse.waiting, []
                try:
                    await self._claim(purse, policy, subject, waiting)
                except Exception as error:
                    # Whoever came meanwhile has waited as well, and would not be the last to do so.
                    waiting, purse.waiting = [*waiting, *purse.waiting], []
                    for answer in waiting:
                        if not answer.done():
                            answer.set_exception(error)
        finally:
            purse.asking = None

    async def _claim(self, purse: _Purse, policy: Policy, subject: str, waiting: list[asyncio.Future[Standing]]) -> None:
        began = self._clock()
        coming = purse.coming(began) if policy.in_advance else 0
        wanted = min(policy.shared, max(len(waiting), coming))
        claim = await self._store.claim(subject, gap=policy.gap, burst=policy.shared, wanted=wanted)
        # What is left is void after a time counted from before the statement was sent, so never later than the store has it.
        purse.asked_at, purse.until = began, began + LEASE_SECONDS
        purse.elsewhere = max(0, int(policy.shared - claim.owed / policy.gap))
        now = self._clock()
        purse.full_at, purse.refused_until = now + claim.owed, _pause(policy, claim, wanted, now)
        passed = min(claim.granted, len(waiting))
        purse.left, purse.used = claim.granted - passed, passed
        for place, answer in enumerate(waiting):
            if not answer.done():
                answer.set_result((self._passed if place < passed else self._refused)(purse, policy, now))

    def _passed(self, purse: _Purse, policy: Policy, now: float) -> Standing:
        return Standing(policy=policy, remaining=purse.left + purse.elsewhere, full_in=max(0.0, purse.full_at - now))

    def _refused(self, purse: _Purse, policy: Policy, now: float) -> Standing:
        full_in, retry_in = max(0.0, purse.full_at - now), max(0.0, purse.refused_until - now)
        return Standing(policy=policy, remaining=0, full_in=full_in, retry_in=retry_in)


def _pause(policy: Policy, claim: Claim, wanted: int, now: float) -> float:
    """Until when nothing is asked for: nothing is left there now."""
    if claim.granted == wanted:
        return 0.0
    return now + max(LEAST_PAUSE, claim.owed - (policy.shared - 1) * policy.gap)
