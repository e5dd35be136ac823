"""Tasks at providers are asked for in turns: cheaply while they go on, and without losing what has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from services.transcriber.engines import EngineCrashed, Finished, Pending, Task
from services.transcriber.poller import FIRST_INTERVAL, LONGEST_INTERVAL, interval, interval_if_called_back
from services.transcriber.store import Outcome
from services.transcriber.store.submissions import Unfinished
from shared.blobs import BlobStore, BlobUnavailable, job_prefix, raw_key
from shared.database import Pool
from shared.errors import JobError, RetryableError
from shared.schemas.events import JobSubmitted, TranscriptionProgressed, TranscriptionState
from tests.transcribing import Process, Provider, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def provider() -> Provider:
    """A provider that all processes rent from."""
    return Provider()


@pytest.fixture
def process(transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Provider) -> Process:
    """A process."""
    return Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"rented": provider})


def test_questions_become_rarer() -> None:
    """A short recording is done after a few seconds; a long one is not asked for every few, where there are many of them."""
    intervals = [interval(polls, 2_000, 600) for polls in range(20)]
    assert intervals == sorted(intervals)
    assert intervals[0] == FIRST_INTERVAL
    assert intervals[-1] == interval(10_000, 2_000, 600) == LONGEST_INTERVAL


def test_few_tasks_are_asked_for_often() -> None:
    """Half of what the account may ask in a minute is enough for all of them."""
    assert interval(100, 10, 600) == FIRST_INTERVAL
    assert interval(100, 50, 600) == 50 / 5
    assert interval(0, 50, 600) == FIRST_INTERVAL


def test_who_is_called_back_leaves_requests_for_the_answers() -> None:
    """However many tasks there are, asking in vain takes a fifth of what the account may ask."""
    assert interval_if_called_back(30.0, 10, 600) == 30.0
    assert interval_if_called_back(30.0, 100, 600) == 100 / 2


async def test_hundreds_are_given_back_together(process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the provider is busy with costs a question each, and one statement for many."""
    provider.polls_until_finished, provider.pause = 10**9, None
    statements = 0
    unfinished = process.submissions.unfinished

    async def counted(tasks: Sequence[Unfinished]) -> None:
        nonlocal statements
        statements += 1
        await unfinished(tasks)

    await _at_provider(process, provider, 150)
    monkeypatch.setattr(process.submissions, "unfinished", counted)
    poller = asyncio.create_task(process.poller.run())
    await _until(lambda: len(provider.polls) >= 150)
    await _until_nothing_is_leased(process)
    poller.cancel()
    await asyncio.gather(poller, return_exceptions=True)
    assert len(provider.polls) == 150, "nobody is asked for twice before it is time"
    assert statements <= 15
    rows = await process.pool.fetch("select polls, due_at > now() as later from transcriber.transcriptions")
    assert {(row["polls"], row["later"]) for row in rows} == {(1, True)}


async def test_two_processes_share_the_questions(
    process: Process, provider: Provider, transcriber_pool: Pool, transcriber_blobs: BlobStore
) -> None:
    """A task is asked for by one of them."""
    provider.polls_until_finished, provider.pause = 10**9, 3600.0
    await _at_provider(process, provider, 60)
    other = Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"rented": provider})
    pollers = [asyncio.create_task(each.poller.run()) for each in (process, other)]
    await _until(lambda: len(provider.polls) >= 60)
    await _until_nothing_is_leased(process)
    for poller in pollers:
        poller.cancel()
    await asyncio.gather(*pollers, return_exceptions=True)
    assert len({task.job_id for task in provider.polls}) == len(provider.polls) == 60


async def test_progress_is_told_when_it_is_news(process: Process, provider: Provider) -> None:
    """The customer sees it move, and not an event for every question."""
    provider.polls_until_finished = 5
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))
    halves = [
        told for told in await process.outbox.events() if isinstance(told, TranscriptionProgressed) and told.progress == 0.5
    ]
    assert len(halves) <= 1


async def test_the_customer_hears_at_once_that_the_provider_is_at_work(process: Process, provider: Provider) -> None:
    """Also when the provider has taken the recording in no time."""
    provider.polls_until_finished, provider.pause = 10**9, 3600.0
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await process.told(lambda told: True if _is_at_work(told, event) else None)


def _is_at_work(told: Outcome, event: JobSubmitted) -> bool:
    if not isinstance(told, TranscriptionProgressed) or told.job_id != event.job_id:
        return False
    return told.state is TranscriptionState.PROCESSING


async def test_an_outage_of_the_provider_is_waited_out(process: Process, provider: Provider) -> None:
    """Nobody's job fails because a provider is away for a while."""
    provider.poll_faults = [RetryableError("the provider is away"), ConnectionResetError("gone"), TimeoutError()]
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))


async def test_a_failure_at_the_provider_fails_the_job(process: Process, provider: Provider) -> None:
    """With the provider's reason."""
    provider.failure = JobError("engine_failed", "The provider cannot read it.")
    async with process.running():
        failure = await process.failure(await process.submit(job_submitted("rented")))
    assert failure.message == "The provider cannot read it."


