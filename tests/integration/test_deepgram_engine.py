"""Deepgram against a small fake of it: recordings are streamed once, and whatever breaks, nobody pays twice unasked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from services.transcriber.engines import (
    KeyRefused,
    OutcomeUnknown,
    Throttled,
)
from services.transcriber.engines.deepgram import open_engine
from services.transcriber.engines.deepgram.waiting import Waiting
from shared.blobs import BlobStore
from shared.errors import JobError, RetryableError
from shared.schemas.jobs import JobOptions, Redaction
from tests.fakes import faults
from tests.fakes.deepgram import KEY, FakeDeepgram, fake_deepgram
from tests.fakes.loopback import serving
from tests.rented import RECORDING, MemoryLedger, Pace, stored, surroundings, unreported

pytest_plugins = ["tests.fixtures_transcriber"]


@pytest_asyncio.fixture
async def deepgram() -> AsyncIterator[FakeDeepgram]:
    """The fake."""
    async with fake_deepgram() as fake:
        yield fake


@pytest_asyncio.fixture
async def waiting(deepgram: FakeDeepgram, transcriber_blobs: BlobStore) -> AsyncIterator[Waiting]:
    """The engine where Deepgram cannot reach us."""
    engine = open_engine(surroundings(transcriber_blobs, deepgram.environment))
    assert isinstance(engine, Waiting)
    yield engine
    await engine.close()


async def test_a_recording_is_streamed_and_its_transcript_comes_back(
    waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """Every byte, with its length said before; the answer is kept as it came."""
    wanted = await stored(transcriber_blobs, key=KEY)
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


async def test_a_recording_may_be_lent_by_its_url(
    deepgram: FakeDeepgram, transcriber_blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the store can be reached; a store that cannot be has it streamed."""
    environment = {**deepgram.environment, "AUDIO2TXT_DEEPGRAM_UPLOAD": "presigned"}
    engine = open_engine(surroundings(transcriber_blobs, environment))
    assert isinstance(engine, Waiting)
    wanted = await stored(transcriber_blobs, key=KEY)
    async with _lending(RECORDING) as url:
        with monkeypatch.context() as patch:
            patch.setattr(transcriber_blobs, "presigned", lambda *_: _given(url))
            await engine.transcribe(wanted, MemoryLedger(), unreported)
        await engine.transcribe(wanted, MemoryLedger(), unreported)
    await engine.close()
    assert [request.headers["Content-Type"] for request in deepgram.requests] == [
        "application/json",
        "application/octet-stream",
    ]
    assert {request.sha256 for request in deepgram.requests} == {hashlib.sha256(RECORDING).hexdigest()}


async def test_requests_keep_the_pace_of_their_account(deepgram: FakeDeepgram, transcriber_blobs: BlobStore) -> None:
    """None is sent without asking."""
    pace = Pace()
    engine = open_engine(surroundings(transcriber_blobs, deepgram.environment, pace=pace))
    assert isinstance(engine, Waiting)
    await engine.transcribe(await stored(transcriber_blobs, key=KEY), MemoryLedger(), unreported)
    await engine.close()
    assert pace.reserved == len(deepgram.requests) == 1


@pytest.mark.parametrize("fault", [faults.dropped, faults.truncated, faults.garbled, faults.status(502)])
async def test_a_lost_transcript_is_not_bought_again_unasked(
    waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore, fault: faults.Fault
) -> None:
    """Deepgram has done it and nobody can fetch it: the customer decides."""
    deepgram.faults.append(fault)
    wanted, ledger = await stored(transcriber_blobs, key=KEY), MemoryLedger()
    with pytest.raises(OutcomeUnknown):
        await waiting.transcribe(wanted, ledger, unreported)
    with pytest.raises(JobError) as failed:
        await waiting.transcribe(wanted, ledger, unreported)
    assert failed.value.failure.code == "outcome_unknown"
    assert len(deepgram.requests) == 1


