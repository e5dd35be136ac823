"""Milliseconds as people read them."""

from __future__ import annotations


def clock(milliseconds: int) -> str:
    """As short as it can be said: `0:44`, `12:03`, `1:02:03`."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def stamp(milliseconds: int) -> str:
    """Always of one width: `00:00:44`."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}"


def timecode(milliseconds: int, point: str) -> str:
    """With milliseconds behind `point`, as subtitles want it: `00:00:44,120`."""
    return f"{stamp(milliseconds)}{point}{milliseconds % 1000:03d}"
