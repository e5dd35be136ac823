"""Nobody pays twice, also on retry: an answer that was paid for is read again, and not asked for again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from typing_extensions import override

from services.transcriber.engines import AnsweringEngine, Attachment, Heard, Ledger, Report, Task
from services.transcriber.engines.script import raw_script, read_script
from services.transcriber.rules import RulesChange
from shared.blobs import BlobStore, raw_key
from shared.database import Pool
from shared.errors import JobError
from shared.schemas.engines import Capabilities, Feature
from shared.schemas.events import JobSubmitted
from shared.schemas.ids import new_id
from shared.schemas.jobs import JobOptions, Redaction
from shared.schemas.transcripts import Transcript
from tests.transcribing import Process, Provider, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]
pytestmark = pytest.mark.usefixtures("impatient")

ABLE = Capabilities(
    features=frozenset({Feature.SPEAKERS, Feature.VOCABULARY, Feature.REDACTION, Feature.REDACTED_AUDIO}), keeps_copies=True
)
SPOKEN = raw_script(10_000)
SILENCE = b'{"duration_ms": 10000, "lines": []}'


class Changing(Provider):
    """A provider whose answers this version cannot read, until the next."""

    capabilities = ABLE

    def __init__(self) -> None:
        super().__init__()
        self.reading: Exception | None = ValueError("a form of answer that nobody here knows")
        self.reads = 0
        self.raw = SPOKEN

    @override
    async def fetch(self, task: Task, provider_id: str) -> bytes:
        return self.raw

    @override
    def parse(self, raw: bytes) -> Heard:
        self.reads += 1
        if self.reading is not None:
            raise self.reading
        return read_script(raw)


class Answering(AnsweringEngine):
    """One that answers in the request itself, with what this version cannot read, until the next."""

    name = "answering"
    capabilities = ABLE
    at_once = 1
    key: str | None = "deployment-key-1234"

    def __init__(self) -> None:
        self.reading: Exception | None = ValueError("a form of answer that nobody here knows")
        self.asked = 0

    @override
    async def transcribe(self, task: Task, ledger: Ledger, report: Report) -> bytes:
        return await ledger.answer("only", self._ask)

    @override
    def parse(self, raw: bytes) -> Heard:
        if self.reading is not None:
            raise self.reading
        return read_script(raw)

    async def _ask(self) -> bytes:
        self.asked += 1
        return SPOKEN


@pytest.fixture
def provider() -> Changing:
    """A provider."""
    return Changing()


@pytest.fixture
def process(transcriber_pool: Pool, transcriber_blobs: BlobStore, provider: Changing) -> Process:
    """A process."""
    return Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"rented": provider, "answering": Answering()})


async def test_an_answer_that_was_not_understood_is_read_again(process: Process, provider: Changing) -> None:
    """After an update the retry has the transcript of the task that was paid for, and hands nothing over."""
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        failure = await process.failure(event)
        assert failure.code == "answer_unreadable"
        assert "kept" in failure.message
        assert provider.reads == 1  # what cannot be read cannot be read a moment later either
        provider.reading = None
        again = await _retry(process, event)
        await process.ready(again)
    (provider_id,) = provider.accepted
    transcript = await _transcript(process, again)
    assert (transcript.engine.job_id, transcript.engine.charged_before) == (provider_id, False)
    assert transcript.engine.raw_key == raw_key(event.tenant_id, event.job_id, 2)
    assert await process.blobs.get(raw_key(event.tenant_id, event.job_id, 2)) == SPOKEN
    assert len(provider.polls) == 1


async def test_an_answer_that_still_cannot_be_read_fails_at_once(process: Process, provider: Changing) -> None:
    """Nothing is charged, and the customer learns that another engine may be tried."""
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await process.failure(event)
        failures = [await process.failure(await _retry(process, event, run=run)) for run in (2, 3)]
    assert {failure.code for failure in failures} == {"answer_unreadable"}
    assert "still cannot be read" in failures[0].message
    assert "another engine" in failures[0].message
    assert len(provider.accepted) == 1
    assert provider.reads == 3


async def test_silence_is_not_paid_for_twice(process: Process, provider: Changing) -> None:
    """The engine heard nobody; asked again, it would hear nobody again."""
    provider.reading, provider.raw = None, SILENCE
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        codes = [(await process.failure(event)).code, (await process.failure(await _retry(process, event))).code]
    assert codes == ["no_speech", "no_speech"]
    assert len(provider.accepted) == 1


async def test_an_earlier_engines_answer_is_there_when_a_job_comes_back_to_it(process: Process, provider: Changing) -> None:
    """Other engines may have been tried between."""
    provider.reading = None
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await process.ready(event)
        await process.failure(await _retry(process, event, options=JobOptions(engine="answering")))
        again = await _retry(process, event, run=3)
        await process.ready(again)
    assert len(provider.accepted) == 1
    runs = [(await _transcript(process, one)).engine for one in (event, again)]
    assert [run.charged_before for run in runs] == [False, True]


@pytest.mark.parametrize(
    "change", [JobOptions(engine="rented", vocabulary=("Anna",)), JobOptions(engine="rented", language="en")]
)
async def test_who_asks_for_something_else_gets_something_else(
    process: Process, provider: Changing, change: JobOptions
) -> None:
    """The kept answer is to another request."""
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await process.failure(event)
        provider.reading = None
        await process.ready(await _retry(process, event, options=change))
    assert len(provider.accepted) == 2


async def test_the_report_does_not_matter_to_the_engine(process: Process, provider: Changing) -> None:
    """Another title, another scenario, another attempt: the same words."""
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await process.failure(event)
        provider.reading = None
        other = JobOptions(engine="rented", title="Another", solution="meeting_minutes", attempt=2)
        await process.ready(await _retry(process, event, options=other))
    assert len(provider.accepted) == 1


async def test_key_terms_that_the_tenant_has_added_are_another_request(process: Process, provider: Changing) -> None:
    """They are given to the engine like the job's own."""
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await process.failure(event)
        await process.rules.change(event.tenant_id, RulesChange(vocabulary=("Anna",)))
        provider.reading = None
        await process.ready(await _retry(process, event))
    assert len(provider.accepted) == 2


