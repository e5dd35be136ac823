"""What follows from an answer: done, another attempt and when, or the end. Pure functions."""

from __future__ import annotations

import enum
import random
from collections.abc import Sequence

import msgspec

from services.notifier.channels import Answer

LONGEST_HINT = 24 * 3600.0
"""Most seconds that `Retry-After` can put an attempt off."""


class Outcome(enum.StrEnum):
    """What becomes of a delivery after an attempt."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    FAILED = "failed"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome, why it is not a success, and how many seconds to wait when there is another attempt."""

    outcome: Outcome
    reason: str | None = None
    wait: float = 0.0


def judge(answer: Answer, *, attempts: int, schedule: Sequence[float]) -> Verdict:
    """Decide after the `attempts`-th attempt (1, 2, …). `schedule` has the wait before each, in seconds."""
    if answer.status is not None and 200 <= answer.status < 300:
        return Verdict(outcome=Outcome.DELIVERED)
    reason = answer.trouble or f"http_{answer.status}"
    if answer.stop or attempts >= len(schedule):
        return Verdict(outcome=Outcome.FAILED, reason=reason)
    return Verdict(outcome=Outcome.RETRIED, reason=reason, wait=wait_before(schedule[attempts], answer.retry_after))


def wait_before(scheduled: float, hint: float | None = None) -> float:
    """Seconds until the next attempt: never earlier than scheduled or asked for, later by up to a fifth (a second at least),
    so that what failed together does not come back together."""
    wait = max(scheduled, min(hint or 0.0, LONGEST_HINT))
    return wait + random.uniform(0, max(wait / 5, min(wait, 1.0)))
