"""How times are given to `audio2txt deliveries`."""

from __future__ import annotations

import datetime as dt

import pytest

from services.commands.deliveries import time_of
from shared.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-27T09:00Z", dt.datetime(2026, 11, 27, 9, tzinfo=dt.UTC)),
        ("2026-11-27T09:00+08:00", dt.datetime(2026, 11, 27, 1, tzinfo=dt.UTC)),
        ("2026-11-27", dt.datetime(2026, 11, 27).astimezone()),
    ],
)
def test_a_time_is_taken_as_it_is_written(text: str, expected: dt.datetime) -> None:
    """Without a zone it is the clock on the wall."""
    assert time_of("--since", text) == expected


@pytest.mark.parametrize(("text", "ago"), [("30m", {"minutes": 30}), ("12h", {"hours": 12}), ("2d", {"days": 2})])
def test_a_time_may_be_so_long_ago(text: str, ago: dict[str, float]) -> None:
    """Which is what one knows after an outage."""
    apart = dt.datetime.now(dt.UTC) - time_of("--since", text) - dt.timedelta(**ago)
    assert abs(apart) < dt.timedelta(minutes=1)


@pytest.mark.parametrize("text", ["", "yesterday", "2w", "2026-13-01"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    """The sentence names the option."""
    with pytest.raises(ConfigurationError, match="--since must be a time such as"):
        time_of("--since", text)
