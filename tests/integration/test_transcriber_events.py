"""Events about a job arrive late, again and in any order; each run is worked on once and its end is told to whoever asks."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from services.transcriber.engines import EngineCrashed
from shared.blobs import BlobStore, job_prefix, raw_key, transcript_key
from shared.database import Pool
from shared.schemas.events import JobSubmitted, TranscriptionProgressed, TranscriptionState, TranscriptReady
from shared.schemas.jobs import JobOptions
from shared.schemas.transcripts import Transcript
from tests.transcribing import HouseEngine, Process, Provider, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def house(transcriber_blobs: BlobStore) -> HouseEngine:
    """An engine in the house."""
    return HouseEngine(transcriber_blobs)


@pytest.fixture
def process(transcriber_pool: Pool, transcriber_blobs: BlobStore, house: HouseEngine) -> Process:
    """A process with one engine of each shape."""
    return Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"house": house, "rented": Provider()})


def _run(event: JobSubmitted, run: int) -> JobSubmitted:
    return msgspec.structs.replace(event, run=run)


@pytest.mark.parametrize("engine", ["house", "rented"])
async def test_a_job_becomes_a_transcript(process: Process, engine: str) -> None:
    """The raw answer and the transcript are stored under their keys before anybody is told."""
    async with process.running():
        event = await process.submit(job_submitted(engine))
        ready = await process.ready(event)
    assert ready.engine == engine
    assert ready.options == event.options
    assert ready.transcript_key == transcript_key(event.tenant_id, event.job_id, 1)
    transcript = msgspec.json.decode(await process.blobs.get(ready.transcript_key), type=Transcript)
    assert transcript.segments
    assert transcript.engine.raw_key == ready.raw_key == raw_key(event.tenant_id, event.job_id, 1)
    assert ready.duration_ms == transcript.media.duration_ms


async def test_progress_is_told_once_a_second_at_most(process: Process, house: HouseEngine) -> None:
    """A job that is done at once tells that somebody began, that it is being heard, and that it is done."""
    async with process.running():
        event = await process.submit(job_submitted("house"))
        await process.ready(event)
    *progress, last = await process.outbox.events()
    states = [told.state for told in progress if isinstance(told, TranscriptionProgressed)]
    assert states == [TranscriptionState.PREPARING, TranscriptionState.PROCESSING]
    assert isinstance(last, TranscriptReady)


async def test_a_submission_that_is_repeated_while_it_is_worked_on_changes_nothing(
    process: Process, house: HouseEngine
) -> None:
    """The sweeper may ask as often as it likes."""
    house.go_on.clear()
    async with process.running():
        event = await process.submit(job_submitted("house"))
        await house.started.get()
        await process.submit(event)
        house.go_on.set()
        await process.ready(event)
    assert house.started.empty()


async def test_a_finished_run_tells_the_same_again(process: Process) -> None:
    """Whoever missed the event gets it again under an id of its own; nothing is transcribed twice."""
    async with process.running():
        event = await process.submit(job_submitted("house"))
        first = await process.ready(event)
        await process.pool.execute("delete from transcriber.outbox")  # it has been delivered
        await process.submit(event)
        again = await process.ready(event)
        assert again.event_id != first.event_id
        assert msgspec.structs.replace(again, event_id=first.event_id) == first


async def test_a_failed_run_tells_its_failure_again(process: Process, house: HouseEngine) -> None:
    """A failure is an answer like any other."""
    house.raw = b'{"duration_ms": 1000, "lines": []}'
    async with process.running():
        event = await process.submit(job_submitted("house"))
        assert (await process.failure(event)).code == "no_speech"
        await process.pool.execute("delete from transcriber.outbox")
        await process.submit(event)
        assert (await process.failure(event)).code == "no_speech"


async def test_a_retry_supersedes_the_run_before_it(process: Process, house: HouseEngine) -> None:
    """The earlier run stops; its late submission does not bring it back."""
    house.go_on.clear()
    async with process.running():
        first = await process.submit(job_submitted("house"))
        await house.started.get()
        await process.submit(_run(first, 2))
        process.driver.look_round()
        await house.stopped.get()
        house.go_on.set()
        await process.submit(first)
        await process.ready(_run(first, 2))
    assert await process.state(first) is TranscriptionState.CANCELLED
    assert not [told for told in await process.outbox.events() if isinstance(told, TranscriptReady) and told.run == 1]


async def test_a_run_that_arrives_after_a_later_one_is_ignored(process: Process) -> None:
    """Events are not in order."""
    event = job_submitted("house")
    await process.submit(_run(event, 2))
    await process.submit(event)
    assert await process.state(event) is None


async def test_cancelling_stops_the_work_at_once(process: Process, house: HouseEngine) -> None:
    """The engine is stopped, nothing is told, and what it had kept goes away."""
    house.go_on.clear()
    async with process.running():
        event = await process.submit(job_submitted("house"))
        await house.started.get()
        await process.cancel(event)
        await house.stopped.get()
    assert await process.state(event) is TranscriptionState.CANCELLED
    assert not [told for told in await process.outbox.events() if isinstance(told, TranscriptReady)]
    await _settle(process)
    assert await process.keys(job_prefix(event.tenant_id, event.job_id)) == [event.source_key]


async def test_cancelling_wins_even_when_it_arrives_first(process: Process) -> None:
    """A submission that comes after its cancellation starts nothing; the next run does."""
    event = job_submitted("house")
    await process.cancel(event)
    await process.submit(event)
    assert await process.state(event) is None
    await process.submit(_run(event, 2))
    assert await process.state(_run(event, 2)) is TranscriptionState.QUEUED


async def test_erasing_leaves_nothing(process: Process, house: HouseEngine) -> None:
    """Whatever was being written when the job was erased is removed too, and no late event brings the job back."""
    house.go_on.clear()
    async with process.running():
        event = await process.submit(job_submitted("house"))
        await house.started.get()
        await process.erase(event)
        await house.stopped.get()
    await _settle(process)
    assert await process.keys(job_prefix(event.tenant_id, event.job_id)) == []
    assert await process.state(event) is None
    await process.submit(event)
    await process.erase(event)
    assert await process.state(event) is None


async def test_what_ended_leaves_no_checkpoints(process: Process) -> None:
    """Only source, raw answer and transcript stay."""
    async with process.running():
        event = await process.submit(job_submitted("house"))
        await process.ready(event)
    await _settle(process)
    prefix = job_prefix(event.tenant_id, event.job_id)
    assert await process.keys(prefix) == [f"{prefix}raw/1.json", f"{prefix}source/audio", f"{prefix}transcript/1.json"]


async def test_an_order_no_engine_here_can_fulfil_fails_at_once(process: Process) -> None:
    """The failure names the engines there are."""
    event = await process.submit(job_submitted("alexander"))
    failure = await process.failure(event)
    assert failure.code == "unknown_engine"
    assert "house, rented" in failure.message
    assert await process.state(event) is TranscriptionState.FAILED


async def test_a_recording_that_is_gone_fails_the_job(process: Process) -> None:
    """Nobody waits for what will not come."""
    async with process.running():
        event = await process.submit(job_submitted("house"), recording=None)
        assert (await process.failure(event)).code == "source_missing"


async def test_a_deadline_ends_what_hangs(process: Process, house: HouseEngine) -> None:
    """Work that is under way is stopped, and the customer may retry."""
    house.go_on.clear()
    async with process.running():
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
        event = await process.submit(job_submitted("house", deadline_at=soon))
        failure = await process.failure(event)
    assert failure.code == "deadline_exceeded"
    assert failure.retryable
    assert house.stopped.qsize() == 1


async def test_a_deadline_ends_what_nobody_can_work_on(process: Process, transcriber_blobs: BlobStore) -> None:
    """Even a job whose engine was taken out of service gets its answer."""
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    event = await process.submit(job_submitted("rented", deadline_at=long_ago))
    without = Process(pool=process.pool, blobs=transcriber_blobs, engines={"house": HouseEngine(transcriber_blobs)})
    async with without.running():
        assert (await without.failure(event)).code == "deadline_exceeded"


async def test_no_event_is_lost_between_two_processes(process: Process, house: HouseEngine) -> None:
    """A run that one process wrote down is found by another."""
    event = job_submitted("house", options=JobOptions())
    await process.submit(event)
    other = Process(pool=process.pool, blobs=process.blobs, engines={"house": HouseEngine(process.blobs)})
    async with other.running():
        assert (await other.ready(event)).engine == "house"


async def test_three_breakdowns_in_a_row_fail_the_job(process: Process, house: HouseEngine) -> None:
    """Fewer are gone over in silence; three are told, and a retry may help."""
    house.faults = [EngineCrashed("it broke down")] * 3
    async with process.running():
        event = await process.submit(job_submitted("house"))
        failure = await process.failure(event)
    assert failure.code == "engine_failed"
    assert failure.retryable


async def test_two_breakdowns_are_gone_over(process: Process, house: HouseEngine) -> None:
    """The third attempt counts."""
    house.faults = [EngineCrashed("it broke down")] * 2
    async with process.running():
        await process.ready(await process.submit(job_submitted("house")))


async def test_our_own_mistakes_fail_the_job_too(process: Process, house: HouseEngine) -> None:
    """An error nobody foresaw ends the job after a few attempts instead of turning for ever; its text stays in the log."""
    house.faults = [ValueError("the customer's secret words")] * 3
    async with process.running():
        event = await process.submit(job_submitted("house"))
        failure = await process.failure(event)
    assert failure.code == "internal_error"
    assert "secret" not in failure.message


async def _settle(process: Process) -> None:
    """Let the time pass after which nobody can still be writing, and clear up."""
    await process.pool.execute("update transcriber.leftovers set due_at = now()")
    await process.cleaner.clean()
    assert await process.pool.fetchval("select count(*) from transcriber.leftovers") == 0
