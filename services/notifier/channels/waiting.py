"""How long a receiver asks to be left alone."""

from __future__ import annotations

import datetime as dt
import re
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_LONGEST = 999_999_999.0


def seconds_to_wait(text: str) -> float | None:
    """What a `Retry-After` asks for, as seconds or as a date in any of HTTP's forms; None for what makes no sense."""
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _LONGEST)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = date if date.tzinfo else date.replace(tzinfo=dt.UTC)
    return max(0.0, (aware - dt.datetime.now(dt.UTC)).total_seconds())
