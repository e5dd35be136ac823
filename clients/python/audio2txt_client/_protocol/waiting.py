"""How long to wait, request by request."""

from __future__ import annotations

import time
from collections.abc import Callable

from audio2txt_client.errors import WaitTimedOut

POLL_SECONDS = 30.0
"""Of one request: the gateway answers when the job is final, or then."""

SHORTEST = 1.0
"""Seconds from one request to the next, where a gateway that stops answers at once."""


SOONEST, SELDOMEST = 0.25, 15.0
"""Seconds from one question to the next, at first and in the end."""


class Patience:
    """The time that is left to wait for a job, which the gateway holds its answer back for."""

    def __init__(self, timeout: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends_at = None if timeout is None else clock() + timeout
        self._asked_at = 0.0

    def next(self) -> float:
        """Seconds that the next request may take; 0 when the time is over."""
        self._asked_at = self._clock()
        left = POLL_SECONDS if self._ends_at is None else self._ends_at - self._asked_at
        return max(0.0, min(POLL_SECONDS, left))

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return self._ends_at is not None and self._clock() >= self._ends_at

    @property
    def pause(self) -> float:
        """Seconds to wait after an answer that came too early."""
        return max(0.0, SHORTEST - (self._clock() - self._asked_at))


class Polling:
    """When to ask again after something that the gateway answers at once about: soon at first, and ever more seldom."""

    def __init__(self, timeout: float | None, *, about: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._timeout = timeout
        self._ends_at = None if timeout is None else clock() + timeout
        self._about = about
        self._pause = SOONEST

    def pause(self) -> float:
        """Seconds to wait after it was not there. Raises `WaitTimedOut` when the time is over."""
        pause, self._pause = self._pause, min(SELDOMEST, self._pause * 1.5)
        if self._ends_at is None:
            return pause
        left = self._ends_at - self._clock()
        if left <= 0:
            raise WaitTimedOut(f"{self._about} after {self._timeout:g} s; it goes on.")
        return min(pause, left)
