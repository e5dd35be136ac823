"""Deepgram calling back: the callback is the only copy of the transcript, and nothing is sent twice while it may come."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import pytest_asyncio

from services.transcriber.engines import Finished, Hooks, News, OutcomeUnknown, Pending, Task, Unreadable, checkpoint_prefix
from services.transcriber.engines.deepgram import open_engine
from services.transcriber.engines.deepgram.calling import PATIENCE, CallingBack
from services.transcriber.engines.deepgram.waiting import Waiting
from shared.blobs import BlobStore
from shared.errors import ConfigurationError, JobError
from shared.schemas.jobs import JobOptions, Redaction
from tests.fakes import faults
from tests.fakes.deepgram import KEY, FakeDeepgram, Request, fake_deepgram, result
from tests.rented import stored, surroundings

pytest_plugins = ["tests.fixtures_transcriber"]

HOOKS = Hooks(url="https://us.example:8443/hooks", secret=b"a secret of ours")
LONG_AGO = dt.datetime.now(dt.UTC) - PATIENCE - dt.timedelta(seconds=1)


@pytest_asyncio.fixture
async def deepgram() -> AsyncIterator[FakeDeepgram]:
    """The fake."""
    async with fake_deepgram() as fake:
        yield fake


@pytest_asyncio.fixture
async def calling(deepgram: FakeDeepgram, transcriber_blobs: BlobStore) -> AsyncIterator[CallingBack]:
    """The engine where Deepgram can."""
    engine = open_engine(surroundings(transcriber_blobs, deepgram.environment, hooks=HOOKS))
    assert isinstance(engine, CallingBack)
    yield engine
    await engine.close()


async def test_the_callback_brings_the_transcript(
    calling: CallingBack, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """Taken at once, waited for, and finished when the callback is stored."""
    wanted = await stored(transcriber_blobs, key=KEY)
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
    wanted = await stored(transcriber_blobs, key=KEY)
    await calling.submit(wanted, {})
    request = await deepgram.taken()
    body = _body(request)
    assert _called_back(calling, request, body) == _called_back(calling, request, body)


async def test_forged_callbacks_are_not_heeded(
    calling: CallingBack, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """Only who was given the whole URL can call."""
    wanted = await stored(transcriber_blobs, key=KEY)
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
    wanted = await stored(transcriber_blobs, key=KEY)
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
        await calling.find(await stored(transcriber_blobs, key=KEY), {}, LONG_AGO)
    assert failed.value.failure.code == "outcome_unknown"
    assert failed.value.failure.retryable


async def test_a_task_that_deepgram_lost_fails_in_the_end(
    calling: CallingBack, transcriber_blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After more time than all its attempts to call back take."""
    wanted = await stored(transcriber_blobs, key=KEY)
    assert isinstance(await calling.poll(wanted, "r1"), Pending)
    monkeypatch.setattr("services.transcriber.engines.deepgram.calling.PATIENCE", dt.timedelta())
    with pytest.raises(JobError) as failed:
        await calling.poll(wanted, "r1")
    assert failed.value.failure.code == "engine_lost_task"
    assert failed.value.failure.retryable


async def test_a_callback_may_bring_a_failure(calling: CallingBack, transcriber_blobs: BlobStore) -> None:
    """Its reason is the job's."""
    wanted = await stored(transcriber_blobs, key=KEY)
    failure = b'{"err_code": "Bad Request", "err_msg": "corrupt data", "request_id": "r1"}'
    await _keep(transcriber_blobs, wanted, failure)
    assert await calling.poll(wanted, "r1") == Finished(raw=failure)
    with pytest.raises(JobError, match="corrupt data"):
        calling.parse(failure)


async def test_a_callback_in_words_of_a_newer_deepgram_is_kept(
    calling: CallingBack, deepgram: FakeDeepgram, transcriber_blobs: BlobStore
) -> None:
    """It is the only copy of what was paid for: it is kept first, and then turns out not to be understood."""
    wanted = await stored(transcriber_blobs, key=KEY)
    submitted_at = dt.datetime.now(dt.UTC)
    provider_id = await calling.submit(wanted, {})
    request = await deepgram.taken()
    changed = json.dumps({**result(request), "results": "elsewhere"}).encode()
    assert _called_back(calling, request, changed) == News(token=wanted.token, provider_id=provider_id, raw=changed)
    nameless = json.dumps({"results": {"channels": []}}).encode()
    assert _called_back(calling, request, nameless) == News(token=wanted.token, provider_id=None, raw=nameless)
    await _keep(transcriber_blobs, wanted, nameless)
    other = await stored(transcriber_blobs, key=KEY)
    await _keep(transcriber_blobs, other, nameless)
    names = {await calling.find(each, {}, submitted_at) for each in (wanted, other)}
    assert len(names) == 2, "no two tasks share a name"
    assert await calling.poll(wanted, provider_id) == Finished(raw=nameless)
    with pytest.raises(Unreadable):
        calling.parse(nameless)


async def test_what_deepgram_cannot_remove_never_reaches_it(calling: CallingBack, transcriber_blobs: BlobStore) -> None:
    """It is refused before anything is sent."""
    options = JobOptions(language="en", redaction=Redaction(categories=("star_sign",)))
    with pytest.raises(JobError, match="star_sign"):
        await calling.prepare(await stored(transcriber_blobs, key=KEY, options=options))


def test_deepgram_calls_back_to_four_ports_only(transcriber_blobs: BlobStore) -> None:
    """Another one is refused when the process starts, not when a transcript is lost."""
    hooks = Hooks(url="https://us.example:9000/hooks", secret=b"s")
    with pytest.raises(ConfigurationError, match="9000"):
        open_engine(surroundings(transcriber_blobs, {"AUDIO2TXT_DEEPGRAM_API_KEY": KEY}, hooks=hooks))
    assert isinstance(open_engine(surroundings(transcriber_blobs, {}, hooks=hooks)), Waiting)  # for tenants with keys
    off = {"AUDIO2TXT_DEEPGRAM_API_KEY": KEY, "AUDIO2TXT_DEEPGRAM_CALLBACK": "false"}
    assert isinstance(open_engine(surroundings(transcriber_blobs, off, hooks=hooks)), Waiting)


def _body(request: Request) -> bytes:
    return json.dumps(result(request)).encode()


def _called_back(calling: CallingBack, request: Request, body: bytes) -> News | None:
    query = dict(parse_qsl(urlsplit(request.query["callback"]).query))
    return calling.heed({"dg-token": "key-id"}, query, body)


async def _keep(blobs: BlobStore, wanted: Task, body: bytes) -> None:
    await blobs.put(f"{checkpoint_prefix(wanted.tenant_id, wanted.job_id, wanted.run)}callback.json", body)