async def test_answers_nobody_understands_fail_the_job_after_a_few_attempts(process: Process, provider: Provider) -> None:
    """An error nobody foresaw does not go on for ever, and does not disturb the others."""
    provider.poll_faults = [ValueError("what is this?")] * 3
    async with process.running():
        failure = await process.failure(await process.submit(job_submitted("rented")))
        await process.ready(await process.submit(job_submitted("rented")))
    assert failure.code == "internal_error"


async def test_breakdowns_are_counted_over_questions(process: Process, provider: Provider) -> None:
    """Two are gone over, as everywhere."""
    provider.poll_faults = [EngineCrashed("it broke down")] * 2
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))


async def test_the_answer_is_stored_before_it_is_understood(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the answer and the transcript: the answer is there, and the provider is not asked again."""
    composed = asyncio.Event()

    async def crash(*_: object) -> None:
        composed.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(process.store, "heard", crash)
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await composed.wait()
        assert await process.blobs.get(raw_key(event.tenant_id, event.job_id, 1))
    polls = len(provider.polls)
    successor = Process(pool=process.pool, blobs=process.blobs, engines={"rented": provider})
    async with successor.running():
        await successor.ready(event)
    assert len(provider.polls) == polls


async def test_an_answer_that_cannot_be_stored_is_asked_for_again(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our store's outage is not the provider's."""
    put, outages = process.blobs.put, iter(range(2))

    async def failing_put(key: str, data: bytes) -> object:
        if "/raw/" in key and next(outages, None) is not None:
            raise BlobUnavailable("the store is away")
        return await put(key, data)

    monkeypatch.setattr(process.blobs, "put", failing_put)
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))
    assert await process.pool.fetchval("select count(*) from transcriber.accounts") == 0


async def test_a_task_is_not_asked_for_after_its_deadline(process: Process, provider: Provider) -> None:
    """It ends as overdue, and the provider is made to forget it."""
    provider.polls_until_finished, provider.pause = 10**9, 3600.0
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until(lambda: bool(provider.polls))
        await process.pool.execute("update transcriber.transcriptions set deadline_at = now()")  # time passes
        await process.driver._end_overdue()
        failure = await process.failure(event)
    assert failure.code == "deadline_exceeded"
    assert await process.pool.fetchval("select provider_id from transcriber.leftovers") in provider.accepted


async def test_a_stopping_process_gives_back_what_it_was_asking_for(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next process asks at once."""
    asked = asyncio.Event()

    async def slow_poll(task: Task, provider_id: str) -> Pending:
        asked.set()
        await asyncio.Event().wait()
        return Pending()

    with monkeypatch.context() as patch:
        patch.setattr(provider, "poll", slow_poll)
        async with process.running():
            event = await process.submit(job_submitted("rented"))
            await asked.wait()
    assert await process.leases_held() == 0
    async with process.running():
        await process.ready(event)


async def test_a_long_answer_is_asked_for_once(process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes, or waits for its turn: the lease is kept, and one that ran out is not taken for new work."""
    monkeypatch.setattr("services.transcriber.poller.RENEW_SECONDS", 0.05)
    asked, answer = _slow(provider, monkeypatch)
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await asked.wait()
        for left in (1.0, -1.0):
            await process.pool.execute(
                "update transcriber.transcriptions set lease_until = now() + make_interval(secs => $1)", left
            )
            await _until_leased_for(process, seconds=60.0)
        answer.set()
        await process.ready(event)
    assert len(provider.polls) == 1


async def test_an_answer_about_an_erased_job_is_not_kept(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come long after everything else of the job was removed."""
    asked, answer = _slow(provider, monkeypatch)
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await asked.wait()
        await process.erase(event)
        await process.pool.execute("update transcriber.leftovers set due_at = now()")
        await process.cleaner.clean()
        assert await process.keys(job_prefix(event.tenant_id, event.job_id)) == []
        answer.set()
        await _until(lambda: not process.poller._held)
    assert await process.keys(job_prefix(event.tenant_id, event.job_id)) == []


def _slow(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """A provider that takes its time for an answer: when it was asked, and what lets it answer."""
    asked, answer, poll = asyncio.Event(), asyncio.Event(), provider.poll

    async def slow_poll(task: Task, provider_id: str) -> Pending | Finished:
        found = await poll(task, provider_id)
        asked.set()
        await answer.wait()
        return found

    monkeypatch.setattr(provider, "poll", slow_poll)
    return asked, answer


async def _until_leased_for(process: Process, *, seconds: float) -> None:
    async with asyncio.timeout(30):
        while not await process.pool.fetchval(
            "select bool_or(lease_until > now() + make_interval(secs => $1)) from transcriber.transcriptions", seconds
        ):
            await asyncio.sleep(0.01)


async def _at_provider(process: Process, provider: Provider, count: int) -> None:
    """So many tasks are at the provider, to be asked for now."""
    for _ in range(count):
        await process.submit(job_submitted("rented"), recording=None)
    rows = await process.pool.fetch(
        "update transcriber.transcriptions set state = 'processing', provider_id = job_id::text, started_at = now() "
        "returning job_id"
    )
    provider.accepted.update({str(row["job_id"]): row["job_id"] for row in rows})


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def _until_nothing_is_leased(process: Process) -> None:
    async with asyncio.timeout(30):
        while await process.leases_held():
            await asyncio.sleep(0.02)
