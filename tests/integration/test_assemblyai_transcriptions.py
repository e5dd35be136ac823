"""Whole transcriptions with AssemblyAI, from the job to the transcript, over the sandbox that plays it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from services.sandbox.assemblyai.server import Sandbox
from services.transcriber.engines import Hooks
from services.transcriber.engines.assemblyai import open_engine
from shared.blobs import BlobStore, raw_key, transcript_key
from shared.database import Pool
from shared.http import HttpServer
from shared.schemas.events import JobSubmitted
from shared.schemas.jobs import Analysis, JobOptions, Redaction
from shared.schemas.transcripts import Transcript
from tests.rented import RECORDING, surroundings
from tests.sandboxes import CANNED, Control, control, sandbox
from tests.transcribing import Process, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest_asyncio.fixture
async def far() -> AsyncIterator[Sandbox]:
    """An AssemblyAI."""
    async with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def faults(far: Sandbox) -> AsyncIterator[Control]:
    """Its control."""
    async with control(far.url) as opened:
        yield opened


@pytest_asyncio.fixture
async def process(far: Sandbox, transcriber_pool: Pool, transcriber_blobs: BlobStore) -> AsyncIterator[Process]:
    """A process that it can call back."""
    processes: list[Process] = []

    async def hooks(scope: Any, receive: Any, send: Any) -> None:
        await processes[0].hooks(scope, receive, send)

    async with _serving(hooks) as url:
        environment = {"AUDIO2TXT_ASSEMBLYAI_API_KEY": "ours", "AUDIO2TXT_ASSEMBLYAI_URL": far.url}
        reachable = Hooks(url=f"{url}/hooks", secret=b"a secret of ours")
        engine = open_engine(surroundings(transcriber_blobs, environment, hooks=reachable))
        assert engine is not None
        processes.append(Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={engine.name: engine}))
        async with processes[0].running():
            yield processes[0]
        await engine.close()


async def test_a_job_becomes_a_transcript_and_nothing_stays_there(process: Process, faults: Control) -> None:
    """Words, speakers, findings and their cost; the answer is stored as it came, and deleted where it came from."""
    options = JobOptions(engine="assemblyai", analyses=(Analysis.ENTITIES, Analysis.SENTIMENT))
    event = await process.submit(job_submitted("assemblyai", options=options), recording=RECORDING)
    await process.ready(event)
    transcript = await _transcript(process, event)
    (seen,) = await _seen(faults)
    assert (transcript.engine.provider, transcript.engine.model) == ("assemblyai", "universal-3-5-pro")
    assert transcript.engine.job_id == seen["id"]
    assert transcript.engine.raw_sha256 == seen["answer_sha256"]
    assert transcript.engine.cost is not None
    assert Decimal(transcript.engine.cost.amount) * 3600 == Decimal("0.33") * round(CANNED.script_seconds)
    assert len(transcript.speakers) > 1
    assert transcript.insights is not None
    assert transcript.insights.sentiments
    assert {found.speaker_id for found in transcript.insights.sentiments} <= {speaker.id for speaker in transcript.speakers}
    await process.pool.execute("update transcriber.leftovers set due_at = now()")
    await process.cleaner.clean()
    assert [one["deleted"] for one in await _seen(faults)] == [True]
    assert await process.blobs.get(raw_key(event.tenant_id, event.job_id, event.run))


async def test_a_redacted_recording_lies_beside_the_transcript(process: Process) -> None:
    """What was removed is on record, with the sound in which it cannot be heard."""
    options = JobOptions(engine="assemblyai", redaction=Redaction(categories=("person_name",), audio=True))
    event = await process.submit(job_submitted("assemblyai", options=options), recording=RECORDING)
    await process.ready(event)
    redaction = (await _transcript(process, event)).redaction
    assert redaction is not None
    assert redaction.categories == ("person_name",)
    assert redaction.audio_key is not None
    assert await process.blobs.get(redaction.audio_key)


@pytest.mark.parametrize("fault", ["accepted_then_dropped", "accepted_then_500"])
async def test_a_lost_answer_is_paid_once(process: Process, faults: Control, fault: str) -> None:
    """What was accepted is found by its recording or by its callback, and not submitted again."""
    await faults.next(fault)
    event = await process.submit(job_submitted("assemblyai"), recording=RECORDING)
    await process.ready(event)
    assert [one["id"] for one in await _seen(faults)] == [(await _transcript(process, event)).engine.job_id]


async def test_what_it_says_of_a_recording_reaches_the_customer(process: Process, faults: Control) -> None:
    """In our terms, and with what to do."""
    await faults.next("job_error", "no_audio")
    failure = await process.failure(await process.submit(job_submitted("assemblyai"), recording=RECORDING))
    assert (failure.code, failure.retryable) == ("not_audio", False)
    options = JobOptions(engine="assemblyai", redaction=Redaction(categories=("person_name",)), analyses=(Analysis.SUMMARY,))
    failure = await process.failure(await process.submit(job_submitted("assemblyai", options=options), recording=RECORDING))
    assert failure.code == "redaction_not_supported"
    assert len(await _seen(faults)) == 1


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_its_simplified_chinese_is_written_in_traditional_characters(process: Process, language: str) -> None:
    """Beside English words too, from which it does not tell it apart; its answer stays what it was."""
    options = JobOptions(engine="assemblyai", language=language)
    event = await process.submit(job_submitted("assemblyai", options=options), recording=RECORDING)
    await process.ready(event)
    transcript = await _transcript(process, event)
    text = "".join(segment.text for segment in transcript.segments)
    assert "我們先看上一季的數字，再決定下一步。" in text
    assert "Good morning, and thank you" in text
    assert transcript.language == ("zh-Hant-TW" if language == "zh" else "en")
    raw = (await process.blobs.get(raw_key(event.tenant_id, event.job_id, event.run))).decode()
    assert "数字" in raw
    assert "數字" not in raw


async def _seen(faults: Control) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = await faults.send("GET", "transcripts")  # type: ignore[assignment]
    return seen


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
