"""Accounts at providers get no more than they may have; in trouble their work rests, and goes on by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from services.transcriber.engines import KeyRefused, Prepared, Task, Throttled
from services.transcriber.settings import KeyPolicy, TranscriberSettings
from shared.blobs import BlobStore
from shared.database import Pool
from shared.errors import RetryableError
from shared.schemas.events import TranscriptionState
from shared.schemas.ids import new_id
from tests.transcribing import Process, Provider, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]
pytestmark = pytest.mark.usefixtures("impatient")

FOREVER = 10**9


@pytest.fixture
def provider() -> Provider:
    """A provider that all processes rent from."""
    return Provider()


@pytest.fixture
def process(transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Provider) -> Process:
    """A process."""
    return _process(transcriber_pool, transcriber_blobs, provider)


def _process(pool: Pool, blobs: BlobStore, provider: Provider, **settings: object) -> Process:
    return Process(pool=pool, blobs=blobs, engines={"rented": provider}, settings=TranscriberSettings(**settings))  # type: ignore[arg-type]


async def test_an_account_has_so_many_tasks_at_the_provider_and_no_more(
    transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Provider
) -> None:
    """Over all processes together; what is finished makes room for the next."""
    provider.polls_until_finished, provider.pause = FOREVER, 3600.0
    first, second = (_process(transcriber_pool, transcriber_blobs, provider, account_concurrency=3) for _ in range(2))
    events = [await first.submit(job_submitted("rented")) for _ in range(8)]
    async with first.running(), second.running():
        await _until(lambda: len(provider.accepted) >= 3)
        await asyncio.gather(first.driver._claim(), second.driver._claim())
        await asyncio.sleep(0.2)
        assert len(provider.accepted) == 3
        provider.polls_until_finished = 0
        await _ask_now(first)
        for event in events:
            await first.ready(event)
    assert len(provider.accepted) == 8


async def test_tenants_take_turns_at_a_narrow_account(
    transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Provider
) -> None:
    """Whoever submits a hundred recordings does not fill the account while another waits."""
    process = _process(transcriber_pool, transcriber_blobs, provider, account_concurrency=1)
    greedy, modest = new_id(), new_id()
    events = [await process.submit(job_submitted("rented", tenant_id=greedy)) for _ in range(4)]
    events += [await process.submit(job_submitted("rented", tenant_id=modest)) for _ in range(2)]
    async with process.running():
        for event in events:
            await process.ready(event)
    tenants = {event.job_id: event.tenant_id for event in events}
    assert {tenants[job_id] for job_id in list(provider.accepted.values())[:2]} == {greedy, modest}
    assert {tenants[job_id] for job_id in list(provider.accepted.values())[2:4]} == {greedy, modest}


async def test_an_account_that_is_asked_for_patience_rests(process: Process, provider: Provider) -> None:
    """No work of it begins and none is asked for until the time is over; others' accounts go on."""
    provider.polls_until_finished, provider.pause = FOREVER, 3600.0
    own = job_submitted("rented")
    await process.accounts.keep_key(own.tenant_id, "rented", "a-key-of-their-own")
    async with process.running():
        asked_for = await process.submit(job_submitted("rented"))
        await _until(lambda: bool(provider.polls))
        provider.submit_faults = [Throttled("slow down", seconds=3600.0)]
        refused = await process.submit(job_submitted("rented"))
        await _until_trouble(process, "throttled")
        waiting = await process.submit(job_submitted("rented"))
        provider.polls_until_finished = 0
        await process.ready(await process.submit(own))
        await _ask_now(process)
        await process.driver._claim()
        assert [await process.state(event) for event in (asked_for, refused, waiting)] == [
            TranscriptionState.PROCESSING,
            TranscriptionState.PREPARING,
            TranscriptionState.QUEUED,
        ]
        await _pause_is_over(process)
        for event in (asked_for, refused, waiting):
            await process.ready(event)
    assert await _troubles(process) == []


async def test_nobody_is_given_more_patience_than_is_reasonable(process: Process, provider: Provider) -> None:
    """A provider that asks for days of it, by mistake, is asked again within the hour."""
    provider.submit_faults = [Throttled("slow down", seconds=30 * 86_400.0)]
    async with process.running():
        await process.submit(job_submitted("rented"))
        await _until_trouble(process, "throttled")
    assert await process.pool.fetchval("select paused_until < now() + interval '1 hour' from transcriber.accounts")


