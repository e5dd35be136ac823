"""Whole transcriptions with a server that speaks like OpenAI: killed, shut down, and never paid for twice."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from services.transcriber import ledger
from services.transcriber.engines import checkpoint_prefix
from services.transcriber.rules import RulesChange
from services.transcriber.scratch import Scratch
from shared.blobs import BlobStore
from shared.database import Pool
from shared.schemas.events import JobSubmitted
from shared.schemas.transcripts import Transcript
from tests.customer import SAMPLE
from tests.fakes import faults
from tests.fakes.openai import FakeOpenAI, Said
from tests.openai_process import engine_before
from tests.transcribing import PATIENCE, Process, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]

SAYS = [(Said(text="The first part.", start=1.0, end=2.0),), (Said(text="The second.", start=1.0, end=2.0),)]


class Ground:
    """A server, and a process of ours before it."""

    def __init__(self, server: FakeOpenAI, url: str, process: Process) -> None:
        self.server = server
        self.url = url
        self.process = process

    async def submit(self) -> JobSubmitted:
        """A job whose recording is sent in two pieces."""
        return await self.process.submit(job_submitted("openai"), recording=SAMPLE.read_bytes())


@pytest_asyncio.fixture
async def ground(transcriber_pool: Pool, transcriber_blobs: BlobStore, tmp_path: Path) -> AsyncIterator[Ground]:
    """Everything there is."""
    server = FakeOpenAI(says=SAYS)
    with closing(Scratch.open(tmp_path / "here", "tests")) as scratch:
        async with server.serving() as url:
            engine = engine_before(url, transcriber_blobs, scratch)
            yield Ground(server, url, Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"openai": engine}))
            await engine.close()


async def test_a_recording_becomes_a_transcript(ground: Ground) -> None:
    """Its pieces are one document, its raw answer is stored, and nothing else is left of it."""
    async with ground.process.running():
        event = await ground.submit()
        ready = await ground.process.ready(event)
    transcript = msgspec.json.decode(await ground.process.blobs.get(ready.transcript_key), type=Transcript)
    assert [segment.text for segment in transcript.segments] == ["The first part.", "The second."]
    assert (transcript.engine.provider, transcript.engine.model, transcript.language) == ("openai", "whisper-1", "en")
    assert transcript.engine.cost is None  # of this server no price is known
    assert await ground.process.blobs.get(ready.raw_key)
    await ground.process.cleaner.clean()
    assert await ground.process.keys(checkpoint_prefix(event.tenant_id, event.job_id, event.run)) == []


async def test_kill_9_while_the_server_hears_a_piece_asks_the_customer(
    ground: Ground, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The piece on its way may have been charged, so it is not sent again; nor is the one that was answered."""
    monkeypatch.setattr(ledger, "MISSED_SECONDS", 0.0)
    monkeypatch.setattr(ledger, "LOOK_AGAIN_SECONDS", 0.1)
    ground.server.faults = [None, faults.slow(asyncio.Event())]
    event = await ground.submit()
    arguments = (database_url, str(tmp_path), ground.url)
    victim = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.openai_process", *arguments)
    await ground.server.wait_for(2)
    victim.kill()
    await victim.wait()
    await ground.process.pool.execute("update transcriber.transcriptions set lease_until = now()")  # 15 seconds later
    async with ground.process.running():
        failure = await ground.process.failure(event)
    assert (failure.code, failure.retryable) == ("outcome_unknown", True)
    assert len(ground.server.asked) == 2


async def test_a_shutdown_keeps_what_is_being_paid_for(ground: Ground) -> None:
    """The answer on its way is waited for; whoever goes on has it, and sends the next piece."""
    go_on = asyncio.Event()
    ground.server.faults = [faults.slow(go_on)]
    async with asyncio.timeout(PATIENCE * 2):
        async with ground.process.running():
            event = await ground.submit()
            await ground.server.wait_for(1)
            asyncio.get_running_loop().call_later(0.2, go_on.set)
        assert len(ground.server.asked) == 1
        async with ground.process.running():
            await ground.process.ready(event)
    assert len(ground.server.asked) == 2


async def test_a_tenant_that_forbids_it_midway_is_obeyed(ground: Ground) -> None:
    """The piece on its way cannot be called back, but no further one leaves the house."""
    go_on = asyncio.Event()
    ground.server.faults = [faults.slow(go_on)]
    async with ground.process.running():
        event = await ground.submit()
        await ground.server.wait_for(1)
        await ground.process.rules.change(event.tenant_id, RulesChange(allow_rented=False))
        go_on.set()
        failure = await ground.process.failure(event)
    assert failure.code == "engine_forbidden"
    assert len(ground.server.asked) == 1


async def test_an_outage_is_waited_for(ground: Ground) -> None:
    """Refusals and overload cost nothing but time."""
    ground.server.faults = [faults.status(503), None, faults.status(429, Retry_After="0")]
    async with ground.process.running():
        await ground.process.ready(await ground.submit())
    assert len(ground.server.asked) == 4
