"""A job that waits says what for, and since when; it stops saying so when its work goes on."""

from __future__ import annotations

import datetime as dt

import pytest
from typing_extensions import override

from services.transcriber import waits
from services.transcriber.engines import KeyRefused, Report, Task, Throttled
from shared.blobs import BlobStore
from shared.database import Pool
from shared.errors import RetryableError
from shared.schemas.events import JobSubmitted, TranscriptionProgressed
from shared.schemas.jobs import Waiting
from tests.transcribing import HouseEngine, Process, Provider, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]
pytestmark = pytest.mark.usefixtures("impatient", "talkative")

FOREVER = 10**9


class Unreachable(HouseEngine):
    """An engine in the house whose server is away until further notice."""

    is_away = True

    @override
    async def transcribe(self, task: Task, report: Report) -> bytes:
        if self.is_away:
            raise RetryableError("the server cannot be reached at 10.0.0.7")
        return await super().transcribe(task, report)


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trouble is worth telling at once."""
    monkeypatch.setattr(waits, "WORTH_TELLING_SECONDS", 0.0)


@pytest.fixture
def provider() -> Provider:
    """A provider."""
    return Provider()


@pytest.fixture
def house(transcriber_blobs: BlobStore) -> Unreachable:
    """An engine in the house."""
    return Unreachable(transcriber_blobs)


@pytest.fixture
def process(transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Provider, house: Unreachable) -> Process:
    """A process."""
    return Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"rented": provider, "house": house})


async def test_a_job_says_that_it_waits_for_a_key(process: Process, provider: Provider) -> None:
    """Also one that nobody has begun with; the sentence names the engine, and neither key nor account."""
    provider.submit_faults = [KeyRefused("The provider refuses the key deployment-key-1234.")] * 50
    began = dt.datetime.now(dt.UTC)
    async with process.running():
        events = [await process.submit(job_submitted("rented")) for _ in range(3)]
        for event in events:
            waiting = await _waits(process, event)
            assert waiting.code == "key_refused"
            assert "rented" in waiting.message
            assert "deployment" not in waiting.message
            assert began - dt.timedelta(seconds=5) < waiting.since <= dt.datetime.now(dt.UTC)
        provider.submit_faults = []
        await process.pool.execute("update transcriber.accounts set paused_until = now(), probed_until = null")
        process.pacing._resting.clear()
        process.driver.wake()
        for event in events:
            await _goes_on(process, event)
            await process.ready(event)


async def test_what_is_waited_for_is_told_once(process: Process, provider: Provider) -> None:
    """And not with every look at the accounts."""
    provider.submit_faults = [Throttled("slow down", seconds=3600.0)]
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        assert (await _waits(process, event)).code == "throttled"
        for _ in range(3):
            await process.waits.tell()
    assert [told for told in await _told(process, event) if told is not None] == [await _waits(process, event)]


async def test_a_job_that_its_provider_works_on_waits_as_well(process: Process, provider: Provider) -> None:
    """For the answer, while the provider is not to be asked."""
    provider.polls_until_finished = 1
    provider.poll_faults = [Throttled("slow down", seconds=3600.0)]
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        assert (await _waits(process, event)).code == "throttled"
        await process.pool.execute("delete from transcriber.accounts")
        process.pacing._resting.clear()
        await _goes_on(process, event)
        await process.ready(event)


async def test_an_outage_in_the_house_is_told(process: Process, house: Unreachable) -> None:
    """It has no account; its address is nobody's business."""
    async with process.running():
        event = await process.submit(job_submitted("house"))
        waiting = await _waits(process, event)
        assert waiting.code == "outage"
        assert "10.0.0.7" not in waiting.message
        house.is_away = False
        await _goes_on(process, event)
        await process.ready(event)


async def test_a_search_for_what_was_perhaps_taken_is_told(process: Process, provider: Provider) -> None:
    """It takes its time so that nobody pays twice."""
    provider.lost_answers, provider.unlisted = 1, FOREVER
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        assert (await _waits(process, event)).code == "outcome_unclear"
        provider.unlisted = 0
        await _goes_on(process, event)
        await process.ready(event)


async def test_a_short_pause_is_not_worth_a_word(process: Process, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers ask for a second of patience now and then."""
    monkeypatch.setattr(waits, "WORTH_TELLING_SECONDS", 3600.0)
    provider.submit_faults = [Throttled("slow down", seconds=0.0)]
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await process.ready(event)
    assert [told for told in await _told(process, event) if told is not None] == []


async def _told(process: Process, event: JobSubmitted) -> list[Waiting | None]:
    """What the job was said to wait for, in order."""
    events = [told for told in await process.outbox.events() if isinstance(told, TranscriptionProgressed)]
    return [told.waiting for told in events if told.job_id == event.job_id]


async def _waits(process: Process, event: JobSubmitted) -> Waiting:
    """Wait until the job is said to wait."""
    return await process.told(
        lambda told: told.waiting if isinstance(told, TranscriptionProgressed) and told.job_id == event.job_id else None
    )


async def _goes_on(process: Process, event: JobSubmitted) -> None:
    """Wait until the job is said to wait no longer."""
    told: list[TranscriptionProgressed] = []

    def is_over(news: object) -> bool | None:
        if isinstance(news, TranscriptionProgressed) and news.job_id == event.job_id and news not in told:
            told.append(news)
        waits = [news.waiting is not None for news in told]
        return True if any(waits) and not waits[-1] else None

    await process.told(is_over)