async def test_another_key_ends_the_wait_for_a_resting_account(process: Process, provider: Provider) -> None:
    """Whatever the old key's account rests for: its tasks go on with the one that its owner has now."""
    provider.submit_faults = [Throttled("slow down", seconds=600.0)]
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until_trouble(process, "throttled")
        await _until_nothing_is_leased(process)
        provider.key = "a-new-key"
        await process.ready(event)


async def test_a_request_that_was_on_its_way_does_not_end_a_pause(process: Process, provider: Provider) -> None:
    """Only an answer after the pause shows that the account is well."""
    await process.submit(job_submitted("rented"))
    account = await process.accounts.of(new_id(), provider)
    assert account is not None
    with pytest.raises(Throttled):
        async with process.pacing.asking(account), process.pacing.asking(account):
            raise Throttled("slow down", seconds=3600.0)
    async with process.pacing.asking(account):
        pass
    assert await _troubles(process) == ["throttled"]
    await _pause_is_over(process)
    async with process.pacing.asking(account):
        pass
    assert await _troubles(process) == []


async def test_an_outage_does_not_shorten_a_pause_that_was_asked_for(process: Process, provider: Provider) -> None:
    """A request that fails meanwhile changes nothing about it, nor does one that succeeds afterwards."""
    await process.submit(job_submitted("rented"))
    account = await process.accounts.of(new_id(), provider)
    assert account is not None
    for trouble in (Throttled("slow down", seconds=3600.0), RetryableError("no answer")):
        with pytest.raises(RetryableError):
            async with process.pacing.asking(account):
                raise trouble
    async with process.pacing.asking(account):
        pass
    assert await _troubles(process) == ["throttled"]
    assert process.pacing.rests(account.engine, account.id)


async def test_jobs_wait_for_another_key(process: Process, provider: Provider) -> None:
    """A refused key costs no job: the operator is told once, and with a new key everything goes on by itself."""
    provider.submit_faults = [KeyRefused("The provider refuses the API key.")] * 3
    with capture_logs() as logs:
        async with process.running():
            events = [await process.submit(job_submitted("rented")) for _ in range(3)]
            await _until_trouble(process, "key_refused")
            await _until_nothing_is_leased(process)
            provider.key, provider.submit_faults = "a-new-key", []
            for event in events:
                await process.ready(event)
    alerts = [entry for entry in logs if entry["event"] == "engine.paused"]
    assert [(alert["log_level"], alert["reason"]) for alert in alerts] == [("error", "key_refused")]
    assert "deployment-key" not in str(logs)


async def test_a_key_that_is_accepted_again_is_tried_by_one_task(process: Process, provider: Provider) -> None:
    """A topped-up balance is noticed without anybody's doing, and until then one request in a while asks."""
    provider.submit_faults = [KeyRefused("The account's balance is negative.")] * 20
    async with process.running():
        events = [await process.submit(job_submitted("rented")) for _ in range(4)]
        await _until_trouble(process, "key_refused")
        await _until_nothing_is_leased(process)
        left = len(provider.submit_faults)
        await _pause_is_over(process)
        await _until(lambda: len(provider.submit_faults) < left)
        await _until_nothing_is_leased(process)
        assert len(provider.submit_faults) == left - 1
        provider.submit_faults = []
        await _pause_is_over(process)
        for event in events:
            await process.ready(event)


async def test_jobs_fail_for_a_refused_key_where_the_operator_wants_it(
    transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Provider
) -> None:
    """Every one of them, with the reason; the first success later ends the alarm."""
    process = _process(transcriber_pool, transcriber_blobs, provider, key_refused=KeyPolicy.FAIL)
    provider.submit_faults = [KeyRefused("The provider refuses the API key.")] * 2
    async with process.running():
        for _ in range(2):
            failure = await process.failure(await process.submit(job_submitted("rented")))
            assert (failure.code, failure.retryable) == ("key_refused", True)
        assert await _troubles(process) == ["key_refused"]
        await process.ready(await process.submit(job_submitted("rented")))
    assert await _troubles(process) == []


