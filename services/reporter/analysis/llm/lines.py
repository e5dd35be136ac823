"""The transcript as a model reads it: one numbered line a segment, cut into parts where it is too long for one reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from services.reporter.analysis.llm.tokens import estimate
from services.reporter.characters import clean
from services.reporter.clock import stamp
from shared.schemas.transcripts import Segment, Transcript

NOBODY = "unknown"
"""Stands for the speaker where speakers were not told apart."""

SHARE_TO_SEARCH = 0.25
"""The last part of a part, in which it rather ends where the speaker changes."""

_LONGEST_LINE = 2000
"""Characters; a longer segment is told in several lines of one number."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line: `[s12 00:12:31 spk_2] text`."""

    number: int
    """Of its segment, counted from 1."""
    segment_id: str
    speaker_id: str | None
    text: str
    tokens: int


def numbered(transcript: Transcript) -> tuple[Line, ...]:
    """Every line of a transcript. Segments in which nothing is written have a number but no line."""
    return tuple(line for number, segment in enumerate(transcript.segments, 1) for line in _lines(number, segment))


def total(lines: Sequence[Line]) -> int:
    """Tokens of all lines."""
    return sum(line.tokens for line in lines)


def text_of(lines: Sequence[Line]) -> str:
    """The lines one below the other."""
    return "\n".join(line.text for line in lines)


def parts(lines: Sequence[Line], room: int) -> list[tuple[Line, ...]]:
    """Cut the lines into parts of at most `room` tokens (save where two lines have more), all of much the same size.

    A part begins with the last line of the one before it, for what a sentence refers to often stands just before.
    """
    longest = max((line.tokens for line in lines), default=0)
    most = max(1, room - longest)
    left = total(lines)
    found: list[tuple[Line, ...]] = []
    start = 0
    while start < len(lines):
        even = -(-left // -(-left // most))
        end = _end(lines, start, min(most, even + longest))
        found.append(tuple(lines[max(0, start - 1) : end]))
        left -= total(lines[start:end])
        start = end
    return found


def _lines(number: int, segment: Segment) -> Iterator[Line]:
    head = f"[s{number} {stamp(segment.start_ms)} {segment.speaker_id or NOBODY}] "
    said = clean(segment.text)
    for start in range(0, len(said), _LONGEST_LINE):
        text = head + said[start : start + _LONGEST_LINE]
        yield Line(number=number, segment_id=segment.id, speaker_id=segment.speaker_id, text=text, tokens=estimate(text) + 1)


def _end(lines: Sequence[Line], start: int, size: int) -> int:
    """Where the part that starts at a line ends: where the speaker changes, near its greatest size."""
    tokens, end = 0, start
    starts_to_search = size * (1 - SHARE_TO_SEARCH)
    best: int | None = None
    while end < len(lines) and (end == start or tokens + lines[end].tokens <= size):
        tokens += lines[end].tokens
        end += 1
        if tokens >= starts_to_search and end < len(lines) and lines[end].speaker_id != lines[end - 1].speaker_id:
            best = end
    return end if end == len(lines) or best is None else best
