"""Silent recordings of a given length, for redacted audio: real files, made of nothing."""

from __future__ import annotations

import io
import wave

_MP3_FRAME = b"\xff\xfb\x10\xc4" + bytes(100)
"""MPEG-1 Layer III, 32 kbit/s, 44.1 kHz, mono; a frame of zeros is silence."""
_SAMPLES_A_FRAME = 1152
_MP3_RATE, _WAV_RATE = 44_100, 8_000


def mp3(seconds: float) -> bytes:
    """At least so long."""
    return _MP3_FRAME * max(1, -int(-seconds * _MP3_RATE // _SAMPLES_A_FRAME))


def wav(seconds: float) -> bytes:
    """Exactly so long."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_WAV_RATE)
        file.writeframes(bytes(round(seconds * _WAV_RATE) * 2))
    return data.getvalue()
