"""Deepgram against a small fake of it: recordings are streamed once, and whatever breaks, nobody pays twice unasked."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import pytest_asyncio

from services.transcriber.engines import (
    Finished,
    Hooks,
    KeyRefused,
    News,
    OutcomeUnknown,
    Pending,
    Task,
    Throttled,
    checkpoint_prefix,
)
from services.transcriber.engines.deepgram import open_engine
from services.transcriber.engines.deepgram.calling import PATIENCE, CallingBack
from services.transcriber.engines.deepgram.waiting import Waiting
from shared.blobs import BlobStore
from shared.errors import ConfigurationError, JobError, RetryableError
from shared.schemas.jobs import JobOptions, Redaction
from tests.fakes import faults
from tests.fakes.deepgram import KEY, FakeDeepgram, Request, fake_deepgram, result
from tests.rented import RECORDING, MemoryLedger, Pace, surroundings, task, unreported

pytest_plugins = ["tests.fixtures_transcriber"]

HOOKS = Hooks(url="https://us.example:8443/hooks", secret=b"a secret of ours")
LONG_AGO = dt.datetime.now(dt.UTC) - PATIENCE - dt.timedelta(seconds=1)


@pytest_asyncio.fixture
async def deepgram() -> AsyncIterator[FakeDeepgram]:
    """The fake."""
    async with fake_deepgram() as fake:
        yield fake


@pytest_asyncio.fixture
async def waiting(deepgram: FakeDeepgram, transcriber_blobs: BlobStore) -> AsyncIterator[Waiting]:
    """The engine where Deepgram cannot reach us."""
    engine = open_engine(surroundings(transcriber_blobs, _environment(deepgram)))
    assert isinstance(engine, Waiting)
    yield engine
    await engine.close()


@pytest_asyncio.fixture
async def calling(deepgram: FakeDeepgram, transcriber_blobs: BlobStore) -> AsyncIterator[CallingBack]:
    """The engine where Deepgram can."""
    engine = open_engine(surroundings(transcriber_blobs, _environment(deepgram), hooks=HOOKS))
    assert isinstance(engine, CallingBack)
    yield engine
    await engine.close()


async def test_a_recording_is_streamed_and_its_transcript_comes_back(
    waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """Every byte, with its length said before; the answer is kept as it came."""
    wanted = await _stored(transcriber_blobs)
    ledger = MemoryLedger()
    raw = await waiting.transcribe(wanted, ledger, unreported)
    (request,) = deepgram.requests
    assert request.sha256 == hashlib.sha256(RECORDING).hexdigest()
    assert request.had_length
    assert "Chunked" not in request.headers.get("Transfer-Encoding", "")
    heard = waiting.parse(raw)
    assert (heard.duration_ms, heard.language, heard.language_confidence) == (12_500, "en", 0.97)
    assert {passage.speaker for passage in heard.passages} == {"0", "1"}
    assert heard.usage is not None
    assert heard.usage.items == ("nova-3", "diarize")
    assert await waiting.transcribe(wanted, ledger, unreported) == raw
    assert len(deepgram.requests) == 1


async def test_requests_keep_the_pace_of_their_account(deepgram: FakeDeepgram, transcriber_blobs: BlobStore) -> None:
    """None is sent without asking."""
    pace = Pace()
    engine = open_engine(surroundings(transcriber_blobs, _environment(deepgram), pace=pace))
    assert isinstance(engine, Waiting)
    await engine.transcribe(await _stored(transcriber_blobs), MemoryLedger(), unreported)
    await engine.close()
    assert pace.reserved == len(deepgram.requests) == 1


@pytest.mark.parametrize("fault", [faults.dropped, faults.truncated, faults.garbled, faults.status(502)])
async def test_a_lost_transcript_is_not_bought_again_unasked(
    waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore, fault: faults.Fault
) -> None:
    """Deepgram has done it and nobody can fetch it: the customer decides."""
    deepgram.faults.append(fault)
    wanted, ledger = await _stored(transcriber_blobs), MemoryLedger()
    with pytest.raises(OutcomeUnknown):
        await waiting.transcribe(wanted, ledger, unreported)
    with pytest.raises(JobError) as failed:
        await waiting.transcribe(wanted, ledger, unreported)
    assert failed.value.failure.code == "outcome_unknown"
    assert len(deepgram.requests) == 1


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (faults.status(429, Retry_After="7"), Throttled),
        (faults.status(429), Throttled),
        (faults.status(402, '{"err_code": "ASR_PAYMENT_REQUIRED"}'), KeyRefused),
        (faults.status(500), RetryableError),
        (faults.status(503), RetryableError),
    ],
)
async def test_what_was_refused_is_sent_again_later(
    waiting: Waiting,
    deepgram: FakeDeepgram,
    transcriber_blobs: BlobStore,
    refusal: faults.Fault,
    kind: type[RetryableError],
) -> None:
    """It was not taken, so it costs nothing."""
    deepgram.refusals.append(refusal)
    wanted, ledger = await _stored(transcriber_blobs), MemoryLedger()
    with pytest.raises(kind) as refused:
        await waiting.transcribe(wanted, ledger, unreported)
    assert not isinstance(refused.value, OutcomeUnknown)
    await waiting.transcribe(wanted, ledger, unreported)
    assert len(deepgram.requests) == 1


async def test_deepgram_says_how_long_to_wait(waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore) -> None:
    """In seconds, where it says so."""
    deepgram.refusals += [faults.status(429, Retry_After="7"), faults.status(429)]
    wanted = await _stored(transcriber_blobs)
    for seconds in (7.0, None):
        with pytest.raises(Throttled) as throttled:
            await waiting.transcribe(wanted, MemoryLedger(), unreported)
        assert throttled.value.seconds == seconds


async def test_a_wrong_key_is_told_without_showing_it(waiting: Waiting, transcriber_blobs: BlobStore) -> None:
    """The account's work waits or fails, as the operator has set."""
    with pytest.raises(KeyRefused) as refused:
        await waiting.transcribe(await _stored(transcriber_blobs, key="dg-a-wrong-one"), MemoryLedger(), unreported)
    assert "dg-a-wrong-one" not in str(refused.value)


