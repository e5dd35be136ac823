"""A transcriber that is killed without warning is relieved by another, which goes on where it was."""

from __future__ import annotations

import asyncio
import sys
from contextlib import closing
from pathlib import Path

import msgspec

from services.transcriber.engines import checkpoint_prefix
from services.transcriber.engines.local import LocalEngine
from services.transcriber.engines.local.messages import Answer, Window
from services.transcriber.engines.local.models import Model
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore
from shared.database import Pool
from shared.schemas.jobs import JobOptions
from tests.customer import SAMPLE
from tests.transcriber_process import WINDOW_MS
from tests.transcribing import PATIENCE, Process, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]


async def test_kill_9_in_the_middle_of_a_recording_costs_one_window(
    transcriber_pool: Pool, transcriber_blobs: BlobStore, database_url: str, tmp_path: Path
) -> None:
    """The windows that were heard are not heard again, the transcript is whole, and nothing is left on disk."""
    with closing(Scratch.open(tmp_path / "successor", "successor")) as scratch:
        engine = LocalEngine(
            settings=TranscriberSettings(local_beam_size=1),
            model=Model.find(None),
            blobs=transcriber_blobs,
            scratch=scratch,
            window_ms=WINDOW_MS,
        )
        successor = Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"local": engine})
        event = await successor.submit(job_submitted("local", options=JobOptions(language="en")), recording=SAMPLE.read_bytes())
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.transcriber_process", database_url, str(tmp_path)
        )
        kept = await _first_windows(transcriber_blobs, checkpoint_prefix(event.tenant_id, event.job_id, event.run))
        victim.kill()
        await victim.wait()
        assert await successor.leases_held() == 1

        await transcriber_pool.execute("update transcriber.transcriptions set lease_until = now()")  # 15 seconds later
        async with successor.running():
            ready = await successor.ready(event)
        await engine.close()
    answer = msgspec.json.decode(await transcriber_blobs.get(ready.raw_key), type=Answer)
    assert list(answer.windows[: len(kept)]) == kept
    assert len(answer.windows) > len(kept)
    assert ready.duration_ms == answer.windows[-1].end_ms
    with closing(Scratch.open(tmp_path / "scratch", "next")):
        assert [path.name for path in (tmp_path / "scratch").iterdir() if path.is_dir()] == ["next"]


async def _first_windows(blobs: BlobStore, prefix: str) -> list[Window]:
    """Wait until the first window is kept; the windows there are then."""
    async with asyncio.timeout(PATIENCE):
        while not (keys := [info.key async for info in blobs.list(prefix)]):
            await asyncio.sleep(0.01)
    return [msgspec.json.decode(await blobs.get(key), type=Window) for key in keys]