async def test_a_transcript_in_words_of_a_newer_deepgram_is_kept(
    waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """It was paid for: whoever cannot read it must not throw it away."""
    deepgram.faults.append(faults.status(200, '{"metadata": {"request_id": 7}, "results": []}'))
    wanted, ledger = await stored(transcriber_blobs, key=KEY), MemoryLedger()
    raw = await waiting.transcribe(wanted, ledger, unreported)
    assert raw == b'{"metadata": {"request_id": 7}, "results": []}'
    assert list(ledger.answers.values()) == [raw]
    with pytest.raises(msgspec.ValidationError):
        waiting.parse(raw)


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
    wanted, ledger = await stored(transcriber_blobs, key=KEY), MemoryLedger()
    with pytest.raises(kind) as refused:
        await waiting.transcribe(wanted, ledger, unreported)
    assert not isinstance(refused.value, OutcomeUnknown)
    await waiting.transcribe(wanted, ledger, unreported)
    assert len(deepgram.requests) == 1


async def test_deepgram_says_how_long_to_wait(waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore) -> None:
    """In seconds, where it says so."""
    deepgram.refusals += [faults.status(429, Retry_After="7"), faults.status(429)]
    wanted = await stored(transcriber_blobs, key=KEY)
    for seconds in (7.0, None):
        with pytest.raises(Throttled) as throttled:
            await waiting.transcribe(wanted, MemoryLedger(), unreported)
        assert throttled.value.seconds == seconds


async def test_a_wrong_key_is_told_without_showing_it(waiting: Waiting, transcriber_blobs: BlobStore) -> None:
    """The account's work waits or fails, as the operator has set."""
    with pytest.raises(KeyRefused) as refused:
        await waiting.transcribe(await stored(transcriber_blobs, key="dg-a-wrong-one"), MemoryLedger(), unreported)
    assert "dg-a-wrong-one" not in str(refused.value)


async def test_a_recording_that_takes_too_long_fails_clearly(
    waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """Deepgram works ten minutes at most and would do so again."""
    deepgram.refusals.append(faults.status(504))
    with pytest.raises(JobError, match="ten minutes"):
        await waiting.transcribe(await stored(transcriber_blobs, key=KEY), MemoryLedger(), unreported)


async def test_a_file_without_audio_fails_clearly(waiting: Waiting, transcriber_blobs: BlobStore) -> None:
    """Deepgram says so, and so do we."""
    with pytest.raises(JobError) as failed:
        await waiting.transcribe(await stored(transcriber_blobs, key=KEY, recording=b""), MemoryLedger(), unreported)
    assert failed.value.failure.code == "unsupported_audio"


async def test_patience_with_a_slow_answer(waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore) -> None:
    """The request stays open while Deepgram works."""
    go_on = asyncio.Event()
    deepgram.faults.append(faults.slow(go_on))
    asked = asyncio.create_task(waiting.transcribe(await stored(transcriber_blobs, key=KEY), MemoryLedger(), unreported))
    await deepgram.taken()
    assert not asked.done()
    go_on.set()
    assert waiting.parse(await asked).passages


async def test_what_deepgram_cannot_remove_never_reaches_it(
    waiting: Waiting, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """What must not appear would otherwise be stored here."""
    options = JobOptions(language="en", redaction=Redaction(categories=("star_sign",)))
    wanted = await stored(transcriber_blobs, key=KEY, options=options)
    with pytest.raises(JobError, match="star_sign"):
        await waiting.transcribe(wanted, MemoryLedger(), unreported)
    assert deepgram.requests == []


@asynccontextmanager
async def _lending(recording: bytes) -> AsyncIterator[str]:
    async def lend(request: web.Request) -> web.Response:
        return web.Response(body=recording)

    app = web.Application()
    app.router.add_get("/lent", lend)
    async with serving(app) as url:
        yield f"{url}/lent"


async def _given(url: str) -> str:
    return url
