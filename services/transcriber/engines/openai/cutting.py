"""Cuts a decoded recording into pieces: `python -m services.transcriber.engines.openai.cutting PCM LONGEST_MS`.

A piece starts and ends with speech, so that nobody pays for silence, in which models make words up. The pieces are one
JSON line on standard output.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from services.transcriber.children import claim_stdout, die_with_parent
from services.transcriber.engines.local.windows import earliest_cut, longest_pause, within
from services.transcriber.engines.openai.messages import Piece, Span
from services.transcriber.engines.openai.speech import STEP_MS, find_speech, levels


def main(arguments: list[str]) -> None:
    """Cut, and say where."""
    die_with_parent()
    messages = claim_stdout()
    pcm, longest_ms = Path(arguments[0]), int(arguments[1])
    pieces = list(cut(find_speech(pcm), longest_ms, lambda start, end: _quietest(pcm, start, end)))
    data = msgspec.json.encode(pieces) + b"\n"
    while data:
        data = data[os.write(messages, data) :]


def cut(speech: Sequence[Span], longest_ms: int, quietest: Callable[[int, int], int]) -> Iterator[Piece]:
    """Pieces no longer than that: cut in the longest pause of the last third, or where it is `quietest` between two moments."""
    left = list(speech)
    while left:
        start = left[0][0]
        end = left[-1][1] if left[-1][1] - start <= longest_ms else start + _length(left, longest_ms, quietest)
        inside = within(left, end)
        yield Piece(start_ms=start, end_ms=inside[-1][1], speech=tuple(inside))
        left = [(max(begin, end), stop) for begin, stop in left if stop > end]


def _length(speech: Sequence[Span], longest_ms: int, quietest: Callable[[int, int], int]) -> int:
    start, earliest = speech[0][0], earliest_cut(longest_ms)
    window = within([(begin - start, stop - start) for begin, stop in speech], longest_ms)
    if pause := longest_pause(window, earliest=earliest, end=longest_ms):
        return sum(pause) // 2
    return quietest(start + earliest, start + longest_ms) - start


def _quietest(pcm: Path, start_ms: int, end_ms: int) -> int:
    loudness = list(levels(pcm, start_ms, end_ms))
    return start_ms + loudness.index(min(loudness)) * STEP_MS + STEP_MS // 2


if __name__ == "__main__":
    main(sys.argv[1:])
