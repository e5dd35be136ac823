"""The local engine hears real speech, goes on where a crash stopped it, and leaves neither processes nor memory behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from services.transcriber.engines import EngineCrashed, Task, checkpoint_prefix
from services.transcriber.engines.local import LocalEngine
from services.transcriber.engines.local.messages import Answer, Window
from services.transcriber.engines.local.models import Model
from services.transcriber.engines.local.worker import Worker
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore, source_key
from shared.database import Pool
from shared.schemas.ids import new_id
from shared.schemas.transcripts import Transcript
from tests.customer import SAMPLE
from tests.recordings import silence
from tests.transcribing import Process, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]

WINDOW_MS = 15_000
SPOKEN = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was the "
    "epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of darkness, it was the "
    "spring of hope, it was the winter of despair, we had everything before us, we had nothing before us, we were all going "
    "direct to heaven, we were all going direct the other way in short, the period was so far like the present period, that "
    "some of its noisiest authorities insisted on its being received, for good or for evil, in the superlative degree of "
    "comparison only."
)


class Reports:
    """Keeps what an engine reports, and lets tests wait for it."""

    def __init__(self) -> None:
        self.progress: list[float] = []
        self.duration_ms: int | None = None
        self.changed = asyncio.Condition()

    async def __call__(self, progress: float, *, duration_ms: int | None = None) -> None:
        async with self.changed:
            self.progress.append(progress)
            self.duration_ms = duration_ms or self.duration_ms
            self.changed.notify_all()

    async def at_least(self, progress: float) -> None:
        """Wait until it is so far."""
        async with self.changed:
            await self.changed.wait_for(lambda: bool(self.progress) and self.progress[-1] >= progress)


@pytest_asyncio.fixture
async def engine(transcriber_blobs: BlobStore, tmp_path: Path) -> AsyncIterator[LocalEngine]:
    """The engine with windows of a quarter of a minute."""
    with closing(Scratch.open(tmp_path / "scratch", "tests")) as scratch:
        engine = LocalEngine(
            settings=TranscriberSettings(local_beam_size=1),
            model=Model.find(None),
            blobs=transcriber_blobs,
            scratch=scratch,
            window_ms=WINDOW_MS,
        )
        yield engine
        await engine.close()


async def _task(blobs: BlobStore, recording: bytes) -> Task:
    tenant_id, job_id = new_id(), new_id()
    key = source_key(tenant_id, job_id)
    await blobs.put(key, recording)
    return Task(tenant_id=tenant_id, job_id=job_id, run=1, language=None, source_key=key)


def _plain(text: str) -> list[str]:
    return "".join(character for character in text.lower() if character.isalpha() or character == " ").split()


async def test_real_speech_is_heard_word_for_word(
    transcriber_pool: Pool, transcriber_blobs: BlobStore, engine: LocalEngine
) -> None:
    """44 seconds of Dickens: hardly a word is missed, every word has its time, and windows do not show."""
    process = Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"local": engine})
    async with process.running():
        event = await process.submit(job_submitted("local"), recording=SAMPLE.read_bytes())
        ready = await process.ready(event)
    transcript = msgspec.json.decode(await transcriber_blobs.get(ready.transcript_key), type=Transcript)
    heard = _plain(" ".join(segment.text for segment in transcript.segments))
    assert SequenceMatcher(None, _plain(SPOKEN), heard).ratio() > 0.97, heard
    words = [word for segment in transcript.segments for word in segment.words]
    assert all(word.s is not None and word.e is not None and word.e - word.s >= 40 for word in words)
    assert [word.s for word in words] == sorted(word.s or 0 for word in words)
    assert all(word.c is not None for word in words)
    assert transcript.quality.notes == ("language_assumed", "speakers_not_separated")
    assert ready.model == "tiny.en"
    assert len(msgspec.json.decode(await transcriber_blobs.get(ready.raw_key), type=Answer).windows) > 1


async def test_windows_follow_each_other_without_gap_or_overlap(transcriber_blobs: BlobStore, engine: LocalEngine) -> None:
    """Together they cover the recording, and each is cut where nobody speaks."""
    reports = Reports()
    answer = msgspec.json.decode(
        await engine.transcribe(await _task(transcriber_blobs, SAMPLE.read_bytes()), reports), type=Answer
    )
    edges = [(window.start_ms, window.end_ms) for window in answer.windows]
    assert edges[0][0] == 0
    assert edges[-1][1] == reports.duration_ms == answer.recording.duration_ms
    assert all(before[1] == after[0] for before, after in pairwise(edges))
    assert all(end - start <= WINDOW_MS for start, end in edges)
    for window in answer.windows:
        times = [word for passage in window.passages for word in passage.words]
        assert all(window.start_ms <= word.start_ms <= word.end_ms <= window.end_ms + 500 for word in times)
    assert reports.progress == sorted(reports.progress)


async def test_a_crash_resumes_at_the_first_window_missing(transcriber_blobs: BlobStore, engine: LocalEngine) -> None:
    """What was heard before the crash is kept as it was; only the rest is heard again."""
    task, reports = await _task(transcriber_blobs, SAMPLE.read_bytes()), Reports()
    work = asyncio.create_task(engine.transcribe(task, reports))
    await reports.at_least(0.2)
    os.kill(_only_child(engine), signal.SIGKILL)
    with pytest.raises(EngineCrashed):
        await work
    kept = await _checkpoints(transcriber_blobs, task)
    assert kept

    again = Reports()
    answer = msgspec.json.decode(await engine.transcribe(task, again), type=Answer)
    assert list(answer.windows[: len(kept)]) == kept
    assert min(again.progress[1:]) > kept[-1].end_ms / answer.recording.duration_ms


async def test_cancelling_stops_the_process_at_once(transcriber_blobs: BlobStore, engine: LocalEngine) -> None:
    """A cancelled job does not keep the processor busy, and its files are gone."""
    task, reports = await _task(transcriber_blobs, SAMPLE.read_bytes()), Reports()
    work = asyncio.create_task(engine.transcribe(task, reports))
    await reports.at_least(0.2)
    pid = _only_child(engine)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert not _alive(pid)
    assert not list((engine._scratch._folder).iterdir())


async def test_silence_gives_no_words(transcriber_pool: Pool, transcriber_blobs: BlobStore, engine: LocalEngine) -> None:
    """Whisper would make some up; the job fails with its reason instead."""
    process = Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"local": engine})
    async with process.running():
        event = await process.submit(job_submitted("local"), recording=await asyncio.to_thread(silence, 20))
        failure = await process.failure(event)
    assert failure.code == "no_speech"
    assert not failure.retryable


async def test_nothing_runs_before_the_first_recording(engine: LocalEngine) -> None:
    """An idle installation pays nothing for the engine."""
    assert [worker.pid for worker in engine._workers] == [None]


async def test_an_idle_process_gives_its_memory_back(transcriber_blobs: BlobStore, engine: LocalEngine) -> None:
    """And another is started when it is needed again."""
    task = await _task(transcriber_blobs, silence(2))
    worker = Worker(model=str(engine._model.folder), beam_size=1, idle_seconds=0.05)
    engine._workers[:] = [worker]
    engine._free.get_nowait()
    engine._free.put_nowait(worker)
    await engine.transcribe(task, Reports())
    pid = worker.pid
    assert pid is not None
    async with asyncio.timeout(10):
        while _alive(pid):
            await asyncio.sleep(0.01)
    await engine.transcribe(replace(task, run=2), Reports())
    assert worker.pid != pid


async def test_the_process_dies_with_its_parent(tmp_path: Path) -> None:
    """`kill -9` of the service leaves no process behind, idle or at work."""
    script = (
        "import asyncio, sys\n"
        "from services.transcriber import children\n"
        "async def main():\n"
        "    process = await children.start('services.transcriber.engines.local.child', sys.argv[1], '1')\n"
        "    print(process.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(Model.find(None).folder), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert _alive(child)
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(10):
        while _alive(child):
            await asyncio.sleep(0.01)


def test_what_a_killed_process_left_on_disk_is_swept_by_the_next(tmp_path: Path) -> None:
    """Folders of the living stay."""
    living = Scratch.open(tmp_path, "living")
    dead = Scratch.open(tmp_path, "dead")
    (tmp_path / "dead" / "pcm").write_bytes(b"samples")
    os.close(dead._lock)  # all that is left of an owner's lock when it is killed
    with closing(Scratch.open(tmp_path, "next")):
        assert not (tmp_path / "dead").exists()
        assert (tmp_path / "living").is_dir()
    living.close()


def _only_child(engine: LocalEngine) -> int:
    (pid,) = [worker.pid for worker in engine._workers if worker.pid is not None]
    return pid


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def _checkpoints(blobs: BlobStore, task: Task) -> list[Window]:
    prefix = checkpoint_prefix(task.tenant_id, task.job_id, task.run)
    return [msgspec.json.decode(await blobs.get(info.key), type=Window) async for info in blobs.list(prefix)]
