"""How many e-mails go out: so many a minute in all, and so many an hour to one address, whoever's endpoints lead there."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_REMEMBERED = 20_000
"""Addresses. Beyond that, those are forgotten that have their whole allowance again."""


class Allowance:
    """A bucket that holds `most` and is filled again evenly within `seconds`."""

    def __init__(self, most: int, seconds: float, now: float) -> None:
        self._most = float(most)
        self._rate = most / seconds
        self._left = self._most
        self._as_of = now

    def wait(self, now: float) -> float:
        """Seconds until one can be taken; 0 for now."""
        self._left = min(self._most, self._left + (now - self._as_of) * self._rate)
        self._as_of = now
        return max(0.0, (1.0 - self._left) / self._rate)

    def change(self, by: int) -> None:
        """Take one (-1), or give it back (+1)."""
        self._left = min(self._most, self._left + by)

    def full(self, now: float) -> bool:
        """Whether it is as if nothing had been taken."""
        self.wait(now)
        return self._left >= self._most


class MailLimits:
    """Of this process. An endpoint is served by one process at a time."""

    def __init__(self, *, per_minute: int, per_recipient_per_hour: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._per_recipient = per_recipient_per_hour
        self._all = Allowance(per_minute, 60.0, clock())
        self._recipients: dict[str, Allowance] = {}

    def take(self, address: str) -> float:
        """Take one for the address: 0, or the seconds to wait, and nothing is taken."""
        now, recipient = self._clock(), self._recipient(address)
        wait = max(self._all.wait(now), recipient.wait(now))
        if wait == 0.0:
            self._all.change(-1)
            recipient.change(-1)
        return wait

    def give_back(self, address: str) -> None:
        """Nothing was sent for it."""
        self._all.change(1)
        self._recipient(address).change(1)

    def _recipient(self, address: str) -> Allowance:
        key, now = address.casefold(), self._clock()
        if key not in self._recipients and len(self._recipients) >= MOST_REMEMBERED:
            self._recipients = {known: rest for known, rest in self._recipients.items() if not rest.full(now)}
        return self._recipients.setdefault(key, Allowance(self._per_recipient, 3600.0, now))