async def test_a_recording_that_takes_too_long_fails_clearly(
    waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """Deepgram works ten minutes at most and would do so again."""
    deepgram.refusals.append(faults.status(504))
    with pytest.raises(JobError, match="ten minutes"):
        await waiting.transcribe(await _stored(transcriber_blobs), MemoryLedger(), unreported)


async def test_a_file_without_audio_fails_clearly(waiting: Waiting, transcriber_blobs: BlobStore) -> None:
    """Deepgram says so, and so do we."""
    with pytest.raises(JobError) as failed:
        await waiting.transcribe(await _stored(transcriber_blobs, recording=b""), MemoryLedger(), unreported)
    assert failed.value.failure.code == "unsupported_audio"


async def test_patience_with_a_slow_answer(waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore) -> None:
    """The request stays open while Deepgram works."""
    go_on = asyncio.Event()
    deepgram.faults.append(faults.slow(go_on))
    asked = asyncio.create_task(waiting.transcribe(await _stored(transcriber_blobs), MemoryLedger(), unreported))
    await deepgram.taken()
    assert not asked.done()
    go_on.set()
    assert waiting.parse(await asked).passages


async def test_the_callback_brings_the_transcript(
    calling: CallingBack, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """Taken at once, waited for, and finished when the callback is stored."""
    wanted = await _stored(transcriber_blobs)
    provider_id = await calling.submit(wanted, await calling.prepare(wanted))
    request = await deepgram.taken()
    assert provider_id == request.id
    assert await calling.poll(wanted, provider_id) == Pending(seconds=30.0)
    news = _called_back(calling, request, _body(request))
    assert news == News(token=wanted.token, provider_id=provider_id, raw=_body(request))
    await _keep(transcriber_blobs, wanted, _body(request))
    assert await calling.poll(wanted, provider_id) == Finished(raw=_body(request))
    assert calling.parse(_body(request)).passages


async def test_a_callback_twice_says_the_same_twice(
    calling: CallingBack, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """As when our answer to it was lost."""
    wanted = await _stored(transcriber_blobs)
    await calling.submit(wanted, {})
    request = await deepgram.taken()
    body = _body(request)
    assert _called_back(calling, request, body) == _called_back(calling, request, body)


async def test_forged_callbacks_are_not_heeded(
    calling: CallingBack, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """Only who was given the whole URL can call."""
    wanted = await _stored(transcriber_blobs)
    await calling.submit(wanted, {})
    request = await deepgram.taken()
    query = dict(parse_qsl(urlsplit(request.query["callback"]).query))
    body = _body(request)
    for forged in ({}, {"call": query["call"]}, {**query, "call": "0" * 32}, {**query, "s": "0" * 64}, {**query, "s": "é"}):
        assert calling.heed({}, forged, body) is None
    assert calling.heed({}, query, body[:-10]) is None
    assert calling.heed({}, query, body) is not None


async def test_a_lost_acceptance_is_cleared_up_by_the_callback(
    calling: CallingBack, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """Until it comes nothing is sent again."""
    deepgram.faults.append(faults.dropped)
    wanted = await _stored(transcriber_blobs)
    submitted_at = dt.datetime.now(dt.UTC)
    with pytest.raises(OutcomeUnknown):
        await calling.submit(wanted, {})
    with pytest.raises(OutcomeUnknown):
        await calling.find(wanted, {}, submitted_at)
    request = await deepgram.taken()
    await _keep(transcriber_blobs, wanted, _body(request))
    assert await calling.find(wanted, {}, submitted_at) == request.id
    assert len(deepgram.requests) == 1


async def test_when_nothing_comes_the_customer_decides(calling: CallingBack, transcriber_blobs: BlobStore) -> None:
    """A retry may be charged again, and is told so."""
    with pytest.raises(JobError) as failed:
        await calling.find(await _stored(transcriber_blobs), {}, LONG_AGO)
    assert failed.value.failure.code == "outcome_unknown"
    assert failed.value.failure.retryable


async def test_a_task_that_deepgram_lost_fails_in_the_end(
    calling: CallingBack, transcriber_blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After more time than all its attempts to call back take."""
    wanted = await _stored(transcriber_blobs)
    assert isinstance(await calling.poll(wanted, "r1"), Pending)
    monkeypatch.setattr("services.transcriber.engines.deepgram.calling.PATIENCE", dt.timedelta())
    with pytest.raises(JobError) as failed:
        await calling.poll(wanted, "r1")
    assert failed.value.failure.code == "engine_lost_task"
    assert failed.value.failure.retryable


async def test_a_callback_may_bring_a_failure(calling: CallingBack, transcriber_blobs: BlobStore) -> None:
    """Its reason is the job's."""
    wanted = await _stored(transcriber_blobs)
    await _keep(transcriber_blobs, wanted, b'{"err_code": "Bad Request", "err_msg": "corrupt data", "request_id": "r1"}')
    with pytest.raises(JobError, match="corrupt data"):
        await calling.poll(wanted, "r1")


async def test_what_deepgram_cannot_remove_never_reaches_it(
    calling: CallingBack, waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """In either shape."""
    options = JobOptions(language="en", redaction=Redaction(categories=("star_sign",)))
    wanted = await _stored(transcriber_blobs, options=options)
    with pytest.raises(JobError, match="star_sign"):
        await calling.prepare(wanted)
    with pytest.raises(JobError, match="star_sign"):
        await waiting.transcribe(wanted, MemoryLedger(), unreported)
    assert deepgram.requests == []


def test_deepgram_calls_back_to_four_ports_only(transcriber_blobs: BlobStore) -> None:
    """Another one is refused when the process starts, not when a transcript is lost."""
    hooks = Hooks(url="https://us.example:9000/hooks", secret=b"s")
    with pytest.raises(ConfigurationError, match="9000"):
        open_engine(surroundings(transcriber_blobs, {"AUDIO2TXT_DEEPGRAM_KEY": KEY}, hooks=hooks))
    off = {"AUDIO2TXT_DEEPGRAM_KEY": KEY, "AUDIO2TXT_DEEPGRAM_CALLBACK": "false"}
    assert isinstance(open_engine(surroundings(transcriber_blobs, off, hooks=hooks)), Waiting)


def _environment(deepgram: FakeDeepgram) -> dict[str, str]:
    return {"AUDIO2TXT_DEEPGRAM_KEY": KEY, "AUDIO2TXT_DEEPGRAM_URL": deepgram.url}


async def _stored(blobs: BlobStore, *, key: str = KEY, recording: bytes = RECORDING, options: JobOptions | None = None) -> Task:
    wanted = task(key=key, options=options)
    await blobs.put(wanted.source_key, recording)
    return wanted


def _body(request: Request) -> bytes:
    return json.dumps(result(request)).encode()


def _called_back(calling: CallingBack, request: Request, body: bytes) -> News | None:
    query = dict(parse_qsl(urlsplit(request.query["callback"]).query))
    return calling.heed({"dg-token": "key-id"}, query, body)


async def _keep(blobs: BlobStore, wanted: Task, body: bytes) -> None:
    await blobs.put(f"{checkpoint_prefix(wanted.tenant_id, wanted.job_id, wanted.run)}callback.json", body)
