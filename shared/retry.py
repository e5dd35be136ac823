"""The back-off schedules, as pure functions."""

from __future__ import annotations

import random

FIRST_DELAY = 0.5
LONGEST_DELAY = 60.0


def backoff(attempt: int, *, first: float = FIRST_DELAY, longest: float = LONGEST_DELAY) -> float:
    """Seconds to wait after the `attempt`-th failure (1, 2, …): doubling from `first` up to `longest`, jittered by ±20 %."""
    delay: float = min(longest, first * 2.0 ** min(attempt - 1, 30))
    return delay * random.uniform(0.8, 1.2)