async def test_a_job_whose_key_was_taken_away_waits_for_another(process: Process, provider: Provider) -> None:
    """Nobody has a key any more when it is the job's turn."""
    event = await process.submit(job_submitted("rented"))
    provider.key = None
    async with process.running():
        await _until_trouble(process, "no_key")
        await process.accounts.keep_key(event.tenant_id, "rented", "a-key-of-their-own")
        await process.ready(event)


async def test_an_outage_is_one_line_in_the_log(process: Process, provider: Provider) -> None:
    """Hundreds of tasks wait for a provider that is away, and one tries now and then."""
    provider.polls_until_finished = FOREVER
    with capture_logs() as logs:
        async with process.running():
            events = [await process.submit(job_submitted("rented")) for _ in range(20)]
            await _until(lambda: len(provider.accepted) == 20)
            provider.poll_faults = [RetryableError("the provider is away")] * 40
            await _until_trouble(process, "outage")
            provider.poll_faults, provider.polls_until_finished = [], 0
            await _pause_is_over(process)
            for event in events:
                await process.ready(event)
    assert [entry["log_level"] for entry in logs if entry["event"] == "engine.paused"] == ["warning"]
    assert not [entry for entry in logs if entry["event"] == "transcription.postponed"]


async def test_one_failing_task_does_not_make_its_account_rest(
    process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account rests when nothing gets through, not when something does not."""
    submit = provider.submit
    unlucky = job_submitted("rented")
    turn = 0

    async def submit_some(task: Task, prepared: Prepared) -> str:
        nonlocal turn
        if task.job_id == unlucky.job_id:
            turn += 1
            if turn <= 12:
                raise RetryableError("an answer of 500")
        return await submit(task, prepared)

    monkeypatch.setattr(provider, "submit", submit_some)
    async with process.running():
        await process.submit(unlucky)
        while turn < 10:
            await process.ready(await process.submit(job_submitted("rented")))
        assert await _troubles(process) in ([], ["outage"])
        await process.ready(unlucky)


async def test_trouble_that_nobody_waits_for_is_forgotten(process: Process, provider: Provider) -> None:
    """The alarm for a key that was replaced does not stay for ever."""
    provider.submit_faults = [KeyRefused("The provider refuses the API key.")]
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await _until_trouble(process, "key_refused")
        await process.cancel(event)
    await process.pacing.look()
    assert await _troubles(process) == ["key_refused"]
    await process.pool.execute(
        "update transcriber.accounts set failed_at = now() - interval '1 hour', paused_until = now() - interval '1 hour'"
    )
    await process.pacing.look()
    assert await _troubles(process) == []


async def test_the_budget_spaces_requests(process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst is let through, then one request at a time; each account has a budget of its own."""
    slept: list[float] = []

    async def note(seconds: float) -> None:
        slept.append(seconds)

    account = await process.accounts.of(new_id(), provider)
    tenant_id = new_id()
    await process.accounts.keep_key(tenant_id, "rented", "a-key-of-their-own")
    own = await process.accounts.of(tenant_id, provider)
    assert account is not None
    assert own is not None
    monkeypatch.setattr("services.transcriber.pacing.asyncio.sleep", note)
    for _ in range(40):
        async with process.pacing.reserve(account):
            pass
    waits = list(slept)
    assert 15 <= len(waits) <= 20, "ten a second, and two seconds' worth at once"
    assert waits == sorted(waits)
    async with process.pacing.reserve(own):
        pass
    assert slept == waits


async def _troubles(process: Process) -> list[str]:
    return [row["reason"] for row in await process.pool.fetch("select reason from transcriber.accounts order by reason")]


async def _until_trouble(process: Process, reason: str) -> None:
    async with asyncio.timeout(30):
        while await _troubles(process) != [reason]:
            await asyncio.sleep(0.01)


async def _pause_is_over(process: Process) -> None:
    """Let the time pass that accounts rest."""
    await process.pool.execute(
        "update transcriber.accounts set paused_until = now() - interval '1 second', probed_until = null"
    )
    process.pacing._resting.clear()
    process.driver.wake()
    process.poller.wake()


async def _ask_now(process: Process) -> None:
    """Let the time pass until providers are asked again."""
    await process.pool.execute("update transcriber.transcriptions set due_at = now() where state = 'processing'")
    process.poller.wake()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def _until_nothing_is_leased(process: Process) -> None:
    async with asyncio.timeout(30):
        while await process.leases_held():
            await asyncio.sleep(0.02)
