"""Recordings are heard by a server that speaks like OpenAI: in pieces, each paid for once, whatever goes wrong there."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from io import BytesIO
from pathlib import Path

import av
import msgspec
import numpy as np
import pytest
from typing_extensions import override

from services.transcriber.engines import (
    Account,
    EngineCrashed,
    Heard,
    InHouseEngine,
    KeyRefused,
    Ledger,
    OutcomeUnknown,
    Task,
    Throttled,
)
from services.transcriber.engines.openai import HouseServerEngine, OpenAIEngine, open_engine
from services.transcriber.engines.openai.messages import Answers
from services.transcriber.engines.surroundings import Surroundings, unpaced
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore, source_key
from shared.errors import ConfigurationError, JobError, RetryableError
from shared.schemas.engines import Feature, WordTimes
from shared.schemas.ids import new_id
from shared.schemas.transcripts import WordSource
from tests.customer import SAMPLE
from tests.fakes import faults
from tests.fakes.openai import FakeOpenAI, Said, dripping, unpaid
from tests.recordings import silence

pytest_plugins = ["tests.fixtures_transcriber"]

KEY = "sk-test-51f0c2a9"
TWO = (Said(text="Good morning, everyone.", start=0.4, end=1.6), Said(text="Shall we begin?", start=2.0, end=2.9, speaker="B"))


class Paid(Ledger):
    """A ledger in memory, with the rules of the real one."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.lost: set[str] = set()

    @override
    async def answer(self, name: str, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        if name in self.lost:
            raise JobError("outcome_unknown", "lost", retryable=True)
        if name not in self.answers:
            try:
                self.answers[name] = await ask()
            except OutcomeUnknown as error:
                self.lost.add(name)
                raise JobError("outcome_unknown", "lost", retryable=True) from error
        return self.answers[name]

    @override
    async def permit(self) -> None:
        """Everything may leave this house."""


class Reports:
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.progress: list[float] = []
        self.duration_ms: int | None = None

    async def __call__(self, progress: float, *, duration_ms: int | None = None) -> None:
        self.progress.append(progress)
        self.duration_ms = duration_ms or self.duration_ms


def spoken(*lengths: float, pause: float = 1.5) -> bytes:
    """A WAV with the sample's speech in stretches of so many seconds, and silence around each."""
    with av.open(str(SAMPLE)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    speech = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    quiet = np.zeros(round(pause * 16_000), dtype=np.int16)
    parts = [part for length in lengths for part in (quiet, speech[: round(length * 16_000)])]
    file = BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(np.concatenate([*parts, quiet]).tobytes())
    return file.getvalue()


@pytest.fixture(scope="session")
def meeting() -> bytes:
    """Three stretches of speech of half a minute, with pauses between them."""
    return spoken(30, 30, 30)


@pytest.fixture(scope="session")
def sentence() -> bytes:
    """Eight seconds of speech between two pauses."""
    return spoken(8)


class Client:
    """An engine before a server, and what tests need to use it."""

    def __init__(self, engine: OpenAIEngine | HouseServerEngine, blobs: BlobStore, key: str) -> None:
        self.engine = engine
        self.blobs = blobs
        self.ledger = Paid()
        self.reports = Reports()
        self.key = key

    async def task(self, recording: bytes, *, language: str | None = None, vocabulary: tuple[str, ...] = ()) -> Task:
        """A task on the deployment's account, with its recording stored."""
        tenant_id, job_id = new_id(), new_id()
        key = source_key(tenant_id, job_id)
        await self.blobs.put(key, recording)
        account = Account(engine="openai", id="deployment-1", key=self.key)
        return Task(
            tenant_id=tenant_id,
            job_id=job_id,
            run=1,
            language=language,
            source_key=key,
            vocabulary=vocabulary,
            account=account,
        )

    async def raw(self, task: Task) -> bytes:
        """The engine's raw answer."""
        match self.engine:
            case OpenAIEngine() as rented:
                return await rented.transcribe(task, self.ledger, self.reports)
            case HouseServerEngine() as own:
                return await own.transcribe(task, self.reports)

    async def hear(self, recording: bytes) -> Heard:
        """What is heard in a recording."""
        return self.engine.parse(await self.raw(await self.task(recording)))


Opening = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    """A folder for files."""
    with closing(Scratch.open(tmp_path / "scratch", "tests")) as opened:
        yield opened


@pytest.fixture
def client_of(transcriber_blobs: BlobStore, scratch: Scratch) -> Opening:
    """Opens an engine for a server, with settings of one's choice."""

    @asynccontextmanager
    async def opened(server: FakeOpenAI, **settings: str) -> AsyncIterator[Client]:
        async with server.serving() as url:
            environment = {
                "AUDIO2TXT_OPENAI_URL": url,
                **({"AUDIO2TXT_OPENAI_API_KEY": server.key} if server.key else {}),
                **{f"AUDIO2TXT_OPENAI_{name.upper()}": value for name, value in settings.items()},
            }
            engine = open_engine(surroundings(environment, transcriber_blobs, scratch))
            try:
                yield Client(engine, transcriber_blobs, environment.get("AUDIO2TXT_OPENAI_API_KEY", ""))
            finally:
                await engine.close()

    return opened


def surroundings(environment: Mapping[str, str], blobs: BlobStore, scratch: Scratch) -> Surroundings:
    """What the engine is made with."""
    return Surroundings(
        environment=environment,
        settings=TranscriberSettings(),
        blobs=blobs,
        scratch=scratch,
        reserve=unpaced,
        hooks=None,
    )


async def failure_of(client: Client, recording: bytes) -> JobError:
    """Why a recording fails for good."""
    with pytest.raises(JobError) as caught:
        await client.hear(recording)
    assert KEY not in repr(caught.value)
    return caught.value


async def test_a_recording_is_heard_with_the_times_of_its_words(client_of: Opening, sentence: bytes) -> None:
    """Whisper's answer to a short recording is its transcript, moved to where the speech starts."""
    server = FakeOpenAI(key=KEY, says=[TWO])
    async with client_of(server, model="whisper-1") as client:
        heard = await client.hear(sentence)
    (asked,) = server.asked
    assert asked.authorization == f"Bearer {KEY}"
    assert asked.file_name.endswith(".flac")
    assert asked.seconds < 12
    words = [word for passage in heard.passages for word in passage.words]
    assert [word.t for word in words] == ["Good", "morning,", "everyone.", "Shall", "we", "begin?"]
    assert words[0].s == pytest.approx(1_500 + 400, abs=600)
    assert (heard.language, heard.notes, heard.model) == ("en", (), "whisper-1")


async def test_a_long_recording_is_cut_in_its_pauses(client_of: Opening, meeting: bytes) -> None:
    """gpt-transcribe gets a minute at a time and tells no times, so they are interpolated within what is spoken."""
    server = FakeOpenAI(
        key=KEY, says=[(Said(text="one two three", start=0, end=1),), (Said(text="four five six", start=0, end=1),)]
    )
    async with client_of(server, model="gpt-transcribe") as client:
        heard = await client.hear(meeting)
        assert client.engine.capabilities.word_times is WordTimes.APPROXIMATE
    assert len(server.asked) == 2
    assert all(asked.seconds <= 60 for asked in server.asked)
    words = [word for passage in heard.passages for word in passage.words]
    assert {word.src for word in words} == {WordSource.INTERPOLATED}
    assert [word.s or 0 for word in words] == sorted(word.s or 0 for word in words)
    assert (words[-1].e or 0) > 60_000
    assert heard.notes == ("word_times_approximate",)
    assert client.reports.duration_ms == heard.duration_ms
    assert client.reports.progress[-1] == pytest.approx(1.0)


async def test_no_piece_is_larger_than_the_server_takes(client_of: Opening, meeting: bytes) -> None:
    """The operator's limit holds for the file as it is sent."""
    server = FakeOpenAI(models=None)
    async with client_of(server, max_bytes="1000000") as client:
        await client.hear(meeting)
    assert len(server.asked) > 2
    assert all(len(asked.audio) <= 1_000_000 for asked in server.asked)


async def test_pieces_are_sent_side_by_side_but_a_few_at_a_time(client_of: Opening, meeting: bytes) -> None:
    """As many as the operator allows."""
    go_on = asyncio.Event()
    server = FakeOpenAI(models=None, faults=[faults.slow(go_on)] * 9)
    async with client_of(server, max_bytes="1000000", requests="2") as client:
        hearing = asyncio.create_task(client.hear(meeting))
        await server.wait_for(2)
        go_on.set()
        await hearing
    assert server.most_at_once == 2


async def test_silence_is_not_sent(client_of: Opening) -> None:
    """A recording in which nobody speaks costs nothing and has no words."""
    server = FakeOpenAI(key=KEY)
    async with client_of(server) as client:
        heard = await client.hear(silence(5))
    assert server.asked == []
    assert (heard.passages, heard.speech_ms) == ((), 0)


async def test_the_whole_answer_is_kept_as_it_came(client_of: Opening, sentence: bytes) -> None:
    """The stored raw answer holds the server's bytes, those we do not understand too."""
    server = FakeOpenAI(key=KEY, says=[TWO])
    async with client_of(server, model="whisper-1") as client:
        raw = await client.raw(await client.task(sentence))
    (body,) = msgspec.json.decode(raw, type=Answers).answers
    assert body == client.ledger.answers["chunk-0001"]
    assert b'"x_request": {"id": "req_1"}' in body


async def test_what_the_customer_knows_is_passed_on(client_of: Opening, sentence: bytes) -> None:
    """Language and key terms, in the model's own words."""
    server = FakeOpenAI(key=KEY)
    async with client_of(server, model="gpt-transcribe") as client:
        await client.raw(await client.task(sentence, language="en", vocabulary=("Audio2txt", "Dr. Chen")))
    assert server.asked[0].fields["languages[]"] == ["en"]
    assert server.asked[0].fields["keywords[]"] == ["Audio2txt", "Dr. Chen"]


async def test_speakers_are_told_where_the_model_tells_them(client_of: Opening, sentence: bytes) -> None:
    """And that is declared."""
    server = FakeOpenAI(key=KEY, says=[TWO])
    async with client_of(server, model="gpt-4o-transcribe-diarize") as client:
        heard = await client.hear(sentence)
        assert Feature.SPEAKERS in client.engine.capabilities.features
    assert [passage.speaker for passage in heard.passages] == ["A", "B"]


async def test_a_server_that_cannot_time_words_is_asked_for_less(client_of: Opening, meeting: bytes) -> None:
    """What it refuses costs nothing; what it answers instead is on record, and it is not asked again in each piece."""
    server = FakeOpenAI(models=None, refused_forms=frozenset({"verbose_json"}))
    async with client_of(server, max_bytes="1000000", requests="1") as client:
        heard = await client.hear(meeting)
    assert (heard.params["response"], heard.params["answered"]) == ("verbose_json", "json")
    assert "word_times_approximate" in heard.notes
    assert {asked.one("response_format") for asked in server.asked} == {"json"}
    assert server.refused == 2


async def test_an_operator_who_wants_times_gets_a_refusal_instead(client_of: Opening, sentence: bytes) -> None:
    """A form that was set is not replaced in silence."""
    server = FakeOpenAI(models=None, refused_forms=frozenset({"verbose_json"}))
    async with client_of(server, response="verbose_json") as client:
        failure = (await failure_of(client, sentence)).failure
    assert failure.code == "engine_failed"
    assert "verbose_json" in failure.message


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.status(429, Retry_After="7"), Throttled),
        (faults.status(429), Throttled),
        (unpaid, KeyRefused),
        (faults.status(500), RetryableError),
        (faults.status(503), RetryableError),
        (faults.status(401), KeyRefused),
        (faults.status(403), KeyRefused),
    ],
    ids=["throttled for seconds", "throttled", "no credit", "broken", "overloaded", "key refused", "account refused"],
)
async def test_what_was_not_taken_is_asked_for_again(
    client_of: Opening, sentence: bytes, fault: faults.Fault, kind: type[RetryableError]
) -> None:
    """A refusal is no answer and costs nothing; the next attempt gets one."""
    server = FakeOpenAI(key=KEY, faults=[fault])
    async with client_of(server) as client:
        task = await client.task(sentence)
        with pytest.raises(kind) as caught:
            await client.raw(task)
        assert type(caught.value) is kind
        assert KEY not in repr(caught.value)
        assert client.engine.parse(await client.raw(task)).passages
    assert len(server.asked) == 2


