"""What a receiver's headers ask for."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pytest

from services.notifier.channels.waiting import seconds_to_wait


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("120", 120), (" 7 ", 7), ("1.5", 1.5), ("9" * 400, 999_999_999)])
def test_retry_after_in_seconds(text: str, seconds: float) -> None:
    """The usual form, of any length."""
    assert seconds_to_wait(text) == seconds


@pytest.mark.parametrize(("hours", "seconds"), [(1, 3600), (-1, 0)])
def test_retry_after_as_a_date(hours: int, seconds: float) -> None:
    """The other form; a date that has passed asks for nothing."""
    date = dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)
    assert seconds_to_wait(format_datetime(date, usegmt=True)) == pytest.approx(seconds, abs=30)


@pytest.mark.parametrize("text", ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
def test_retry_after_as_a_date_of_the_old_forms(text: str) -> None:
    """HTTP has had three, and readers take all of them."""
    assert seconds_to_wait(text) == 0


@pytest.mark.parametrize(
    "text", ["", "soon", "-5", "1.", "1e3", "１２", "Fri, 99 Foo 2026 00:00:00 GMT", "2026-01-01T00:00:00Z"]
)
def test_retry_after_that_makes_no_sense_is_ignored(text: str) -> None:
    """The schedule alone decides then."""
    assert seconds_to_wait(text) is None
