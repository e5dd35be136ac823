"""Times of words: milliseconds that are plausible, and estimates where there are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from shared.schemas.transcripts import Word, WordSource

_TOLERANCE = 1.05
_ROUNDING_MS = 2_000
"""A duration in whole seconds may fall short of the last word."""


def latest_ms(duration_ms: int) -> float:
    """After this no word can be said; what ends later is not counted in milliseconds from the start."""
    return duration_ms * _TOLERANCE + _ROUNDING_MS if duration_ms else float(2**40)


def plausible(value: float | None, latest: float) -> int | None:
    """Whole milliseconds; null for what cannot be a time of the recording."""
    return int(value) if value is not None and 0 <= value <= latest else None


def estimated(words: Sequence[Word], start_ms: int, end_ms: int) -> list[Word]:
    """The same words, those without times spread by their lengths between their neighbours, and marked."""
    made: list[Word] = []
    for known, run in _runs(words):
        if known:
            made.extend(run)
        else:
            left = made[-1].e if made else start_ms
            following = next((word.s for word in words[len(made) + len(run) :] if word.s is not None), end_ms)
            made.extend(_spread(run, left or 0, max(left or 0, following)))
    return made


def _runs(words: Sequence[Word]) -> Iterator[tuple[bool, list[Word]]]:
    run: list[Word] = []
    for word in words:
        if run and (run[-1].s is None) != (word.s is None):
            yield run[0].s is not None, run
            run = []
        run.append(word)
    if run:
        yield run[0].s is not None, run


def _spread(words: Sequence[Word], start_ms: int, end_ms: int) -> Iterator[Word]:
    letters, said = sum(len(word.t) for word in words), 0
    for word in words:
        begin = start_ms + (end_ms - start_ms) * said // letters
        said += len(word.t)
        end = start_ms + (end_ms - start_ms) * said // letters
        yield msgspec.structs.replace(word, s=begin, e=end, src=WordSource.INTERPOLATED)
