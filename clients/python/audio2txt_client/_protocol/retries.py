"""Whether and when a request is sent again: pure decisions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from audio2txt_client.errors import ApiError, ConnectionFailed

_REFUSED = 429
"""Nothing was done, whatever was asked."""
_PASSING = frozenset({502, 503, 504})


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How often and how long a request is tried. Only what is safe to repeat is: `GET`, `HEAD`, `PUT`, `DELETE`, what carries
    an Idempotency-Key, what did not reach the gateway, and what it turned away (429)."""

    attempts: int = 6
    """In all; 1 tries once."""
    budget: float = 60.0
    """Seconds that one call may spend on waiting; a longer Retry-After is left to you."""
    first: float = 0.5
    """Seconds before the second attempt; each next wait is twice as long, and up to a half shorter by chance."""
    longest: float = 20.0
    """Seconds, of one wait."""


NO_RETRIES = Retries(attempts=1)


class Attempts:
    """The attempts at one request."""

    def __init__(
        self,
        retries: Retries,
        *,
        repeatable: bool,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._retries = retries
        self._repeatable = repeatable
        self._clock = clock
        self._chance = chance
        self._ends_at = clock() + retries.budget
        self.failed = 0

    def after(self, error: ApiError | ConnectionFailed) -> float | None:
        """Seconds to wait before the next attempt; null when the error stands."""
        if isinstance(error, ConnectionFailed):
            again = error.retryable and (self._repeatable or not error.arrived)
            return self.pause() if again else None
        again = error.status == _REFUSED or (error.status in _PASSING and self._repeatable)
        return self.pause(at_least=error.retry_after) if again else None

    def pause(self, *, at_least: float | None = None) -> float | None:
        """Seconds to wait after one more failure that may pass; null when there were too many, or the time is over."""
        self.failed += 1
        if self.failed >= self._retries.attempts:
            return None
        usual = min(self._retries.longest, self._retries.first * 2 ** (self.failed - 1)) * (1 - self._chance() / 2)
        # All who were turned away together must not come back together.
        pause = usual if at_least is None else at_least + self._chance() * min(1.0, at_least)
        return None if self._clock() + pause > self._ends_at else pause
