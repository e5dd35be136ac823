"""From what each window knew about voices to who speaks when in the whole recording."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from services.transcriber.engines.local.clustering import SAME, find_speakers
from services.transcriber.engines.local.messages import Run, Separate, Turn, Turns, Voices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_SPEAKING_MS = 800
"""Shortest piece that says well whose voice it is; shorter ones are only compared with speakers already found."""
_LONG_ENOUGH_MS = 2_000
"""With less speech than this there is one speaker."""
_STAY = 0.15
"""By how much another speaker must be nearer to take over within a run."""
_GAP_MS = 250
"""Shorter pauses do not end a turn."""
_SHORTEST_MS = 100


def separate(request: Separate) -> Turns:
    """Who speaks when in the recording whose windows' voices lie in the file."""
    with Path(request.voices).open("rb") as lines:
        windows = [msgspec.json.decode(line, type=Voices) for line in lines]
    points = [_points(window) for window in windows]
    speakers = _speakers(windows, np.concatenate([np.empty((0, 192), dtype=np.float32), *points]), request)
    spans = [span for window, some in zip(windows, points, strict=True) for span in _spans(window.runs, some @ speakers.T)]
    return Turns(turns=_in_order(_smooth(spans)), threshold=SAME)


def _points(window: Voices) -> Floats:
    return np.frombuffer(window.embeddings, dtype="<f2").reshape(-1, 192).astype(np.float32)


def _speakers(windows: Sequence[Voices], points: Floats, request: Separate) -> Floats:
    """The middles of all speakers' points; none when nobody speaks."""
    if not len(points):
        return points
    spoken_ms = sum(run.end_ms - run.start_ms for window in windows for run in window.runs)
    lengths = np.array([end - start for window in windows for run in window.runs for start, end in run.pieces])
    telling = points[lengths >= min(_SPEAKING_MS, lengths.max())]
    at_most = 1 if spoken_ms < _LONG_ENOUGH_MS else request.at_most
    return find_speakers(telling, at_least=request.at_least, at_most=at_most)


def _spans(runs: Sequence[Run], likeness: Floats) -> Iterator[Turn]:
    """Each run with its speakers: of its own pieces, or where it has none, of the same local voice in the same chunk."""
    heard: dict[tuple[int, int], list[Turn]] = defaultdict(list)
    without: list[Run] = []
    first = 0
    for run in runs:
        if run.pieces:
            spans = list(_shares(run, likeness[first : first + len(run.pieces)]))
            heard[run.chunk, run.voices[0]] += spans
            yield from spans
            first += len(run.pieces)
        else:
            without.append(run)
    for run in without:
        for voice in run.voices:
            if others := heard[run.chunk, voice]:
                nearest = min(others, key=lambda other: max(other.start_ms - run.end_ms, run.start_ms - other.end_ms))
                yield Turn(run.start_ms, run.end_ms, nearest.speaker)


def _shares(run: Run, likeness: Floats) -> Iterator[Turn]:
    """The run cut where its speaker changes, in the middle between two pieces."""
    path = _path(likeness)
    middles = [(start + end) // 2 for start, end in run.pieces]
    cuts = [run.start_ms, *((one + other) // 2 for one, other in pairwise(middles)), run.end_ms]
    for speaker, (start, end) in zip(path, pairwise(cuts), strict=True):
        yield Turn(start, end, speaker)


def _path(likeness: Floats) -> list[int]:
    """The speaker of each piece, so that all together are most like them and change seldom."""
    best = likeness[0]
    came_from = []
    for row in likeness[1:]:
        change = best.max() - _STAY
        came_from.append(np.where(best >= change, np.arange(len(best)), best.argmax()))
        best = np.maximum(best, change) + row
    path = [int(best.argmax())]
    for previous in reversed(came_from):
        path.append(int(previous[path[-1]]))
    return path[::-1]


def _smooth(spans: Iterable[Turn]) -> Iterator[Turn]:
    """One speaker's spans joined over short pauses; what is too short to be speech is left out."""
    joined: dict[int, list[Turn]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start_ms):
        turns = joined[span.speaker]
        if turns and span.start_ms - turns[-1].end_ms < _GAP_MS:
            turns[-1] = Turn(turns[-1].start_ms, max(turns[-1].end_ms, span.end_ms), span.speaker)
        else:
            turns.append(span)
    return (turn for turns in joined.values() for turn in turns if turn.end_ms - turn.start_ms >= _SHORTEST_MS)


def _in_order(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """By time, and speakers numbered as they first speak."""
    ordered = sorted(turns, key=lambda turn: (turn.start_ms, turn.end_ms, turn.speaker))
    numbers: dict[int, int] = {}
    return tuple(Turn(turn.start_ms, turn.end_ms, numbers.setdefault(turn.speaker, len(numbers))) for turn in ordered)
