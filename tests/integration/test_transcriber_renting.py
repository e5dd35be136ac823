"""A rented engine is handed each recording once, whatever breaks in between: nobody pays twice."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import msgspec
import pytest

from services.transcriber.engines import Account, Attachment, Capabilities, OutcomeUnknown, Prepared, Task, Throttled
from services.transcriber.renting import MOST_SUBMISSIONS
from services.transcriber.rules import RulesChange
from shared.blobs import BlobStore, attachment_key
from shared.database import Pool
from shared.errors import JobError, RetryableError
from shared.schemas.engines import Feature
from shared.schemas.events import TranscriptionState
from shared.schemas.jobs import JobOptions
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


async def test_what_identifies_a_submission_is_kept_before_it_leaves(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever dies while the request is on its way, the audio's name, the callback's secret and the account are known."""
    submit, kept = provider.submit, []

    async def watched_submit(task: Task, prepared: Prepared) -> str:
        query = "select state, token, prepared, account_id from transcriber.transcriptions where job_id = $1"
        kept.append(dict(await process.pool.fetchrow(query, task.job_id)))
        assert task.account is not None
        assert kept == [{"state": "submitting", "token": task.token, "prepared": dict(prepared), "account_id": task.account.id}]
        return await submit(task, prepared)

    monkeypatch.setattr(provider, "submit", watched_submit)
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))
    assert len(kept[0]["token"]) > 20