async def test_a_wrong_key_is_told_without_the_key(client_of: Opening, sentence: bytes) -> None:
    """The server repeats it in its refusal; we do not."""
    server = FakeOpenAI(key="sk-another-0000000000000000")
    async with client_of(server, api_key=KEY) as client:
        with pytest.raises(KeyRefused) as caught:
            await client.hear(sentence)
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [faults.dropped, faults.truncated, faults.garbled, faults.status(502, "<html>"), faults.status(200, "<html>")],
    ids=["hangs up", "breaks off", "ends too early", "bad gateway", "no JSON"],
)
async def test_a_lost_answer_is_not_paid_for_twice(client_of: Opening, sentence: bytes, fault: faults.Fault) -> None:
    """What became of the request nobody knows, so the customer decides."""
    server = FakeOpenAI(key=KEY, faults=[fault])
    async with client_of(server) as client:
        task = await client.task(sentence)
        for _ in range(2):
            with pytest.raises(JobError) as caught:
                await client.raw(task)
            assert caught.value.failure.code == "outcome_unknown"
    assert len(server.asked) == 1


async def test_a_lost_answer_is_asked_for_again_where_that_costs_nothing(client_of: Opening, sentence: bytes) -> None:
    """The operator says so; it counts as a breakdown, so that a recording that breaks the server is given up."""
    server = FakeOpenAI(models=None, faults=[faults.dropped])
    async with client_of(server, repeat_lost="true") as client:
        task = await client.task(sentence)
        with pytest.raises(EngineCrashed):
            await client.raw(task)
        assert client.engine.parse(await client.raw(task)).passages


