"""Times that customers give us, in any zone and of any year."""

from __future__ import annotations

import datetime as dt
from typing import TypeVar

T = TypeVar("T", dt.datetime, dt.datetime | None)

_SECOND = dt.timedelta(seconds=1)
FIRST, LAST = dt.datetime.min.replace(tzinfo=dt.UTC) + _SECOND, dt.datetime.max.replace(tzinfo=dt.UTC) - _SECOND
"""A second within the calendar: its very ends are infinite to the database."""


def utc(time: T) -> T:
    """In UTC, where one without a zone is meant to be; what would lie beyond the calendar there is its first or last second."""
    if time is None:
        return time
    if time.tzinfo is None:
        time = time.replace(tzinfo=dt.UTC)
    return FIRST if time < FIRST else LAST if time > LAST else time.astimezone(dt.UTC)


def after(time: dt.datetime, duration: dt.timedelta) -> dt.datetime:
    """So much later, or the calendar's last second."""
    return time + duration if duration <= LAST - time else LAST
