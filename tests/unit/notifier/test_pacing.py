"""How fast one endpoint is sent to: its window and its breaker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.pacing import (
    FIRST_OPENING,
    LONGEST_OPENING,
    STRIKES,
    WIDEST_WINDOW,
    Pace,
    Sign,
    Standing,
    pace_after,
)

STEPS = st.lists(st.tuples(st.sampled_from(Sign), st.floats(0, 60), st.booleans()), max_size=60)


def lived(*signs: Sign, pace: Pace | None = None, step: float = 0.0) -> Pace:
    """What becomes of an endpoint after these attempts, so many seconds apart."""
    pace = pace or Pace()
    for place, sign in enumerate(signs):
        pace = pace_after(pace, sign, seconds=0.1, aged=False, now=1000 + place * step)
    return pace


@given(steps=STEPS)
def test_the_window_stays_within_its_limits(steps: list[tuple[Sign, float, bool]]) -> None:
    """Whatever happens, one attempt may run and never more than the widest window allows."""
    pace, now = Pace(), 1000.0
    for sign, seconds, aged in steps:
        now += seconds
        pace = pace_after(pace, sign, seconds=seconds, aged=aged, now=now)
        assert 1 <= pace.limit <= WIDEST_WINDOW
        assert pace.open_until <= now + LONGEST_OPENING


def test_success_widens_the_window_slowly() -> None:
    """By about one for each window of successes."""
    assert lived(Sign.GOOD, Sign.GOOD).limit == 2
    assert lived(*[Sign.GOOD] * 100).limit == WIDEST_WINDOW


def test_failure_halves_it() -> None:
    """And takes the trust away, until the next success."""
    pace = lived(*[Sign.GOOD] * 100, Sign.BAD)
    assert (pace.limit, pace.standing) == (WIDEST_WINDOW // 2, Standing.SUSPECT)
    assert lived(Sign.GOOD, pace=pace).standing is Standing.TRUSTED


def test_three_failures_in_a_row_open_the_breaker() -> None:
    """For about half a minute; a success in between, or an answer of any kind, begins the count anew."""
    assert lived(Sign.BAD, Sign.BAD).open_until == 0
    assert lived(Sign.BAD, Sign.BAD, Sign.NEUTRAL, Sign.BAD, Sign.BAD).open_until == 0
    opened = lived(*[Sign.BAD] * STRIKES)
    assert FIRST_OPENING * 0.8 <= opened.open_until - 1000 <= FIRST_OPENING * 1.2


def test_each_failure_of_the_half_open_breaker_keeps_it_open_longer() -> None:
    """Up to an hour; and only one attempt may find out."""
    pace = lived(*[Sign.BAD] * STRIKES, Sign.BAD, step=FIRST_OPENING * 2)
    assert pace.limit == 1
    assert pace.opened == 2
    assert lived(*[Sign.BAD] * 60, step=LONGEST_OPENING * 2).opened == 60 - STRIKES + 1


def test_attempts_that_were_under_way_do_not_open_it_further() -> None:
    """They were made before it opened."""
    assert lived(*[Sign.BAD] * 10).opened == 1


def test_recovery_starts_slowly() -> None:
    """A backlog drains without a storm: two at once after the first success, then one more with each."""
    opened = lived(*[Sign.BAD] * STRIKES)
    assert [lived(*[Sign.GOOD] * count, pace=opened).limit for count in range(1, 9)] == [2, 3, 4, 5, 6, 7, 8, 8]


def test_a_receiver_that_asks_for_time_gets_it() -> None:
    """Its window starts anew, and its breaker counts nothing."""
    pace = pace_after(Pace(window=8), Sign.THROTTLED, seconds=0.1, aged=False, now=1000, rest=60)
    assert (pace.rests_until, pace.limit, pace.strikes) == (1060, 1, 0)


def test_who_answers_slowly_is_not_trusted() -> None:
    """Success or not: a young slot is for those who usually answer within two seconds. One slow answer is no habit."""
    once = pace_after(Pace(), Sign.GOOD, seconds=14, aged=True, now=1000)
    again = pace_after(once, Sign.GOOD, seconds=5, aged=True, now=1000)
    assert (once.standing, again.standing) == (Standing.TRUSTED, Standing.SUSPECT)
    quick = [again]
    for _ in range(3):
        quick.append(pace_after(quick[-1], Sign.GOOD, seconds=0.1, aged=False, now=1000))
    assert quick[1].standing is Standing.TRUSTED


def test_our_own_trouble_changes_nothing() -> None:
    """It says nothing about the receiver."""
    assert lived(*[Sign.BLAMELESS] * 10) == Pace()
