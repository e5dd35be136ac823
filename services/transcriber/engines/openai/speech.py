"""Where somebody speaks in a recording. Runs in a process of its own; the samples are 16 kHz, mono, 16 bit.

Silero tells, which comes with faster-whisper. Where that is not installed, everything that is clearly louder than the
quietest parts counts as speech.
"""

from __future__ import annotations

import importlib.util
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

from services.transcriber.decoding import BYTES_PER_MS
from services.transcriber.engines.openai.messages import Span

PER_MS = BYTES_PER_MS // 2
STEP_MS = 50
_BLOCK_MS = 180_000
_SHORTEST_PAUSE_MS = 500
_PADDING_MS = 200
_SHORTEST_SOUND_MS = 100

_FAINTEST = 40
"""Mean amplitude below which nobody speaks, of 32768."""
_ABOVE_QUIET, _BELOW_LOUD = 3.0, 0.3


def find_speech(pcm: Path) -> list[Span]:
    """Where somebody speaks, with a little room around it."""
    if importlib.util.find_spec("faster_whisper") is not None:
        return list(join(_voiced(pcm), within_ms=_SHORTEST_PAUSE_MS))
    return find_sound(list(levels(pcm)))


def find_sound(loudness: list[float]) -> list[Span]:
    """The stretches that are clearly louder than the quietest parts; `loudness` has one value for each 50 ms."""
    end_ms = len(loudness) * STEP_MS
    least = _threshold(loudness)
    loud = ((index * STEP_MS, (index + 1) * STEP_MS) for index, level in enumerate(loudness) if level > least)
    sounds = [(start, end) for start, end in join(loud, within_ms=STEP_MS) if end - start >= _SHORTEST_SOUND_MS]
    padded = ((max(0, start - _PADDING_MS), min(end_ms, end + _PADDING_MS)) for start, end in sounds)
    return list(join(padded, within_ms=_SHORTEST_PAUSE_MS - 2 * _PADDING_MS))


def levels(pcm: Path, start_ms: int = 0, end_ms: int | None = None) -> Iterator[float]:
    """The mean amplitude of each 50 ms, of every fourth sample: enough to tell pauses."""
    left = None if end_ms is None else end_ms - start_ms
    with pcm.open("rb") as file:
        file.seek(start_ms * BYTES_PER_MS)
        while (left is None or left >= STEP_MS) and len(data := file.read(STEP_MS * BYTES_PER_MS)) >= 2:
            samples = array("h", data[: len(data) // 2 * 2])[::4]
            yield sum(map(abs, samples)) / len(samples)
            left = None if left is None else left - STEP_MS


def join(spans: Iterable[Span], *, within_ms: int) -> Iterator[Span]:
    """The spans in their order, those that are no further apart than that made one."""
    last: Span | None = None
    for span in spans:
        if last is not None and span[0] - last[1] <= within_ms:
            last = (last[0], max(last[1], span[1]))
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _threshold(loudness: list[float]) -> float:
    ordered = sorted(loudness)
    quiet, loud = ordered[len(ordered) // 10], ordered[len(ordered) * 19 // 20]
    return max(_FAINTEST, min(quiet * _ABOVE_QUIET, loud * _BELOW_LOUD))


def _voiced(pcm: Path) -> Iterator[Span]:
    import numpy as np
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(min_silence_duration_ms=_SHORTEST_PAUSE_MS, speech_pad_ms=_PADDING_MS)
    for start_ms in range(0, pcm.stat().st_size // BYTES_PER_MS, _BLOCK_MS):
        samples = np.fromfile(pcm, dtype="<i2", count=_BLOCK_MS * PER_MS, offset=start_ms * BYTES_PER_MS)
        for span in get_speech_timestamps(samples.astype(np.float32) / np.float32(32768), options):
            yield start_ms + span["start"] // PER_MS, start_ms + span["end"] // PER_MS
