"""Nobody pays twice: a request that was sent is never sent again by itself, whoever dies, and whoever takes over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from services.transcriber import ledger as ledgers
from services.transcriber.engines import KeyRefused, OutcomeUnknown, Throttled, checkpoint_prefix
from services.transcriber.ledger import PaidLedger, PaidRequests
from services.transcriber.store import LeaseLost, Transcription
from shared.blobs import BlobStore, BlobUnavailable
from shared.database import Pool
from shared.errors import JobError, RetryableError
from shared.schemas.events import JobSubmitted
from tests.transcribing import Process, Provider, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]


class Payee:
    """A provider that counts what it is asked, and answers or fails as it is told."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.faults: list[Exception] = []
        self.taken = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    def request(self, name: str) -> Callable[[], Awaitable[bytes]]:
        """One that costs something."""

        async def ask() -> bytes:
            self.asked[name] += 1
            self.taken.set()
            await self.go_on.wait()
            if self.faults:
                raise self.faults.pop(0)
            return f"answer to {name}".encode()

        return ask


class House:
    """One process, and the transcription it may hold."""

    def __init__(self, pool: Pool, blobs: BlobStore) -> None:
        self.process = Process(pool=pool, blobs=blobs, engines={"rented": Provider()})
        self.pool, self.blobs = pool, blobs
        self.forbidden = False

    async def claim(self) -> PaidLedger:
        """Take the transcription, and open its ledger."""
        (row,) = await self.process.leases.claim("rented", 1)
        return self.ledger(row)

    def ledger(self, row: Transcription) -> PaidLedger:
        """Its ledger in this process."""
        requests = PaidRequests(pool=self.pool, owner=self.process.owner)
        return PaidLedger(requests=requests, blobs=self.blobs, row=row, permit=self.permit)

    async def permit(self) -> None:
        """As the tenant has decided."""
        if self.forbidden:
            raise JobError("engine_forbidden", "Your audio may not leave the house.")


@pytest.fixture
def payee() -> Payee:
    """The provider."""
    return Payee()


@pytest.fixture
def first(transcriber_pool: Pool, transcriber_blobs: BlobStore) -> House:
    """One process."""
    return House(transcriber_pool, transcriber_blobs)


@pytest.fixture
def second(transcriber_pool: Pool, transcriber_blobs: BlobStore) -> House:
    """Another, over the same database and store."""
    return House(transcriber_pool, transcriber_blobs)


@pytest.fixture
async def job(first: House) -> JobSubmitted:
    """A job that somebody may lease."""
    return await first.process.submit(job_submitted("rented"))


async def lapse(house: House) -> None:
    """Let the lease run out, as when its owner has been dead for a while."""
    await house.pool.execute("update transcriber.transcriptions set lease_until = now() - interval '1 second'")


async def die(ledger: PaidLedger, payee: Payee, name: str) -> None:
    """End like a killed process: with the request on its way, and nothing written down any more."""
    payee.go_on.clear()
    payee.taken.clear()
    asking = asyncio.create_task(ledger._ask(name, payee.request(name)))
    await payee.taken.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    payee.go_on.set()


async def failure_of(asking: Awaitable[bytes]) -> JobError:
    """The reason a request fails for good."""
    with pytest.raises(JobError) as caught:
        await asking
    return caught.value


async def test_an_answer_is_paid_for_once(job: JobSubmitted, first: House, payee: Payee) -> None:
    """Asking again for what was answered costs nothing and gives the same."""
    ledger = await first.claim()
    answers = [await ledger.answer("chunk-0001", payee.request("chunk-0001")) for _ in range(2)]
    assert answers == [b"answer to chunk-0001"] * 2
    assert payee.asked == {"chunk-0001": 1}


async def test_what_was_forbidden_is_not_sent_but_what_was_paid_is_read(job: JobSubmitted, first: House, payee: Payee) -> None:
    """And nothing is noted that never left the house, so that it can be sent once it may be."""
    ledger = await first.claim()
    await ledger.answer("chunk-0001", payee.request("chunk-0001"))
    first.forbidden = True
    assert await ledger.answer("chunk-0001", payee.request("chunk-0001")) == b"answer to chunk-0001"
    failure = (await failure_of(ledger.answer("chunk-0002", payee.request("chunk-0002")))).failure
    assert failure.code == "engine_forbidden"
    assert payee.asked == {"chunk-0001": 1}
    first.forbidden = False
    assert await ledger.answer("chunk-0002", payee.request("chunk-0002")) == b"answer to chunk-0002"


async def test_a_crash_between_requests_goes_on_with_the_next(
    job: JobSubmitted, first: House, second: House, payee: Payee
) -> None:
    """Whoever takes over has the answers that were stored, and asks only for those that nobody has asked for."""
    ledger = await first.claim()
    await ledger.answer("chunk-0001", payee.request("chunk-0001"))
    await lapse(first)
    successor = await second.claim()
    for name in ("chunk-0001", "chunk-0002"):
        assert await successor.answer(name, payee.request(name)) == f"answer to {name}".encode()
    assert payee.asked == {"chunk-0001": 1, "chunk-0002": 1}


