"""One process at a time works on a transcription; whoever dies is relieved, and whoever was relieved writes nothing."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID

import pytest

from shared.blobs import BlobStore, BlobUnavailable
from shared.database import Pool, transaction
from shared.schemas.events import TranscriptionState
from shared.schemas.ids import new_id
from tests.transcribing import HouseEngine, Process, Provider, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]


@pytest.fixture
def first(transcriber_pool: Pool, transcriber_blobs: BlobStore) -> Process:
    """One process."""
    return _process(transcriber_pool, transcriber_blobs)


@pytest.fixture
def second(transcriber_pool: Pool, transcriber_blobs: BlobStore) -> Process:
    """Another, over the same database."""
    return _process(transcriber_pool, transcriber_blobs)


def _process(pool: Pool, blobs: BlobStore) -> Process:
    return Process(pool=pool, blobs=blobs, engines={"house": HouseEngine(blobs), "rented": Provider()})


async def _lapse(process: Process) -> None:
    """Let all leases run out, as when their owner has been dead for a while."""
    await process.pool.execute(
        "update transcriber.transcriptions set lease_until = now() - interval '1 second' where lease_until is not null"
    )


async def test_what_is_leased_is_nobody_elses(first: Process, second: Process) -> None:
    """Two processes that ask at once get different transcriptions."""
    for _ in range(10):
        await first.submit(job_submitted("house"))
    claims = await asyncio.gather(*(process.leases.claim("house", 3) for process in (first, second, first, second)))
    claimed = [row.key for rows in claims for row in rows]
    assert len(claimed) == len(set(claimed))
    assert await first.leases.claim("house", 100) or len(claimed) == 10
    assert await second.leases.claim("house", 100) == []


async def test_a_dead_owners_work_is_taken_over(first: Process, second: Process) -> None:
    """After the lease has run out, and not before."""
    event = await first.submit(job_submitted("house"))
    assert len(await first.leases.claim("house", 1)) == 1
    assert await second.leases.claim("house", 1) == []
    await _lapse(first)
    (row,) = await second.leases.claim("house", 1)
    assert row.job_id == event.job_id


async def test_whoever_has_lost_the_lease_writes_nothing(first: Process, second: Process) -> None:
    """A process that was thought dead comes back: every write of its is refused."""
    await first.submit(job_submitted("rented"))
    (row,) = await first.leases.claim("rented", 1)
    await _lapse(first)
    await second.leases.claim("rented", 1)

    assert await first.leases.renew([row.key]) == set()
    async with transaction(first.pool) as connection:
        assert await first.store.advance(connection, row.key, TranscriptionState.PROCESSING, progress=0.9) is None
    assert not await first.submissions.submitting(row.key, {}, token="secret", account_id=None)
    assert await first.submissions.taken(row.key, "a provider's id") is None
    assert not await first.submissions.not_submitted(row.key)
    assert not await first.submissions.answered(row.key)
    assert await first.store.heard(row.key) is None
    assert await first.store.crashed(row.key) is None
    assert not await first.store.postpone(row.key, 1.0, outages=1)
    await first.transcriber.end_overdue(row)
    assert await first.outbox.events() == []
    async with transaction(second.pool) as connection:
        assert await second.store.advance(connection, row.key, TranscriptionState.PROCESSING) is True


async def test_a_process_that_was_relieved_stops_working(first: Process, second: Process) -> None:
    """It notices with the next heartbeat, and leaves the work to the other."""
    house = first.engines["house"]
    assert isinstance(house, HouseEngine)
    house.go_on.clear()
    async with first.running():
        event = await first.submit(job_submitted("house"))
        await house.started.get()
        await first.pool.execute("update transcriber.transcriptions set lease_owner = $1", second.owner)
        first.driver.look_round()
        await house.stopped.get()
        await _lapse(second)
        house.go_on.set()
        async with second.running():
            await second.ready(event)


async def test_a_shutdown_gives_everything_back_at_once(first: Process, second: Process) -> None:
    """Nobody waits for leases to run out when a process ends in order."""
    house = first.engines["house"]
    assert isinstance(house, HouseEngine)
    house.go_on.clear()
    async with first.running():
        event = await first.submit(job_submitted("house"))
        await house.started.get()
        assert await first.leases_held() == 1
    assert await first.leases_held() == 0
    async with second.running():
        await second.ready(event)


async def test_a_process_that_is_stopping_takes_nothing_new(first: Process) -> None:
    """What comes in while it drains is left to others."""
    first.stopping.set()
    async with first.running():
        await first.submit(job_submitted("house"))
        await first.driver._claim()
        assert await first.leases_held() == 0


async def test_leases_are_renewed_while_work_goes_on(first: Process, second: Process) -> None:
    """Long work is not taken for dead."""
    house = first.engines["house"]
    assert isinstance(house, HouseEngine)
    house.go_on.clear()
    async with first.running():
        event = await first.submit(job_submitted("house"))
        await house.started.get()
        await _lapse(first)
        await first.driver._renew()
        assert await second.leases.claim("house", 1) == []
        house.go_on.set()
        await first.ready(event)


async def test_tenants_take_turns(first: Process) -> None:
    """Whoever submits a hundred recordings does not make another wait for them."""
    greedy, modest = new_id(), new_id()
    for _ in range(5):
        await first.submit(job_submitted("house", tenant_id=greedy), recording=None)
    for _ in range(2):
        await first.submit(job_submitted("house", tenant_id=modest), recording=None)
    turns: list[UUID] = []
    for _ in range(4):
        (row,) = await first.leases.claim("house", 1)
        turns.append(row.tenant_id)
    assert Counter(turns) == {greedy: 2, modest: 2}


@pytest.mark.usefixtures("impatient")
async def test_an_outage_of_the_store_costs_the_job_nothing(first: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again until the store is back, however often; that is nobody's failure."""
    put, outages = first.blobs.put, iter(range(5))

    async def failing_put(key: str, data: bytes) -> object:
        if key.endswith("transcript/1.json") and next(outages, None) is not None:
            raise BlobUnavailable("the store is away")
        return await put(key, data)

    monkeypatch.setattr(first.blobs, "put", failing_put)
    async with first.running():
        await first.ready(await first.submit(job_submitted("house")))


async def test_work_without_a_lease_ends_quietly(first: Process) -> None:
    """Losing a lease is no error: there is nothing to tell, and nothing to log as one."""
    await first.submit(job_submitted("house"))
    (row,) = await first.leases.claim("house", 1)
    await first.leases.release()
    await first.transcriber.work(row)
    assert await first.outbox.events() == []
