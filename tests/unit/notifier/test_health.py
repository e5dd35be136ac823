"""When an endpoint's owner is warned, and when it is switched off."""

from __future__ import annotations

import msgspec
import pytest

from services.notifier.health import DAY, FAILING_SECONDS, MOST_BLOCKED, MOST_FAILURES, Health, Notice, health_after
from services.notifier.pacing import Pace, Sign
from services.notifier.retries import Outcome, Verdict
from shared.schemas.endpoints import DisabledReason

FAILED = Verdict(outcome=Outcome.RETRIED, reason="http_500", sign=Sign.BAD)
GOOD = Verdict(outcome=Outcome.DELIVERED, sign=Sign.GOOD)
OURS = Verdict(outcome=Outcome.POSTPONED, reason="relay_down", sign=Sign.BLAMELESS)
BLOCKED = Verdict(outcome=Outcome.FAILED, reason="address_refused", sign=Sign.NEUTRAL)
GONE = Verdict(outcome=Outcome.FAILED, reason="http_410", sign=Sign.NEUTRAL, disable=DisabledReason.GONE)


DEFERRED = Verdict(outcome=Outcome.DEFERRED, reason="http_429", sign=Sign.THROTTLED)


def lived(*verdicts: tuple[float, Verdict], callback: bool = False) -> tuple[Health, list[Notice]]:
    """What becomes of an endpoint after verdicts at these moments, and what was said about it."""
    health, notices = Health(), []
    for now, verdict in verdicts:
        health, notice = health_after(health, verdict, Pace(), now=now, callback=callback)
        notices += [notice] if notice is not None else []
    return health, notices


def failing(days: float, count: int) -> list[tuple[float, Verdict]]:
    """Failures spread evenly over so many days."""
    return [(1000 + place * days * DAY / (count - 1), FAILED) for place in range(count)]


def test_five_days_of_failures_switch_an_endpoint_off() -> None:
    """After a warning at the fourth failure, and one a day before the end; each is said once."""
    health, notices = lived(*failing(5.5, 100))
    assert notices == [Notice.FAILING, Notice.LAST_DAY, Notice.DISABLED]
    assert health.disabled is DisabledReason.FAILING


@pytest.mark.parametrize(("days", "count"), [(20, MOST_FAILURES - 1), (3.9, 1000)])
def test_few_failures_or_few_days_do_not(days: float, count: int) -> None:
    """An endpoint that seldom has anything to do gets its twenty chances, and a busy one its five days."""
    health, notices = lived(*failing(days, count))
    assert (health.disabled, notices) == (None, [Notice.FAILING])


def test_one_success_begins_anew() -> None:
    """And is said, where its owner had been warned."""
    health, notices = lived(*failing(4.9, 100), (1000 + 4.95 * DAY, GOOD), (1000 + FAILING_SECONDS, FAILED))
    assert notices == [Notice.FAILING, Notice.LAST_DAY, Notice.RECOVERED]
    assert (health.failures, health.failing_since) == (1, 1000 + FAILING_SECONDS)


def test_who_asks_for_a_little_time_is_not_failing() -> None:
    """Its owner sees why it waits, and is not warned."""
    health, notices = lived(*((float(moment), DEFERRED) for moment in range(1, 20)))
    assert (health.failures, health.last_failure, notices) == (0, "http_429", [])


def test_a_receiver_can_switch_itself_off() -> None:
    """At once."""
    health, notices = lived((1, GONE))
    assert (health.disabled, notices) == (DisabledReason.GONE, [Notice.DISABLED])


def test_an_address_that_no_request_is_made_to() -> None:
    """Three in a row, and nothing more is tried."""
    assert lived(*[(1.0, BLOCKED)] * (MOST_BLOCKED - 1))[0].disabled is None
    assert lived((1, BLOCKED), (2, BLOCKED), (3, FAILED), (4, BLOCKED))[0].disabled is None
    assert lived(*[(1.0, BLOCKED)] * MOST_BLOCKED)[0].disabled is DisabledReason.MISCONFIGURED


def test_callbacks_are_never_switched_off() -> None:
    """Nobody could switch them on again."""
    assert lived((1, GONE), *failing(9, 100), callback=True) == (
        msgspec.structs.replace(lived((1, GONE), *failing(9, 100), callback=True)[0], disabled=None),
        [],
    )


def test_our_own_trouble_is_nobodys_failure() -> None:
    """However long it lasts."""
    assert lived(*[(place * DAY, OURS) for place in range(100)]) == (Health(), [])