async def test_a_provider_that_has_heard_nothing_is_asked_again(process: Process, provider: Changing) -> None:
    """Its answer was that it failed."""
    provider.reading = JobError("engine_failed", "The provider could not hear the recording.", retryable=True)
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        assert (await process.failure(event)).code == "engine_failed"
        provider.reading = None
        await process.ready(await _retry(process, event))
    assert len(provider.accepted) == 2


async def test_an_answer_that_is_gone_is_asked_for_again(process: Process, provider: Changing) -> None:
    """A store that was cleared by hand does not make jobs impossible."""
    async with process.running():
        event = await process.submit(job_submitted("rented"))
        await process.failure(event)
        await process.blobs.delete(raw_key(event.tenant_id, event.job_id, 1))
        provider.reading = None
        await process.ready(await _retry(process, event))
    assert len(provider.accepted) == 2


async def test_files_that_came_with_the_answer_are_still_there(process: Process, provider: Changing) -> None:
    """The provider was made to forget them, and they are not made twice."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"beep"

    provider.files = (Attachment(name="redacted.mp3", media_type="audio/mpeg", chunks=chunks),)
    options = JobOptions(engine="rented", redaction=Redaction(categories=("person_name",), audio=True))
    async with process.running():
        event = await process.submit(job_submitted("rented", options=options))
        await process.failure(event)
        provider.files, provider.reading = (), None
        again = await _retry(process, event)
        await process.ready(again)
    redaction = (await _transcript(process, again)).redaction
    assert redaction is not None
    assert redaction.audio_key is not None
    assert await process.blobs.get(redaction.audio_key) == b"beep"
    assert len(provider.accepted) == 1


async def test_answers_to_requests_are_kept_as_well(process: Process) -> None:
    """Providers that answer in the request itself are asked once, too."""
    engine = process.engines["answering"]
    assert isinstance(engine, Answering)
    async with process.running():
        event = await process.submit(job_submitted("answering"))
        assert (await process.failure(event)).code == "answer_unreadable"
        engine.reading = None
        await process.ready(await _retry(process, event))
    assert engine.asked == 1


async def _retry(process: Process, event: JobSubmitted, *, run: int = 2, **changes: Any) -> JobSubmitted:
    """The next run of the same job."""
    again = msgspec.structs.replace(event, run=run, event_id=new_id(), **changes)
    return await process.submit(again, recording=None)


async def _transcript(process: Process, event: JobSubmitted) -> Transcript:
    ready = await process.ready(event)
    return msgspec.json.decode(await process.blobs.get(ready.transcript_key), type=Transcript)