async def test_a_crash_after_a_request_was_sent_never_asks_again(
    job: JobSubmitted, first: House, second: House, payee: Payee, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what became of it, so the customer is asked whether to pay again."""
    monkeypatch.setattr(ledgers, "MISSED_SECONDS", 0.0)
    monkeypatch.setattr(ledgers, "LOOK_AGAIN_SECONDS", 0.0)
    await die(await first.claim(), payee, "chunk-0001")
    await lapse(first)
    successor = await second.claim()
    failure = (await failure_of(successor.answer("chunk-0001", payee.request("chunk-0001")))).failure
    assert (failure.code, failure.retryable) == ("outcome_unknown", True)
    assert payee.asked == {"chunk-0001": 1}


async def test_whoever_takes_over_waits_for_an_answer_that_may_still_come(
    job: JobSubmitted, first: House, second: House, payee: Payee, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was cut off from the database for a while still gets its answer, and stores it for its successor."""
    monkeypatch.setattr(ledgers, "LOOK_AGAIN_SECONDS", 0.0)
    payee.go_on.clear()
    cut_off = asyncio.create_task((await first.claim()).answer("chunk-0001", payee.request("chunk-0001")))
    await payee.taken.wait()
    await lapse(first)
    waiting = asyncio.create_task((await second.claim()).answer("chunk-0001", payee.request("chunk-0001")))
    async with asyncio.timeout(30):
        while not await first.pool.fetchval("select missed_at from transcriber.paid_requests"):
            await asyncio.sleep(0)
    payee.go_on.set()
    assert await cut_off == await waiting
    assert payee.asked == {"chunk-0001": 1}


async def test_a_process_that_lost_the_lease_asks_nothing(job: JobSubmitted, first: House, second: House, payee: Payee) -> None:
    """Of two that both think they hold it, one pays."""
    late = await first.claim()
    await lapse(first)
    successor = await second.claim()
    with pytest.raises(LeaseLost):
        await late.answer("chunk-0001", payee.request("chunk-0001"))
    await successor.answer("chunk-0001", payee.request("chunk-0001"))
    assert payee.asked == {"chunk-0001": 1}


async def test_two_that_ask_at_once_pay_once(job: JobSubmitted, first: House, second: House, payee: Payee) -> None:
    """However the two meet, the request leaves one of them only."""
    (row,) = await first.process.leases.claim("rented", 1)
    requests = [house.ledger(row).answer("chunk-0001", payee.request("chunk-0001")) for house in (first, second, first)]
    await asyncio.gather(*requests, return_exceptions=True)
    assert payee.asked == {"chunk-0001": 1}


@pytest.mark.parametrize(
    "fault",
    [
        RetryableError("cannot be reached"),
        Throttled("asks for patience", seconds=1),
        KeyRefused("refuses the key"),
        JobError("engine_failed", "refuses the recording"),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_what_was_not_taken_is_asked_again(job: JobSubmitted, first: House, payee: Payee, fault: Exception) -> None:
    """A refusal costs nothing, so the next attempt may ask."""
    ledger = await first.claim()
    payee.faults = [fault]
    with pytest.raises(type(fault)):
        await ledger.answer("chunk-0001", payee.request("chunk-0001"))
    assert await ledger.answer("chunk-0001", payee.request("chunk-0001")) == b"answer to chunk-0001"


async def test_a_lost_answer_is_left_to_the_customer(job: JobSubmitted, first: House, payee: Payee) -> None:
    """A connection that broke after the request was sent ends the job at once, and no later attempt pays again."""
    ledger = await first.claim()
    payee.faults = [OutcomeUnknown("no whole answer")]
    for _ in range(2):
        error = await failure_of(ledger.answer("chunk-0001", payee.request("chunk-0001")))
        assert error.failure.code == "outcome_unknown"
    assert payee.asked == {"chunk-0001": 1}


async def test_a_shutdown_waits_for_a_request_that_is_on_its_way(job: JobSubmitted, first: House, payee: Payee) -> None:
    """What is being paid for is stored before the process goes."""
    ledger = await first.claim()
    payee.go_on.clear()
    asking = asyncio.create_task(ledger.answer("chunk-0001", payee.request("chunk-0001")))
    await payee.taken.wait()
    asking.cancel()
    payee.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await ledger.answer("chunk-0001", payee.request("chunk-0001")) == b"answer to chunk-0001"
    assert payee.asked == {"chunk-0001": 1}


async def test_an_answer_outlives_an_outage_of_our_own_store(
    job: JobSubmitted, first: House, payee: Payee, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was paid for is kept until it can be stored."""
    monkeypatch.setattr(ledgers, "backoff", lambda _: 0.0)
    ledger, put, outages = await first.claim(), first.blobs.put, [BlobUnavailable("full"), BlobUnavailable("full")]

    async def full(key: str, data: bytes) -> object:
        if outages:
            raise outages.pop()
        return await put(key, data)

    monkeypatch.setattr(first.blobs, "put", full)
    await ledger.answer("chunk-0001", payee.request("chunk-0001"))
    assert await ledger.answer("chunk-0001", payee.request("chunk-0001")) == b"answer to chunk-0001"
    assert payee.asked == {"chunk-0001": 1}


async def test_an_answer_to_an_erased_job_is_not_kept(job: JobSubmitted, first: House, payee: Payee) -> None:
    """Erasing a job while a provider hears it leaves nothing of it in the store."""
    ledger = await first.claim()
    payee.go_on.clear()
    asking = asyncio.create_task(ledger.answer("chunk-0001", payee.request("chunk-0001")))
    await payee.taken.wait()
    await first.process.erase(job)
    payee.go_on.set()
    await asking
    assert await first.process.keys(checkpoint_prefix(job.tenant_id, job.job_id, job.run)) == []