async def test_a_server_that_takes_too_long_is_given_up(client_of: Opening, sentence: bytes) -> None:
    """After the time that the operator allows, nobody knows whether it still works on it."""
    server = FakeOpenAI(key=KEY, faults=[faults.slow(asyncio.Event())])
    async with client_of(server, request_seconds="0.5") as client:
        assert (await failure_of(client, sentence)).failure.code == "outcome_unknown"


async def test_a_slow_answer_is_waited_for(client_of: Opening, sentence: bytes) -> None:
    """Byte by byte, if need be."""
    server = FakeOpenAI(key=KEY, faults=[dripping])
    async with client_of(server) as client:
        assert (await client.hear(sentence)).passages


@pytest.mark.parametrize(
    ("fault", "code"),
    [(faults.status(413), "file_too_large"), (faults.status(400, '{"error": {"message": "No."}}'), "engine_failed")],
)
async def test_a_refusal_is_one_sentence(client_of: Opening, sentence: bytes, fault: faults.Fault, code: str) -> None:
    """It says what is wrong and what to do."""
    async with client_of(FakeOpenAI(key=KEY, faults=[fault])) as client:
        assert (await failure_of(client, sentence)).failure.code == code


async def test_an_unknown_model_is_told_in_the_servers_words(client_of: Opening, sentence: bytes) -> None:
    """The operator reads which."""
    async with client_of(FakeOpenAI(key=KEY), model="whisper-9") as client:
        assert "whisper-9" in str(await failure_of(client, sentence))


