"""Times that customers give us become times that can be kept."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.times import FIRST, LAST, after, utc

ZONES = st.none() | st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))


@given(st.datetimes(timezones=ZONES))
def test_any_time_is_the_same_moment_in_utc_as_far_as_there_is_one(time: dt.datetime) -> None:
    """Only in the first and the last hours of the calendar there is none that can be kept; they become its ends."""
    known = utc(time)
    assert known.tzinfo is dt.UTC
    meant = time if time.tzinfo else time.replace(tzinfo=dt.UTC)
    assert known == min(max(meant, FIRST), LAST)


def test_no_time_is_none() -> None:
    """Where nothing was given, nothing is asked for."""
    assert utc(None) is None


@given(st.datetimes(max_value=LAST.replace(tzinfo=None), timezones=st.just(dt.UTC)), st.timedeltas(min_value=dt.timedelta(0)))
def test_what_would_end_after_the_calendar_ends_with_it(time: dt.datetime, duration: dt.timedelta) -> None:
    """However long something is to last, it has an end that can be kept."""
    end = after(time, duration)
    assert time <= end <= LAST
    assert end == LAST or end - time == duration
