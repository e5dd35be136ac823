"""What the speaker network listens to: logarithms of mel-filtered energies, as Kaldi computes them, in numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SAMPLE_RATE = 16_000
FRAME = 400
STEP = 160
"""Samples of a frame, and from one frame's start to the next one's."""
FILTERS = 80
_FOURIER = 512
_LOWEST_HZ = 20.0
_PREEMPHASIS = np.float32(0.97)
_FULL_SCALE = np.float32(32768)


def mel_energies(samples: Floats) -> Floats:
    """One row of 80 numbers each 10 ms, for samples between -1 and 1; none for less than 25 ms."""
    if len(samples) < FRAME:
        return np.empty((0, FILTERS), dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples * _FULL_SCALE, FRAME)[::STEP].copy()
    frames -= frames.mean(axis=1, keepdims=True)
    frames[:, 1:] -= _PREEMPHASIS * frames[:, :-1].copy()
    frames[:, 0] -= _PREEMPHASIS * frames[:, 0]
    power = np.abs(np.fft.rfft(frames * _WINDOW, _FOURIER))[:, : _FOURIER // 2].astype(np.float32) ** 2
    return np.asarray(np.log(np.maximum(power @ _FILTERBANK, np.finfo(np.float32).eps)))


def _filterbank() -> Floats:
    """Triangles that are equally wide on the mel scale, from 20 Hz up to half the sample rate."""
    lowest, highest = _mel(np.array([_LOWEST_HZ, SAMPLE_RATE / 2]))
    edges = np.linspace(lowest, highest, FILTERS + 2)
    low, middle, high = (edges[start : start + FILTERS, None] for start in range(3))
    bins = _mel(np.arange(_FOURIER // 2) * SAMPLE_RATE / _FOURIER)
    triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    return np.asarray(np.maximum(0, triangles).astype(np.float32).T)


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1127 * np.log(1 + hertz / 700))


_FILTERBANK = _filterbank()
# Povey's window.
_WINDOW = ((0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / (FRAME - 1))) ** 0.85).astype(np.float32)
