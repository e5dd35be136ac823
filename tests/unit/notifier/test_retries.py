"""What follows from an answer, for all answers and schedules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels import Answer
from services.notifier.retries import LONGEST_HINT, Outcome, judge, wait_before
from services.notifier.settings import NotifierSettings
from shared.errors import ConfigurationError

SCHEDULES = st.lists(st.floats(0, 86_400), min_size=1, max_size=12)
HINTS = st.one_of(st.none(), st.floats(0, 1e9))
FAILURES = st.one_of(
    st.builds(Answer, status=st.one_of(st.integers(100, 199), st.integers(300, 599)), retry_after=HINTS),
    st.builds(Answer, trouble=st.sampled_from(["timed_out", "connection_failed", "internal_error"])),
)


@given(status=st.integers(200, 299), attempts=st.integers(1, 20), schedule=SCHEDULES)
def test_only_success_is_success(status: int, attempts: int, schedule: list[float]) -> None:
    """Any 2xx delivers, whichever attempt it was."""
    assert judge(Answer(status=status), attempts=attempts, schedule=schedule).outcome is Outcome.DELIVERED


@given(answer=FAILURES, schedule=SCHEDULES)
def test_a_failing_receiver_is_tried_as_often_as_the_schedule_is_long(answer: Answer, schedule: list[float]) -> None:
    """No attempt more, none less, and every failure has a reason."""
    verdicts = [judge(answer, attempts=number, schedule=schedule) for number in range(1, len(schedule) + 1)]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.RETRIED] * (len(schedule) - 1) + [Outcome.FAILED]
    assert all(verdict.reason for verdict in verdicts)


@given(answer=FAILURES, schedule=SCHEDULES)
def test_a_receiver_that_wants_no_more_gets_no_more(answer: Answer, schedule: list[float]) -> None:
    """Whatever is left of the schedule."""
    stopped = Answer(status=answer.status, trouble=answer.trouble, stop=True)
    assert judge(stopped, attempts=1, schedule=schedule).outcome is Outcome.FAILED


@given(scheduled=st.floats(0, 86_400), hint=HINTS)
def test_never_earlier_than_scheduled_or_asked_for(scheduled: float, hint: float | None) -> None:
    """Jitter is only added, by a fifth or a second; a receiver can ask for a day and no more."""
    wanted = max(scheduled, min(hint or 0, LONGEST_HINT))
    assert wanted <= wait_before(scheduled, hint) <= wanted + max(wanted / 5, 1)


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
