"""Who speaks when, as far as a window can tell by itself, and what each voice sounds like. Two small networks, one thread.

The first hears in ten seconds at a time when up to three voices speak, also at once. It gives voices no names that last,
and mixes up people who take quick turns; so its answer only says where to listen. The second hears from up to two
seconds of one voice whose it is: a point on a sphere, near to other points of the same person.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby, pairwise, permutations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime  # type: ignore[import-untyped]

from services.transcriber.engines.local import features
from services.transcriber.engines.local.messages import Run, Voices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Activity = NDArray[np.bool_]
    """Of each frame, which of three local voices speak."""

SAMPLE_RATE = 16_000
PER_MS = SAMPLE_RATE // 1000
_CHUNK = 10 * SAMPLE_RATE
"""Samples that the first network hears at once, as it has learnt to."""
_FRAME, _OFFSET = 270, 360
"""Samples from one of its frames to the next, and where the first begins to count."""
_STEP = 296
"""Frames from one chunk to the next: half a chunk, so that all is heard with something before and after it."""
_SHORTEST_CHUNK = SAMPLE_RATE
_LOCAL_VOICES = 3
_CLASSES = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=np.bool_)
"""Which local voices speak in its classes."""

_PIECE, _HOP, _SHORTEST_PIECE = 200, 100, 20
"""Length of what the second network hears, and from one to the next, in frames of 10 ms; 200 is the most it can take."""
_FRAME_MS = 10
_BATCH = 16

Span = tuple[int, int]


class Listener:
    """Both networks, loaded."""

    def __init__(self, folder: Path) -> None:
        self._segmentation = _session(folder / "segmentation.onnx")
        self._embedding = _session(folder / "embedding.onnx")

    def listen(self, audio: Floats, start_ms: int) -> Voices:
        """Everything about the voices in a window that starts at `start_ms`."""
        spans = list(self._runs(audio))
        pieces = [_pieces(start, end) if len(voices) == 1 else [] for start, end, _, voices in spans]
        embeddings = self._embed(features.mel_energies(audio), [piece for some in pieces for piece in some])
        runs = (
            Run(
                start_ms=start_ms + start // PER_MS,
                end_ms=start_ms + end // PER_MS,
                chunk=chunk,
                voices=voices,
                pieces=tuple((start_ms + first * _FRAME_MS, start_ms + last * _FRAME_MS) for first, last in some),
            )
            for (start, end, chunk, voices), some in zip(spans, pieces, strict=True)
        )
        return Voices(runs=tuple(runs), embeddings=embeddings.astype("<f2").tobytes())

    def _runs(self, audio: Floats) -> Iterator[tuple[int, int, int, tuple[int, ...]]]:
        """Start and end in samples, chunk, and local voices, wherever somebody speaks."""
        starts = _chunk_starts(len(audio))
        active = _stitched(starts, [self._activity(audio[start * _FRAME :][:_CHUNK]) for start in starts])
        frame = 0
        for voices, same in groupby(map(tuple, active.tolist())):
            until = frame + len(list(same))
            if any(voices):
                speaking = tuple(voice for voice, speaks in enumerate(voices) if speaks)
                yield _sample(frame), min(_sample(until), len(audio)), bisect_right(starts, frame), speaking
            frame = until

    def _activity(self, audio: Floats) -> Activity:
        (scores,) = self._segmentation.run(None, {"samples": audio[None]})
        return np.asarray(_CLASSES[scores[0].argmax(axis=1)])

    def _embed(self, energies: Floats, pieces: list[Span]) -> Floats:
        """Unit vectors, one for each piece."""
        embeddings = np.empty((len(pieces), 192), dtype=np.float32)
        for indices in _batches(pieces):
            batch = np.stack([energies[slice(*pieces[index])] for index in indices])
            batch -= batch.mean(axis=1, keepdims=True)
            (embeddings[indices],) = self._embedding.run(None, {"features": batch})
        return np.asarray(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True))


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep the most that was ever needed
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _chunk_starts(samples: int) -> list[int]:
    """Frames at which chunks start; the last one ends with the audio."""
    if samples < _SHORTEST_CHUNK:
        return []
    last = max(0, -(-(samples - _CHUNK) // _FRAME))
    return [*range(0, last, _STEP), last]


def _stitched(starts: list[int], chunks: list[Activity]) -> Activity:
    """One activity for all chunks. Where two overlap, each speaks for the half that lies further from its edge."""
    if not chunks:
        return np.zeros((0, _LOCAL_VOICES), dtype=np.bool_)
    parts, whole, first = [], chunks[0], 0
    for (start, following), chunk in zip(pairwise(starts), chunks[1:], strict=True):
        end = start + len(whole)
        renamed = _renamed(chunk, like=whole[following - start :])
        seam = (following + end) // 2
        parts.append(whole[first - start : seam - start])
        whole, first = renamed, seam
    return np.concatenate([*parts, whole[first - starts[-1] :]])


def _renamed(chunk: Activity, *, like: Activity) -> Activity:
    """The chunk with its voices in the order in which they best agree with those of the chunk before, where both heard."""
    shared = like.T.astype(np.float32) @ chunk[: len(like)].astype(np.float32)
    orders = permutations(range(_LOCAL_VOICES))
    return chunk[:, max(orders, key=lambda order: sum(shared[one, other] for one, other in enumerate(order)))]


def _sample(frame: int) -> int:
    return frame * _FRAME + _OFFSET


def _pieces(start: int, end: int) -> list[Span]:
    """Pieces of a run of samples that overlap by half and lie wholly in it, in frames of the second network."""
    first, last = -(-start // features.STEP), (end - features.FRAME) // features.STEP + 1
    if last - first < _SHORTEST_PIECE:
        return []
    length = min(last - first, _PIECE)
    count = -(-(last - first - length) // _HOP) + 1
    return [(place, place + length) for place in np.linspace(first, last - length, count).round().astype(int).tolist()]


def _batches(pieces: list[Span]) -> Iterator[list[int]]:
    """Indices of pieces of one length, a few at a time."""
    same: dict[int, list[int]] = defaultdict(list)
    for index, (start, end) in enumerate(pieces):
        same[end - start].append(index)
    for indices in same.values():
        yield from (indices[first : first + _BATCH] for first in range(0, len(indices), _BATCH))
