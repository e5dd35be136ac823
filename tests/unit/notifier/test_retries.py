"""What follows from an answer, for all answers and schedules."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels import Answer, Trouble
from services.notifier.pacing import Sign
from services.notifier.retries import (
    LONGEST_DEFERRING,
    LONGEST_FREE_HINT,
    LONGEST_HINT,
    MOST_DEFERRALS,
    TIMED_OUT_SECONDS,
    Outcome,
    Past,
    Verdict,
    judge,
    wait_before,
)
from services.notifier.settings import NotifierSettings
from shared.errors import ConfigurationError
from shared.schemas.endpoints import DisabledReason, EndpointKind

SCHEDULES = st.lists(st.floats(0, 86_400), min_size=1, max_size=12)
HINTS = st.one_of(st.none(), st.floats(0, 1e9))
STATUSES = st.one_of(st.integers(100, 199), st.integers(300, 599))


def refused(status: int, **changes: object) -> Answer:
    """An HTTP answer that is no success."""
    return msgspec.structs.replace(Answer(status=status, trouble=Trouble(reason=f"http_{status}")), **changes)


FAILURES = st.one_of(
    st.builds(refused, STATUSES),
    st.builds(lambda reason: Answer(trouble=Trouble(reason=reason)), st.sampled_from(["timed_out", "connection_failed"])),
)


def after(
    answer: Answer,
    *,
    schedule: tuple[float, ...] = (0, 5, 300),
    kind: EndpointKind = EndpointKind.WEBHOOK,
    tries: int = 0,
    past: Past | None = None,
) -> Verdict:
    """The verdict on an answer."""
    return judge(answer, msgspec.structs.replace(past or Past(), tries=tries), kind=kind, schedule=schedule)


@given(status=st.integers(200, 299), tries=st.integers(0, 20), schedule=SCHEDULES)
def test_success_is_the_end(status: int, tries: int, schedule: list[float]) -> None:
    """Whichever attempt it was."""
    answer = Answer(status=status, delivered=True, retry_after=5)
    assert after(answer, schedule=tuple(schedule), tries=tries).outcome is Outcome.DELIVERED


@given(answer=FAILURES, schedule=SCHEDULES)
def test_a_failing_receiver_is_tried_as_often_as_the_schedule_is_long(answer: Answer, schedule: list[float]) -> None:
    """No attempt more, none less, and every failure has a reason."""
    verdicts = [after(answer, schedule=tuple(schedule), tries=tries) for tries in range(len(schedule))]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.RETRIED] * (len(schedule) - 1) + [Outcome.FAILED]
    assert all(verdict.reason for verdict in verdicts)


@given(answer=FAILURES)
def test_a_receiver_that_wants_no_more_gets_no_more(answer: Answer) -> None:
    """Whatever is left of the schedule; whether it is the message or everything, it says."""
    assert after(msgspec.structs.replace(answer, stop=True)).outcome is Outcome.FAILED
    gone = after(msgspec.structs.replace(answer, disable=DisabledReason.GONE))
    assert (gone.outcome, gone.disable) == (Outcome.FAILED, DisabledReason.GONE)


@given(scheduled=st.floats(0, 86_400), hint=HINTS)
def test_never_earlier_than_scheduled_or_asked_for(scheduled: float, hint: float | None) -> None:
    """Jitter is only added, by a fifth or a second; a receiver can ask for a day and no more."""
    wanted = max(scheduled, min(hint or 0, LONGEST_HINT))
    assert wanted <= wait_before(scheduled, hint) <= wanted + max(wanted / 5, 1)


@given(status=STATUSES, hint=st.floats(0.1, 1e9), tries=st.integers(0, 8))
def test_a_receiver_that_asks_for_time_is_left_alone(status: int, hint: float, tries: int) -> None:
    """All of its deliveries wait, a day at most. An hour or less costs no attempt, and the breaker does not count it."""
    verdict = after(refused(status, retry_after=hint), schedule=(0,) * 10, tries=tries)
    assert verdict.rest == min(hint, LONGEST_HINT)
    assert verdict.wait >= min(hint, LONGEST_HINT)
    assert verdict.sign is Sign.THROTTLED
    assert verdict.outcome is (Outcome.DEFERRED if hint <= LONGEST_FREE_HINT else Outcome.RETRIED)


@pytest.mark.parametrize("past", [Past(deferrals=MOST_DEFERRALS), Past(age=LONGEST_DEFERRING)])
def test_asking_for_time_again_and_again_ends(past: Past) -> None:
    """Then each time costs an attempt."""
    assert after(refused(429, retry_after=60), past=past).outcome is Outcome.RETRIED
    assert after(refused(429, retry_after=60), past=past, tries=2).outcome is Outcome.FAILED


def test_too_many_requests_without_a_time() -> None:
    """The schedule says for how long the whole endpoint is left alone."""
    verdict = after(refused(429))
    assert (verdict.outcome, verdict.sign, verdict.rest) == (Outcome.RETRIED, Sign.THROTTLED, 5)


def test_our_own_trouble_costs_the_receiver_nothing() -> None:
    """Neither an attempt nor its reputation, however long it lasts."""
    verdict = after(Answer(trouble=Trouble(reason="relay_down", charged=False)), tries=2)
    assert (verdict.outcome, verdict.sign) == (Outcome.POSTPONED, Sign.BLAMELESS)
    assert verdict.wait > 0


@pytest.mark.parametrize(
    ("answer", "sign"),
    [
        (refused(500), Sign.BAD),
        (refused(503), Sign.BAD),
        (refused(404), Sign.NEUTRAL),
        (refused(301), Sign.NEUTRAL),
        (Answer(trouble=Trouble(reason="timed_out")), Sign.BAD),
        (Answer(trouble=Trouble(reason="connection_failed")), Sign.BAD),
        (Answer(trouble=Trouble(reason="address_refused"), stop=True), Sign.NEUTRAL),
    ],
)
def test_what_the_breaker_counts(answer: Answer, sign: Sign) -> None:
    """Faults of servers and connections; a receiver that answers is alive, whatever it says."""
    assert after(answer).sign is sign


def test_a_mailbox_is_no_server() -> None:
    """What a mail server says about one recipient is nothing that a breaker counts, and has a schedule of its own."""
    assert after(refused(450), kind=EndpointKind.EMAIL).sign is Sign.NEUTRAL


def test_a_time_out_is_not_tried_again_within_a_minute() -> None:
    """Who needs longer than the time-out now will in five seconds, too."""
    assert after(Answer(trouble=Trouble(reason="timed_out"))).wait >= TIMED_OUT_SECONDS
    assert after(refused(500)).wait < TIMED_OUT_SECONDS


def test_the_first_attempt_is_made_at_once() -> None:
    """Nothing is added to no wait."""
    assert wait_before(0) == 0


def test_the_default_schedule_lasts_three_days() -> None:
    """Ten attempts over 75.6 hours, as the specification of Standard Webhooks proposes."""
    schedule = NotifierSettings().schedule()
    assert len(schedule) == 10
    assert sum(schedule) == pytest.approx(75.6 * 3600, abs=600)


@pytest.mark.parametrize("text", ["", "soon", "0,,5", "-1", "0,inf", "nan", "0,1e9", ",".join(["1"] * 51)])
def test_a_wrong_schedule_is_refused_by_its_setting(text: str) -> None:
    """The error names the setting and shows how to write it."""
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_WEBHOOK_SCHEDULE"):
        NotifierSettings(webhook_schedule=text).schedule()
