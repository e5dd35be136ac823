"""How long to wait for a job, request by request."""

from __future__ import annotations

import time
from collections.abc import Callable

POLL_SECONDS = 30.0
"""Of one request: the gateway answers when the job is final, or then."""

SHORTEST = 1.0
"""Seconds from one request to the next, where a gateway that stops answers at once."""


class Patience:
    """The time that is left."""

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