async def test_missing_usage_is_counted_by_what_was_sent(client_of: Opening, sentence: bytes) -> None:
    """Other servers tell none."""
    server = FakeOpenAI(models=None, reports_usage=False)
    async with client_of(server) as client:
        usage = (await client.hear(sentence)).usage
    assert usage is not None
    assert usage.billed_ms == pytest.approx(server.asked[0].seconds * 1000, abs=1)
    assert usage.items == ("127.0.0.1/whisper-1",)


async def test_after_a_failure_what_was_answered_is_not_asked_again(client_of: Opening, meeting: bytes) -> None:
    """Pieces that were on their way are waited for and kept; the next attempt, with other settings, asks for the rest alone."""
    go_on = asyncio.Event()
    server = FakeOpenAI(models=None, faults=[faults.slow(go_on), faults.status(429)])
    async with client_of(server, max_bytes="1000000", requests="2") as client:
        task = await client.task(meeting)
        failing = asyncio.create_task(client.raw(task))
        await server.wait_for(2)
        go_on.set()
        with pytest.raises(Throttled):
            await failing
    first = len(server.asked)
    assert (first, len(client.ledger.answers)) == (2, 1)
    ledger = client.ledger
    async with client_of(server, max_bytes="25000000", model="large-v3") as successor:
        successor.ledger = ledger
        heard = successor.engine.parse(await successor.raw(task))
    assert heard.model == "whisper-1"
    assert len(server.asked) - first == int(heard.params["pieces"]) - 1
    assert {asked.one("model") for asked in server.asked} == {"whisper-1"}


