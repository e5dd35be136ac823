"""How an endpoint fares over days: when its owner is warned, and when nothing is sent any more. Pure functions."""

from __future__ import annotations

import enum

import msgspec

from services.notifier.pacing import Pace, Sign
from services.notifier.retries import Outcome, Verdict
from shared.schemas.endpoints import DisabledReason

DAY = 86_400.0
FAILING_SECONDS = 5 * DAY
LAST_WARNING_SECONDS = FAILING_SECONDS - DAY
MOST_FAILURES = 20
"""An endpoint is switched off after five days without success and so many failures in a row."""
FIRST_WARNING = 4
MOST_BLOCKED = 3
BLOCKED = frozenset(
    {
        "address_refused",
        "address_invalid",
        "host_not_accepted",
        "url_invalid",
        "header_invalid",
        "header_reserved",
        "headers_too_long",
    }
)
"""Reasons that only a change of the endpoint, or of the installation, does away with."""


class Notice(enum.IntEnum):
    """What its owner should hear, in the order of urgency."""

    RECOVERED = 0
    FAILING = 1
    LAST_DAY = 2
    """It will be switched off a day from now."""
    DISABLED = 3


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an endpoint. Moments are seconds on this process's monotonic clock."""

    pace: Pace = Pace()
    revision: int = 1
    failures: int = 0
    """Since the last success."""
    failing_since: float | None = None
    blocked: int = 0
    """Attempts in a row that may not be made at all."""
    warned: Notice = Notice.RECOVERED
    last_success_at: float | None = None
    last_failure_at: float | None = None
    last_failure: str | None = None
    disabled: DisabledReason | None = None


def health_after(health: Health, verdict: Verdict, pace: Pace, *, now: float, callback: bool) -> tuple[Health, Notice | None]:
    """The health after an attempt, and what there is to say. A job's callback is never switched off: nobody could switch it
    on again, and the next job may name it anew."""
    health = msgspec.structs.replace(health, pace=pace)
    if verdict.sign is Sign.BLAMELESS:
        return health, None
    if verdict.sign is Sign.GOOD:
        notice = Notice.RECOVERED if health.warned else None
        return msgspec.structs.replace(
            health, failures=0, failing_since=None, blocked=0, warned=Notice.RECOVERED, last_success_at=now
        ), notice
    if verdict.outcome is Outcome.DEFERRED:
        # Whoever asks for a little time is at work.
        return msgspec.structs.replace(health, last_failure_at=now, last_failure=verdict.reason), None
    health = msgspec.structs.replace(
        health,
        failures=health.failures + 1,
        failing_since=now if health.failing_since is None else health.failing_since,
        blocked=health.blocked + 1 if verdict.reason in BLOCKED else 0,
        last_failure_at=now,
        last_failure=verdict.reason,
    )
    if callback or health.disabled is not None:
        return health, None
    notice, reason = _judged(health, verdict, now)
    if notice <= health.warned:
        return health, None
    return msgspec.structs.replace(health, warned=notice, disabled=reason), notice


def _judged(health: Health, verdict: Verdict, now: float) -> tuple[Notice, DisabledReason | None]:
    failing_for = 0.0 if health.failing_since is None else now - health.failing_since
    if verdict.disable is not None:
        return Notice.DISABLED, verdict.disable
    if health.blocked >= MOST_BLOCKED:
        return Notice.DISABLED, DisabledReason.MISCONFIGURED
    if health.failures >= MOST_FAILURES and failing_for >= FAILING_SECONDS:
        return Notice.DISABLED, DisabledReason.FAILING
    if health.failures >= MOST_FAILURES and failing_for >= LAST_WARNING_SECONDS:
        return Notice.LAST_DAY, None
    return (Notice.FAILING if health.failures >= FIRST_WARNING else Notice.RECOVERED), None
