"""Recordings that tests make: good ones, and ones that are not what they claim to be."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np


def silence(seconds: float, *, codec: str = "libopus", container: str = "ogg", rate: int = 48_000) -> bytes:
    """Digital silence in a container of one's choice."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = 6_000
        wanted = stream.format.name
        dtype = np.float32 if wanted.startswith("flt") else np.int16
        frame = av.AudioFrame.from_ndarray(np.zeros((1, rate), dtype=dtype), format=wanted, layout="mono")
        frame.sample_rate = rate
        for second in range(max(1, round(seconds))):
            frame.pts = second * rate
            frame.time_base = Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def long_silence(hours: int) -> bytes:
    """Hours of silence in less than a megabyte each: AAC frames stand alone, so a minute of them is repeated."""
    return silence(60, codec="aac", container="adts", rate=8_000) * (60 * hours)


def silent_film(seconds: int = 2) -> bytes:
    """A video without a sound track."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), dtype=np.uint8), format="rgb24")
        for _ in range(seconds * 10):
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return file.getvalue()