async def test_a_task_that_was_lost_is_handed_over_again(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it is certain that the provider has not taken it, the same task goes out again."""
    submit, lost = provider.submit, iter(range(2))

    async def losing_submit(task: Task, prepared: Prepared) -> str:
        if next(lost, None) is not None:
            raise OutcomeUnknown("no answer came")
        return await submit(task, prepared)

    monkeypatch.setattr(provider, "submit", losing_submit)
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))
    assert len(provider.accepted) == 1
    await process.pool.execute("update transcriber.leftovers set due_at = now()")
    await process.cleaner.clean()
    assert provider.searches == 1, "there may be more than one task to forget"


async def test_the_task_of_a_clear_submission_is_not_searched_for(process: Process, provider: Provider) -> None:
    """A provider's list may be long."""
    async with process.running():
        await process.ready(await process.submit(job_submitted("rented")))
    await process.pool.execute("update transcriber.leftovers set due_at = now()")
    await process.cleaner.clean()
    assert (len(provider.dismissed), provider.searches) == (1, 0)


async def test_a_task_that_is_lost_again_and_again_is_given_up(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a provider perhaps takes over and over is left to the customer to decide."""
    submissions = []

    async def losing_submit(task: Task, prepared: Prepared) -> str:
        submissions.append(task)
        raise OutcomeUnknown("no answer came")

    monkeypatch.setattr(provider, "submit", losing_submit)
    monkeypatch.setattr("services.transcriber.pacing.OUTAGES_IN_A_ROW", 100)
    async with process.running():
        failure = await process.failure(await process.submit(job_submitted("rented")))
    assert (failure.code, failure.retryable) == ("outcome_unknown", True)
    assert len(submissions) == MOST_SUBMISSIONS
    assert len({task.token for task in submissions}) == 1


async def test_what_stays_unclear_is_given_up(process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that cannot tell for half an hour will not tell later; nothing is sent again by itself."""
    provider.lost_answers, provider.unlisted = 1, 10**9
    monkeypatch.setattr("services.transcriber.renting.UNKNOWN_SECONDS", 0.0)
    async with process.running():
        failure = await process.failure(await process.submit(job_submitted("rented")))
    assert (failure.code, failure.retryable) == ("outcome_unknown", True)
    assert len(provider.accepted) == 1


@pytest.mark.parametrize("how", ["cancelled", "erased"])
async def test_what_was_perhaps_taken_is_searched_for_and_dismissed(process: Process, provider: Provider, how: str) -> None:
    """A customer who changes his mind while nobody knows whether the provider has the task leaves nothing there."""
    provider.lost_answers, provider.unlisted = 1, 10**9
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until_submitted(provider)
        await (process.cancel(event) if how == "cancelled" else process.erase(event))
    await process.pool.execute("update transcriber.leftovers set due_at = now()")
    await process.cleaner.clean()
    assert provider.dismissed == list(provider.accepted)
    searched = "select count(*) from transcriber.leftovers where engine is not null"
    assert await process.pool.fetchval(searched) == 1, "lists lag behind: it is searched for again"
    await process.pool.execute("update transcriber.leftovers set due_at = now(), submitted_at = now() - interval '1 hour'")
    await process.cleaner.clean()
    assert await process.pool.fetchval("select count(*) from transcriber.leftovers") == 0


async def test_a_task_that_is_taken_after_its_job_was_cancelled_is_dismissed(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer cancels in the very moment in which the provider takes the task."""
    submit = provider.submit

    async def overtaken_submit(task: Task, prepared: Prepared) -> str:
        await process.cancel(event)
        return await submit(task, prepared)

    monkeypatch.setattr(provider, "submit", overtaken_submit)
    event = job_submitted("rented")
    async with process.running():
        await process.submit(event)
        await _until_submitted(provider)
    await process.pool.execute("update transcriber.leftovers set due_at = now()")
    await process.cleaner.clean()
    assert set(provider.dismissed) == set(provider.accepted)
    assert len(provider.accepted) == 1


async def test_a_new_key_of_the_same_owner_finds_the_task(process: Process, provider: Provider) -> None:
    """A key that is replaced while the provider works does not lose the task."""
    provider.polls_until_finished = 10**9
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until_submitted(provider)
        provider.key = "another-deployment-key"
        provider.polls_until_finished = 0
        await process.ready(event)
    assert len(provider.accepted) == 1


async def test_tenants_pay_with_keys_of_their_own(process: Process, provider: Provider) -> None:
    """From the submission to the last question, a tenant's task runs on the tenant's account."""
    event = job_submitted("rented")
    await process.accounts.keep_key(event.tenant_id, "rented", "the-tenants-own-key")
    async with process.running():
        await process.ready(await process.submit(event))
    assert {task.account.key for task in provider.polls if task.account} == {"the-tenants-own-key"}


async def test_a_recording_is_uploaded_again_where_another_account_pays(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies with the deployment's account is of no use to a tenant that brings a key, however often that upload fails."""
    submit, mended = provider.submit, asyncio.Event()

    async def prepare(task: Task) -> Prepared:
        assert task.account is not None
        if task.account.tenant_id is not None and not mended.is_set():
            mended.set()
            raise RetryableError("The upload broke off.")
        return {"account": task.account.id, "job_id": str(task.job_id)}

    async def submit_to_account(task: Task, prepared: Prepared) -> str:
        assert task.account is not None
        if prepared["account"] != task.account.id:
            raise JobError("engine_lost_task", "That is somebody else's.")
        return await submit(task, prepared)

    monkeypatch.setattr(provider, "prepare", prepare)
    monkeypatch.setattr(provider, "submit", submit_to_account)
    provider.submit_faults = [Throttled("slow down", seconds=3600.0)]
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        async with asyncio.timeout(30):
            while not await process.pool.fetchval("select true from transcriber.accounts"):
                await asyncio.sleep(0.01)
        await process.accounts.keep_key(event.tenant_id, "rented", "the-tenants-own-key")
        await process.pool.execute("delete from transcriber.accounts")
        process.pacing._resting.clear()
        process.driver.wake()
        await process.ready(event)
    assert mended.is_set()


async def test_audio_that_may_not_leave_the_house_stays(process: Process, provider: Provider) -> None:
    """A tenant's decision binds jobs that were submitted before it, as long as the provider has nothing of them."""
    event = job_submitted("rented")
    await process.submit(event)
    await process.rules.change(event.tenant_id, RulesChange(allow_rented=False))
    async with process.running():
        failure = await process.failure(event)
    assert failure.code == "engine_forbidden"
    assert provider.accepted == {}


async def test_a_recording_is_not_handed_over_again_once_that_is_forbidden(process: Process, provider: Provider) -> None:
    """It was perhaps taken, and was not, and by now the tenant does not want it to leave the house."""
    event = job_submitted("rented")
    provider.submit_faults, provider.unlisted = [ConnectionResetError("lost before it arrived")], 1
    search = provider.find

    async def find(task: Task, prepared: Prepared, submitted_at: dt.datetime) -> str | None:
        await process.rules.change(event.tenant_id, RulesChange(allow_rented=False))
        return await search(task, prepared, submitted_at)

    provider.find = find  # type: ignore[method-assign]
    async with process.running():
        await process.submit(event)
        assert (await process.failure(event)).code == "engine_forbidden"
    assert provider.accepted == {}


async def test_a_file_that_the_provider_will_not_take_is_not_sent(
    transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Provider
) -> None:
    """The customer is told before anything is uploaded."""
    provider.capabilities = msgspec.structs.replace(provider.capabilities, largest_bytes=4)
    process = Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"rented": provider})
    async with process.running():
        failure = await process.failure(await process.submit(job_submitted("rented")))
    assert failure.code == "file_too_large"
    assert provider.accepted == {}


async def test_key_terms_of_the_tenant_come_after_those_of_the_job(
    transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is told both."""
    provider.capabilities = Capabilities(features=frozenset({Feature.VOCABULARY}))
    process = Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"rented": provider})
    event = job_submitted("rented", options=JobOptions(engine="rented", vocabulary=("Audio2txt",)))
    await process.rules.change(event.tenant_id, RulesChange(vocabulary=("Dr. Chen",)))
    submit, given = provider.submit, []

    async def watched_submit(task: Task, prepared: Prepared) -> str:
        given.append(task.vocabulary)
        return await submit(task, prepared)

    monkeypatch.setattr(provider, "submit", watched_submit)
    async with process.running():
        await process.ready(await process.submit(event))
    assert given == [("Audio2txt", "Dr. Chen")]


async def test_files_that_come_with_the_answer_are_stored_before_the_provider_forgets_them(
    process: Process, provider: Provider
) -> None:
    """A redacted recording lies beside the transcript; one that breaks off is fetched again from its beginning."""
    faults = [ConnectionResetError("the transfer broke off")]

    async def chunks() -> AsyncIterator[bytes]:
        yield b"redacted "
        if faults:
            raise faults.pop()
        yield b"recording"

    provider.files = (Attachment(name="redacted.mp3", media_type="audio/mpeg", chunks=chunks),)
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await process.ready(event)
    assert await process.blobs.get(attachment_key(event.tenant_id, event.job_id, 1, "redacted.mp3")) == b"redacted recording"
    assert len(provider.polls) == 1, "the answer is not asked for again"


async def _unreachable(account: Account, provider_id: str | None, prepared: Prepared) -> None:
    raise ConnectionRefusedError(provider_id)


async def _until_submitted(provider: Provider) -> None:
    while not provider.accepted:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


def _task(job_id: object, tenant_id: object) -> Task:
    from uuid import UUID

    return Task(tenant_id=UUID(str(tenant_id)), job_id=UUID(str(job_id)), run=1, language=None, source_key="x")
