"""How fast one endpoint is sent to: a window that grows and shrinks, and a breaker that opens. Pure functions.

The window follows additive increase and multiplicative decrease, as in TCP. While the breaker is open, deliveries wait and
use up no attempt; then one real delivery finds out.
"""

from __future__ import annotations

import enum
import random

import msgspec

FIRST_WINDOW = 2.0
WIDEST_WINDOW = 8.0
STRIKES = 3
"""Failures in a row that open the breaker."""
FIRST_OPENING = 30.0
LONGEST_OPENING = 3600.0
"""Seconds the breaker stays open at first and at most; each time twice as long."""
EMA_WEIGHT = 0.3
SLOW_SECONDS = 2.0
"""Who needs longer than this on average answers slowly."""


class Standing(enum.StrEnum):
    """What is known of an endpoint; decides the lane its attempts start in."""

    NEW = "new"
    TRUSTED = "trusted"
    """Answers quickly."""
    SUSPECT = "suspect"
    """Failed, or kept an attempt waiting."""


class Sign(enum.Enum):
    """What an attempt says about the receiver."""

    GOOD = enum.auto()
    NEUTRAL = enum.auto()
    """It answered, if not with success: its host is alive."""
    BAD = enum.auto()
    """Counts for the breaker."""
    THROTTLED = enum.auto()
    """It asks to be left alone for a time."""
    BLAMELESS = enum.auto()
    """Something of ours was in the way: it says nothing."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of an endpoint. Moments are seconds on the scheduler's clock; 0 is long ago."""

    standing: Standing = Standing.NEW
    window: float = FIRST_WINDOW
    ema: float = 0.3
    """Average seconds of an attempt."""
    recovering: bool = False
    """The window starts at one, and grows by one with each success."""
    strikes: int = 0
    opened: int = 0
    """How often the breaker opened since the last success."""
    open_until: float = 0.0
    not_before: float = 0.0
    """The receiver's own wish."""

    @property
    def limit(self) -> int:
        """How many attempts may run at once. While the breaker is half open: one."""
        return 1 if self.opened else int(self.window)

    @property
    def rests_until(self) -> float:
        """Before this moment nothing is sent."""
        return max(self.open_until, self.not_before)


def pace_after(pace: Pace, sign: Sign, *, seconds: float, aged: bool, now: float, rest: float = 0.0) -> Pace:
    """The pace after an attempt of so many seconds. `aged`: it lost its young slot; `rest`: seconds to be left alone."""
    if sign is Sign.BLAMELESS:
        return pace
    # Slow once is no habit: who usually answers quickly need not queue behind those that fail.
    slow = aged and pace.ema > SLOW_SECONDS
    pace = msgspec.structs.replace(
        pace,
        ema=(1 - EMA_WEIGHT) * pace.ema + EMA_WEIGHT * seconds,
        not_before=max(pace.not_before, now + rest) if rest else pace.not_before,
    )
    match sign:
        case Sign.GOOD:
            return _closed(_grown(pace), slow)
        case Sign.NEUTRAL:
            return _closed(pace, slow)
        case Sign.THROTTLED:
            return msgspec.structs.replace(pace, window=1.0)
        case Sign.BAD:
            return _struck(pace, now)


def aged_pace(pace: Pace) -> Pace:
    """The pace of an endpoint one of whose attempts has just grown old."""
    return msgspec.structs.replace(pace, standing=Standing.SUSPECT, window=1.0)


def held_pace(pace: Pace, seconds: float, *, now: float) -> Pace:
    """The pace of an endpoint whose host is not reached: at least so long nothing is sent, and not all of them come at once."""
    return msgspec.structs.replace(
        pace, open_until=max(pace.open_until, now + seconds + random.uniform(0, max(1.0, seconds / 5)))
    )


def _grown(pace: Pace) -> Pace:
    window = min(WIDEST_WINDOW, pace.window + (1.0 if pace.recovering else 1.0 / pace.window))
    return msgspec.structs.replace(pace, window=window, recovering=pace.recovering and window < WIDEST_WINDOW)


def _closed(pace: Pace, slow: bool) -> Pace:
    standing = Standing.SUSPECT if slow else Standing.TRUSTED
    return msgspec.structs.replace(pace, standing=standing, strikes=0, opened=0, open_until=0.0)


def _struck(pace: Pace, now: float) -> Pace:
    pace = msgspec.structs.replace(
        pace, standing=Standing.SUSPECT, window=max(1.0, pace.window / 2), strikes=pace.strikes + 1, recovering=False
    )
    # Attempts that were under way when the breaker opened tell nothing new.
    if pace.strikes < STRIKES or pace.open_until > now:
        return pace
    seconds = min(LONGEST_OPENING, FIRST_OPENING * 2.0 ** min(pace.opened, 20)) * random.uniform(0.8, 1.2)
    return msgspec.structs.replace(
        pace, window=1.0, recovering=True, opened=pace.opened + 1, open_until=now + min(seconds, LONGEST_OPENING)
    )
