"""A rented engine is handed each recording once, whatever breaks in between: nobody pays twice."""

from __future__ import annotations

import asyncio

import pytest

from services.transcriber.engines import Account, Prepared, Task
from shared.blobs import BlobStore
from shared.database import Pool
from shared.errors import JobError, RetryableError
from shared.schemas.events import TranscriptionState
from tests.transcribing import Process, Provider, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]
pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def provider() -> Provider:
    """A provider that both processes rent from."""
    return Provider()


@pytest.fixture
def process(transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Provider) -> Process:
    """A process."""
    return Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"rented": provider})


async def test_a_lost_answer_is_found_again(process: Process, provider: Provider) -> None:
    """The provider took the task but the connection broke: the task is adopted, not repeated."""
    provider.lost_answers = 1
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))
    assert len(provider.accepted) == 1


async def test_nothing_is_handed_over_while_it_is_unclear(process: Process, provider: Provider) -> None:
    """As long as the provider's list may lag behind, it is asked again and nothing is sent."""
    provider.lost_answers, provider.unlisted = 1, 5
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))
    assert len(provider.accepted) == 1
    assert provider.unlisted == 0


async def test_a_crash_between_submitting_and_writing_it_down_is_reconciled(
    process: Process, provider: Provider, transcriber_blobs: BlobStore
) -> None:
    """The next process finds the note made before, and asks the provider instead of submitting."""
    event = await process.submit(job_submitted("rented"))
    (row,) = await process.leases.claim("rented", 1)
    await process.submissions.submitting(row.key, {"audio": "upload/1"}, token="secret", account_id=row.account_id)
    await provider.submit(_task(event.job_id, event.tenant_id), {})
    await process.pool.execute("update transcriber.transcriptions set lease_until = now() - interval '1 second'")

    other = Process(pool=process.pool, blobs=transcriber_blobs, engines={"rented": provider})
    async with other.running():
        await other.ready(event)
    assert len(provider.accepted) == 1


async def test_what_certainly_was_not_taken_is_handed_over_again(process: Process, provider: Provider) -> None:
    """A full queue at the provider is an outage, not a failure."""
    provider.submit_faults = [RetryableError("the provider is busy")] * 4
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))
    assert len(provider.accepted) == 1


async def test_a_refusal_fails_the_job(process: Process, provider: Provider) -> None:
    """What the provider will never take is told to the customer."""
    provider.submit_faults = [JobError("engine_refused", "The provider takes no such files; upload another.")]
    async with process.running():
        failure = await process.failure(await process.submit(job_submitted("rented")))
    assert failure.code == "engine_refused"
    assert provider.accepted == {}


async def test_while_the_provider_works_no_lease_is_held(process: Process, provider: Provider) -> None:
    """Between two questions any process may ask the next one."""
    provider.polls_until_finished = 3
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await process.ready(event)
    assert provider.polls_until_finished == 0
    assert await process.leases_held() == 0


async def test_a_shutdown_lets_a_submission_finish(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is on its way when everything stops is written down before the process ends."""
    submit, on_its_way, arrived = provider.submit, asyncio.Event(), asyncio.Event()

    async def slow_submit(task: Task, prepared: Prepared) -> str:
        on_its_way.set()
        await arrived.wait()
        return await submit(task, prepared)

    monkeypatch.setattr(provider, "submit", slow_submit)
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await on_its_way.wait()
        asyncio.get_running_loop().call_later(0.1, arrived.set)
    assert await process.state(event) is TranscriptionState.PROCESSING
    assert len(provider.accepted) == 1
    assert await process.leases_held() == 0


@pytest.mark.parametrize("how", ["done", "cancelled", "erased", "failed"])
async def test_the_provider_is_made_to_forget(process: Process, provider: Provider, how: str) -> None:
    """However a transcription ends, the provider's copy goes with it."""
    provider.polls_until_finished = 0 if how == "done" else 10**9
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        match how:
            case "done":
                await process.ready(event)
            case "cancelled":
                await _until_submitted(provider)
                await process.cancel(event)
            case "erased":
                await _until_submitted(provider)
                await process.erase(event)
            case _:
                provider.failure = JobError("engine_refused", "The provider cannot read it.")
                await process.failure(event)
    await process.pool.execute("update transcriber.leftovers set due_at = now()")
    await process.cleaner.clean()
    assert provider.dismissed == list(provider.accepted)


async def test_a_provider_that_cannot_be_reached_is_asked_to_forget_later(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promise to forget is kept when the provider is back."""
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))
    with monkeypatch.context() as patch:
        patch.setattr(provider, "dismiss", _unreachable)
        await process.pool.execute("update transcriber.leftovers set due_at = now()")
        await process.cleaner.clean()
    await process.pool.execute("update transcriber.leftovers set due_at = now()")
    await process.cleaner.clean()
    assert provider.dismissed == list(provider.accepted)


async def _unreachable(account: Account, provider_id: str | None, prepared: Prepared) -> None:
    raise ConnectionRefusedError(provider_id)


async def _until_submitted(provider: Provider) -> None:
    while not provider.accepted:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


def _task(job_id: object, tenant_id: object) -> Task:
    from uuid import UUID

    return Task(tenant_id=UUID(str(tenant_id)), job_id=UUID(str(job_id)), run=1, language=None, source_key="x")
