"""Times for words that came without: spread by their lengths over the gap between their neighbours, and marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from shared.schemas.transcripts import Word, WordSource


def interpolate(words: Sequence[Word], start_ms: int, end_ms: int) -> list[Word]:
    """The same words, all with times; those that had none lie between their neighbours, or `start_ms` and `end_ms`."""
    made: list[Word] = []
    for unknown, group in groupby(words, key=lambda word: word.s is None or word.e is None):
        run = list(group)
        if not unknown:
            made += run
            continue
        left = (made[-1].e if made else None) or start_ms
        following = words[len(made) + len(run)].s if len(made) + len(run) < len(words) else end_ms
        made += _spread(run, left, max(left, end_ms if following is None else following))
    return made


def _spread(words: Sequence[Word], start_ms: int, end_ms: int) -> Iterator[Word]:
    letters, said = sum(max(1, len(word.t)) for word in words), 0
    for word in words:
        start = start_ms + (end_ms - start_ms) * said // letters
        said += max(1, len(word.t))
        end = start_ms + (end_ms - start_ms) * said // letters
        yield msgspec.structs.replace(word, s=start, e=end, src=WordSource.INTERPOLATED)
