"""A ten-hour answer of AssemblyAI, read by our engine, by msgspec alone, and by the models of the vendor's own package."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import importlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from uuid import UUID

import msgspec

from services.transcriber.composing import Provenance, compose
from services.transcriber.engines.assemblyai import reading
from services.transcriber.engines.assemblyai.answer import SaidWord, Utterance
from tests.bench import apart
from tests.bench.figures import Table, at_most
from tests.bench.ground import Ground
from tests.sandboxes import controlled_process

SECONDS = 36_060
ROUNDS = 3
PATIENCE = 120.0
FEATURES = {"speaker_labels": True, "entity_detection": True, "sentiment_analysis": True}
NOTE = f"""\
The answer to a recording of ten hours with speakers, entities and moods, as the sandbox serves it: every word stands in it
twice, once in its utterance. Each way in a process of its own: CPU time, the best of {ROUNDS}; memory at the peak of a first
reading, above what the process held with the answer's bytes. Composing makes the transcript of what was heard, and its JSON.
The package reads with `json` and pydantic, as its `get_transcript` does."""


class Way(StrEnum):
    """How the answer is read."""

    MSGSPEC = "msgspec alone"
    ENGINE = "our engine"
    COMPOSED = "our engine, composed and written"
    PACKAGE = "the vendor's package"


class Words(msgspec.Struct, gc=False):
    """The bulk of an answer."""

    words: list[SaidWord]
    utterances: list[Utterance]


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """Read a file."""

    path: str
    way: Way


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What that took."""

    cpu_seconds: float
    memory_mb: float
    words: int


async def measure(ground: Ground) -> list[Table]:
    """One after the other."""
    path = ground.folder() / "answer.json"
    path.write_bytes(await _answer())
    taken = {way: await apart.carry_out("tests.bench.decoding", Read(path=str(path), way=way), Taken) for way in Way}
    ours, theirs = taken[Way.ENGINE], taken[Way.PACKAGE]
    return [
        Table(
            title=f"An answer of ten hours, {path.stat().st_size / 1e6:.0f} MB, {theirs.words:,} words",
            columns=("", "CPU s", "peak MB", "words"),
            rows=tuple((str(way), one.cpu_seconds, one.memory_mb, one.words) for way, one in taken.items()),
            note=NOTE,
            aims=(
                at_most("CPU time of our engine beside the package", ours.cpu_seconds / theirs.cpu_seconds, 0.25, "of it"),
                at_most("memory of our engine beside the package", ours.memory_mb / theirs.memory_mb, 0.5, "of it"),
            ),
        )
    ]


async def _answer() -> bytes:
    options = ["--script", "--script-seconds", str(SECONDS), "--no-fetch"]
    headers, order = {"Authorization": "any"}, {"audio_url": "https://example.com/meeting.mp3", **FEATURES}
    async with controlled_process(*options) as sandbox, asyncio.timeout(PATIENCE):
        async with sandbox.http.post(f"{sandbox.url}/v2/transcript", json=order, headers=headers) as submitted:
            url = f"{sandbox.url}/v2/transcript/{(await submitted.json())['id']}"
        while True:
            async with sandbox.http.get(url, headers=headers) as answer:
                if (await answer.json())["status"] == "completed":
                    return await answer.read()
            await asyncio.sleep(0.2)


async def _read(order: Read) -> Taken:
    raw = Path(order.path).read_bytes()
    read = _reader(order.way)
    gc.collect()
    held = _memory_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
    words = read(raw)
    memory_mb = _memory_mb("VmHWM") - held
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        read(raw)
        times.append(time.process_time() - began)
    return Taken(cpu_seconds=min(times), memory_mb=memory_mb, words=words)


def _reader(way: Way) -> Callable[[bytes], int]:
    """Reads an answer in one way, with everything it needs loaded; how many words the answer has."""
    match way:
        case Way.MSGSPEC:
            return _read_with_msgspec
        case Way.ENGINE:
            return lambda raw: sum(len(passage.words) for passage in reading.read(raw).passages)
        case Way.COMPOSED:
            return _read_and_compose
        case Way.PACKAGE:
            models = importlib.import_module("assemblyai.types")
            return lambda raw: len(models.TranscriptResponse.parse_obj(json.loads(raw)).words)


def _read_with_msgspec(raw: bytes) -> int:
    return len(msgspec.json.decode(raw, type=Words, strict=False).words)


def _read_and_compose(raw: bytes) -> int:
    then = datetime(2026, 11, 22, 12, tzinfo=UTC)
    provenance = Provenance(
        job_id=UUID(int=1),
        run=1,
        provider="assemblyai",
        provider_id="1",
        raw_key="raw/1.json",
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        started_at=then,
        heard_at=then,
    )
    transcript = compose(reading.read(raw), provenance)
    msgspec.json.encode(transcript)
    return sum(len(segment.words) for segment in transcript.segments)


def _memory_mb(name: str) -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    apart.serve(_read, Read)
