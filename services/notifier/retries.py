"""What follows from an answer: done, another attempt and when, or the end. Pure functions."""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence

import msgspec

from services.notifier.channels import Answer
from services.notifier.pacing import Sign
from shared.schemas.endpoints import DisabledReason, EndpointKind

LONGEST_HINT = 24 * 3600.0
"""Most seconds that `Retry-After` can put an attempt off."""
LONGEST_FREE_HINT = 3600.0
MOST_DEFERRALS = 20
LONGEST_DEFERRING = 80 * 3600.0
"""A receiver that asks for an hour at most loses no attempt by it, so often and for so long."""
TIMED_OUT_SECONDS = 60.0
"""Least wait after a time-out, where the schedule knows waits as long."""
OUR_TROUBLE_SECONDS = 30.0
"""Until what failed through no fault of the receiver's is tried again."""
TIMED_OUT = "timed_out"
TOO_MANY_REQUESTS = 429

EMAIL_SCHEDULE = (0.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0)
"""Mail servers that put us off want to be asked again soon, and for two days."""


class Outcome(enum.StrEnum):
    """What becomes of a delivery after an attempt."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    DEFERRED = "deferred"
    """The receiver asked for time; the attempt does not count."""
    POSTPONED = "postponed"
    """Something of ours was in the way; the attempt does not count."""
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether there is no other attempt."""
        return self in (Outcome.DELIVERED, Outcome.FAILED)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome, why it is not a success, and how many seconds to wait when there is another attempt."""

    outcome: Outcome
    reason: str | None = None
    wait: float = 0.0
    sign: Sign
    rest: float = 0.0
    """Seconds for which the receiver wants nothing at all."""
    disable: DisabledReason | None = None


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What has been tried so far for a delivery, the attempt that is judged left out."""

    tries: int = 0
    """Attempts that count."""
    deferrals: int = 0
    age: float = 0.0
    """Seconds since it was made."""


def judge(answer: Answer, past: Past, *, kind: EndpointKind, schedule: Sequence[float]) -> Verdict:
    """Decide after an attempt. `schedule` has the wait before each that counts, in seconds."""
    if answer.delivered:
        return Verdict(outcome=Outcome.DELIVERED, sign=Sign.GOOD)
    reason = answer.trouble.reason if answer.trouble is not None else f"http_{answer.status}"
    sign = _sign(answer, kind)
    if answer.stop or answer.disable is not None:
        return Verdict(outcome=Outcome.FAILED, reason=reason, sign=sign, disable=answer.disable)
    hint = min(answer.retry_after or 0.0, LONGEST_HINT)
    if sign is Sign.BLAMELESS:
        return Verdict(
            outcome=Outcome.POSTPONED, reason=reason, sign=sign, wait=wait_before(OUR_TROUBLE_SECONDS, answer.retry_after)
        )
    if 0 < hint <= LONGEST_FREE_HINT and past.deferrals < MOST_DEFERRALS and past.age < LONGEST_DEFERRING:
        return Verdict(outcome=Outcome.DEFERRED, reason=reason, sign=Sign.THROTTLED, rest=hint, wait=wait_before(hint))
    if past.tries + 1 >= len(schedule):
        return Verdict(outcome=Outcome.FAILED, reason=reason, sign=sign, rest=hint)
    scheduled = schedule[past.tries + 1]
    rest = hint or (scheduled if sign is Sign.THROTTLED else 0.0)
    if reason == TIMED_OUT:
        scheduled = max(scheduled, min(TIMED_OUT_SECONDS, max(schedule)))
    return Verdict(outcome=Outcome.RETRIED, reason=reason, sign=sign, rest=rest, wait=wait_before(scheduled, hint))


def wait_before(scheduled: float, hint: float | None = None) -> float:
    """Seconds until the next attempt: never earlier than scheduled or asked for, later by up to a fifth (a second at least),
    so that what failed together does not come back together."""
    wait = max(scheduled, min(hint or 0.0, LONGEST_HINT))
    return wait + random.uniform(0, max(wait / 5, min(wait, 1.0)))


def _sign(answer: Answer, kind: EndpointKind) -> Sign:
    if answer.trouble is not None and not answer.trouble.charged:
        return Sign.BLAMELESS
    if kind is EndpointKind.EMAIL:
        return Sign.NEUTRAL  # the mail server speaks, of one recipient
    if answer.status == TOO_MANY_REQUESTS or answer.retry_after:
        return Sign.THROTTLED
    if answer.status is not None:
        return Sign.BAD if answer.status >= 500 else Sign.NEUTRAL
    return Sign.NEUTRAL if answer.stop else Sign.BAD
