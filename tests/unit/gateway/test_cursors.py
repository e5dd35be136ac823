"""Cursors lead to the next page, whatever clients hand back."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.cursors import Cursor

TIMES = st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001


@given(TIMES, st.uuids())
def test_a_cursor_comes_back_as_it_was(created_at: dt.datetime, id_: object) -> None:
    """Not a microsecond is lost, or rows would be shown twice or never."""
    cursor = Cursor(created_at=created_at, id=id_)  # type: ignore[arg-type]  # a UUID, by the strategy
    assert Cursor.decode(cursor.encode()) == cursor


@given(st.text())
def test_anything_else_is_refused(text: str) -> None:
    """What is none of ours is a `ValueError`, and never another surprise."""
    try:
        Cursor.decode(text)
    except ValueError:
        return
    assert len(text) == 32


def test_a_cursor_beyond_the_calendar_is_refused() -> None:
    """A time that does not exist is no cursor."""
    with pytest.raises(ValueError, match="cursor"):
        Cursor.decode("_" * 32)
