"""Where to cut a long recording into windows: in a pause, so that no word is cut."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_MS = 180_000
"""Longest window: memory grows with it, and so does what a crash can cost."""

Span = tuple[int, int]
"""Start and end in milliseconds."""


def earliest_cut(longest_ms: int) -> int:
    """A cut lies in the last third of a full window."""
    return longest_ms * 2 // 3


def longest_pause(speech: Sequence[Span], *, earliest: int, end: int) -> Span | None:
    """The longest stretch between `earliest` and `end` in which nobody speaks; null when somebody always does."""
    edges = [0, *(edge for span in speech for edge in span), end]
    pauses = [(max(start, earliest), stop) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
    real = [(start, stop) for start, stop in pauses if stop > start]
    return max(real, key=lambda pause: pause[1] - pause[0], default=None)


def within(speech: Sequence[Span], end: int) -> list[Span]:
    """The part of the speech that lies before `end`."""
    return [(start, min(stop, end)) for start, stop in speech if start < end]