async def test_a_server_in_the_house_is_an_engine_in_the_house(client_of: Opening, meeting: bytes) -> None:
    """It needs neither a key nor a ledger, goes on after a crash from its checkpoints, and costs nothing."""
    server = FakeOpenAI(models=None, faults=[None, faults.dropped])
    async with client_of(server, rented="false", max_bytes="1000000", requests="1") as client:
        assert isinstance(client.engine, InHouseEngine)
        task = await client.task(meeting)
        with pytest.raises(EngineCrashed):
            await client.raw(task)
        heard = client.engine.parse(await client.raw(task))
    assert server.asked[0].authorization is None
    assert len(server.asked) == int(heard.params["pieces"]) + 1
    assert heard.usage is None


async def test_nothing_is_left_on_the_disk(client_of: Opening, sentence: bytes, tmp_path: Path) -> None:
    """Neither the samples nor the pieces, whether it worked or not."""
    async with client_of(FakeOpenAI(key=KEY, faults=[faults.status(500)])) as client:
        task = await client.task(sentence)
        with pytest.raises(RetryableError):
            await client.raw(task)
        await client.raw(task)
    assert [
        path
        for path in (tmp_path / "scratch").rglob("*")
        if path.suffix in (".flac", "") and path.is_file() and path.stat().st_size
    ] == []


def test_without_a_key_only_tenants_with_their_own_can_use_it(transcriber_blobs: BlobStore, scratch: Scratch) -> None:
    """At OpenAI; another server may need none."""
    usual = open_engine(surroundings({}, transcriber_blobs, scratch))
    other = open_engine(surroundings({"AUDIO2TXT_OPENAI_URL": "http://10.0.0.7:8000/v1"}, transcriber_blobs, scratch))
    assert isinstance(usual, OpenAIEngine)
    assert isinstance(other, OpenAIEngine)
    assert (usual.key, usual.models, other.key, other.models) == (None, ("gpt-transcribe",), "", ("whisper-1",))


def test_openai_is_nobodys_house(transcriber_blobs: BlobStore, scratch: Scratch) -> None:
    """A tenant whose audio may not leave the house relies on that."""
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_OPENAI_RENTED"):
        open_engine(surroundings({"AUDIO2TXT_OPENAI_RENTED": "false"}, transcriber_blobs, scratch))
