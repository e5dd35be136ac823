"""Whole transcriptions with Deepgram and Google, from the job to the transcript, over fakes of their HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from services.transcriber.engines import Engine, Hooks, checkpoint_prefix
from services.transcriber.engines.deepgram import open_engine as open_deepgram
from services.transcriber.engines.google import open_engine as open_google
from shared.blobs import BlobStore, transcript_key
from shared.database import Pool
from shared.http import HttpServer
from shared.schemas.events import JobSubmitted
from shared.schemas.transcripts import Transcript
from tests.fakes import faults
from tests.fakes.deepgram import FakeDeepgram, fake_deepgram
from tests.fakes.google import BUCKET, FakeGoogle, fake_google
from tests.rented import RECORDING, surroundings
from tests.transcribing import Process, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest_asyncio.fixture
async def deepgram() -> AsyncIterator[FakeDeepgram]:
    """A Deepgram."""
    async with fake_deepgram() as fake:
        yield fake


@pytest_asyncio.fixture
async def google() -> AsyncIterator[FakeGoogle]:
    """A Google."""
    async with fake_google() as fake:
        yield fake


@pytest_asyncio.fixture
async def called_back(deepgram: FakeDeepgram, transcriber_pool: Pool, transcriber_blobs: BlobStore) -> AsyncIterator[Process]:
    """A process that Deepgram can reach."""
    processes: list[Process] = []

    async def hooks(scope: Any, receive: Any, send: Any) -> None:
        await processes[0].hooks(scope, receive, send)

    async with _serving(hooks) as url:
        reachable = Hooks(url=f"{url}/hooks", secret=b"a secret of ours")
        engine = open_deepgram(surroundings(transcriber_blobs, deepgram.environment, hooks=reachable))
        processes.append(_process(transcriber_pool, transcriber_blobs, engine))
        async with processes[0].running():
            yield processes[0]
        await engine.close()


async def test_deepgrams_callback_becomes_the_transcript(called_back: Process, deepgram: FakeDeepgram) -> None:
    """Speakers, times, language, and what it costs; the callback itself is not kept twice."""
    event = await called_back.submit(job_submitted("deepgram"), recording=RECORDING)
    request = await deepgram.taken()
    assert await deepgram.call_back(request) == 200
    await called_back.ready(event)
    transcript = await _transcript(called_back, event)
    assert transcript.engine.provider == "deepgram"
    assert transcript.engine.job_id == request.id
    assert [speaker.label for speaker in transcript.speakers] == ["0", "1"]
    assert transcript.segments[0].text == "Good morning, Anna. Shall we begin?"
    assert (transcript.segments[0].start_ms, transcript.segments[0].end_ms) == (0, 2320)
    assert transcript.media.duration_ms == 12_500
    assert transcript.engine.cost is not None
    assert transcript.engine.cost.amount == "0.002102"
    assert await _cleaned(called_back, event)


async def test_an_acceptance_that_was_lost_is_made_good_by_the_callback(called_back: Process, deepgram: FakeDeepgram) -> None:
    """The recording is sent once; the callback may come twice."""
    deepgram.faults.append(faults.dropped)
    event = await called_back.submit(job_submitted("deepgram"), recording=RECORDING)
    request = await deepgram.taken()
    assert [await deepgram.call_back(request) for _ in range(2)] == [200, 200]
    await called_back.ready(event)
    assert await deepgram.call_back(request) == 200
    assert len(deepgram.requests) == 1
    assert (await _transcript(called_back, event)).engine.job_id == request.id


async def test_forged_callbacks_change_nothing(called_back: Process, deepgram: FakeDeepgram) -> None:
    """They are refused, and the true one is taken."""
    event = await called_back.submit(job_submitted("deepgram"), recording=RECORDING)
    request = await deepgram.taken()
    forged = request.query["callback"].replace("&s=", "&s=0")
    async with aiohttp.ClientSession() as session, session.post(forged, data=b'{"metadata": {}}') as answer:
        assert answer.status == 401
    assert await deepgram.call_back(request) == 200
    assert (await called_back.ready(event)).job_id == event.job_id


async def test_deepgram_waited_for_is_paid_once(
    deepgram: FakeDeepgram, transcriber_pool: Pool, transcriber_blobs: BlobStore
) -> None:
    """Without a public address; an answer that was lost is not bought again."""
    engine = open_deepgram(surroundings(transcriber_blobs, deepgram.environment))
    process = _process(transcriber_pool, transcriber_blobs, engine)
    async with process.running():
        event = await process.submit(job_submitted("deepgram"), recording=RECORDING)
        await process.ready(event)
        assert len((await _transcript(process, event)).segments) == 3
        deepgram.faults.append(faults.truncated)
        failure = await process.failure(await process.submit(job_submitted("deepgram"), recording=RECORDING))
    await engine.close()
    assert (failure.code, failure.retryable) == ("outcome_unknown", True)
    assert len(deepgram.requests) == 2


@pytest.mark.parametrize("lost", [False, True])
async def test_google_hears_and_forgets(
    google: FakeGoogle, transcriber_pool: Pool, transcriber_blobs: BlobStore, tmp_path: Path, lost: bool
) -> None:
    """Also when the answer to the submission was lost; in the end nothing of the customer's is left there."""
    engine = open_google(
        surroundings(
            transcriber_blobs,
            {
                "AUDIO2TXT_GOOGLE_CREDENTIALS": str(google.write_credentials(tmp_path / "key.json")),
                "AUDIO2TXT_GOOGLE_BUCKET": BUCKET,
                "AUDIO2TXT_GOOGLE_SPEECH_URL": google.url,
                "AUDIO2TXT_GOOGLE_STORAGE_URL": google.url,
            },
        )
    )
    assert engine is not None
    engine.first_poll = 0.0
    google.faults += [faults.dropped] if lost else []
    process = _process(transcriber_pool, transcriber_blobs, engine)
    async with process.running():
        event = await process.submit(job_submitted("google"), recording=RECORDING)
        async with asyncio.timeout(30):
            while not google.operations:
                await asyncio.sleep(0.01)
        google.finish(next(iter(google.operations)))
        await process.ready(event)
    transcript = await _transcript(process, event)
    assert (transcript.engine.provider, transcript.engine.model, transcript.language) == ("google", "chirp_2", "en")
    assert [segment.text for segment in transcript.segments][-1] == "我們先看數字。"
    assert transcript.engine.cost is not None
    assert transcript.engine.cost.billed_ms == 13_000
    await process.pool.execute("update transcriber.leftovers set due_at = now()")
    await process.cleaner.clean()
    await engine.close()
    assert (google.objects, google.operations) == ({}, {})


def _process(pool: Pool, blobs: BlobStore, engine: Engine) -> Process:
    return Process(pool=pool, blobs=blobs, engines={engine.name: engine})


async def _cleaned(process: Process, event: JobSubmitted) -> bool:
    """Whether nothing is left of the way to the transcript once the cleaner has been."""
    await process.pool.execute("update transcriber.leftovers set due_at = now()")
    await process.cleaner.clean()
    return await process.keys(checkpoint_prefix(event.tenant_id, event.job_id, event.run)) == []


async def _transcript(process: Process, event: JobSubmitted) -> Transcript:
    raw = await process.blobs.get(transcript_key(event.tenant_id, event.job_id, event.run))
    return msgspec.json.decode(raw, type=Transcript)


@asynccontextmanager
async def _serving(app: Any) -> AsyncIterator[str]:
    server = HttpServer(app, host="127.0.0.1", port=0)
    await server.start()
    running = asyncio.create_task(server.run())
    try:
        yield server.url
    finally:
        await server.stop()
        await running
