"""The AssemblyAI engine against the sandbox that plays it: every feature, every fault, and nothing paid for twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from services.sandbox.assemblyai.server import Sandbox
from services.transcriber.engines import Account, Finished, Heard, Hooks, KeyRefused, OutcomeUnknown, Task, Throttled
from services.transcriber.engines.assemblyai.engine import AssemblyAIEngine
from services.transcriber.engines.assemblyai.settings import AssemblyAISettings
from services.transcriber.engines.assemblyai.wire import Timeout, connector
from services.transcriber.engines.surroundings import unpaced
from shared.blobs import BlobStore, open_blobs
from shared.errors import JobError, RetryableError
from shared.schemas.ids import new_id
from shared.schemas.jobs import Analysis, JobOptions, Redaction, SpeakerRange
from tests.sandboxes import CANNED, Control, control, sandbox

SOURCE = "t/1/j/1/source/audio"
RECORDING = bytes(range(256)) * 4096
PATIENCE = 20.0
HOOK = "X-Audio2txt-Hook"


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[BlobStore]:
    """A store with one recording."""
    store = await open_blobs("file://", data_dir=tmp_path, credentials={})
    await store.put(SOURCE, RECORDING)
    yield store
    await store.close()


@pytest.fixture
async def far() -> AsyncIterator[Sandbox]:
    """A sandbox that always says the same."""
    async with sandbox() as running:
        yield running


@pytest.fixture
async def faults(far: Sandbox) -> AsyncIterator[Control]:
    """Its control."""
    async with control(far.url) as opened:
        yield opened


@pytest.fixture
async def engine(far: Sandbox, blobs: BlobStore) -> AsyncIterator[AssemblyAIEngine]:
    """The engine, which believes the list at once."""
    opened = opened_engine(far, blobs)
    yield opened
    await opened.close()


def opened_engine(
    far: Sandbox, blobs: BlobStore, *, hooks: Hooks | None = None, unclear: float = 0, patience: float = PATIENCE
) -> AssemblyAIEngine:
    """The engine with AssemblyAI where the sandbox is."""
    return AssemblyAIEngine(
        settings=AssemblyAISettings(assemblyai_url=far.url),
        blobs=blobs,
        reserve=unpaced,
        hooks=hooks,
        connect=connector(far.url),
        submit_timeout=Timeout(silence=patience, total=patience),
        unclear=dt.timedelta(seconds=unclear),
    )


def task(*, key: str = "k1", language: str | None = None, vocabulary: tuple[str, ...] = (), **options: Any) -> Task:
    """A task on the recording."""
    return Task(
        tenant_id=new_id(),
        job_id=new_id(),
        run=1,
        language=language,
        source_key=SOURCE,
        options=JobOptions(**options),
        vocabulary=vocabulary,
        account=Account(engine="assemblyai", id=f"id-of-{key}", key=key),
        token="t0ken",
    )


async def raw_answer(engine: AssemblyAIEngine, one: Task, provider_id: str) -> bytes:
    """What there is when the task is finished."""
    async with asyncio.timeout(PATIENCE):
        while not isinstance(polled := await engine.poll(one, provider_id), Finished):
            await asyncio.sleep(0.02)
    assert polled.raw is not None
    return polled.raw


async def heard(engine: AssemblyAIEngine, one: Task) -> Heard:
    """A task from beginning to end."""
    provider_id = await engine.submit(one, await engine.prepare(one))
    return engine.parse(await raw_answer(engine, one, provider_id))


def now() -> dt.datetime:
    """The moment before a submission."""
    return dt.datetime.now(dt.UTC)


async def accepted(faults: Control) -> list[dict[str, Any]]:
    """All transcripts that the sandbox has accepted."""
    seen: list[dict[str, Any]] = await faults.send("GET", "transcripts")  # type: ignore[assignment]
    return seen


async def test_a_recording_becomes_a_transcript(engine: AssemblyAIEngine, faults: Control) -> None:
    """It arrives whole, is heard once, comes back byte for byte, and what there is to know of it is on record."""
    one = task(vocabulary=("Audio2txt",), speakers=SpeakerRange(min=2, max=4))
    prepared = await engine.prepare(one)
    provider_id = await engine.submit(one, prepared)
    raw = await raw_answer(engine, one, provider_id)
    (seen,) = await accepted(faults)
    assert seen["id"] == provider_id
    assert seen["audio_sha256"] == hashlib.sha256(RECORDING).hexdigest()
    assert seen["answer_sha256"] == hashlib.sha256(raw).hexdigest()
    found = engine.parse(raw)
    assert found.model == "universal-3-5-pro"
    assert found.params["speech_models"] == "universal-3-5-pro,universal-2"
    assert found.language_confidence is not None
    assert found.duration_ms == CANNED.script_seconds * 1000
    assert len({passage.speaker for passage in found.passages}) > 1
    assert found.usage is not None
    assert found.usage.billed_ms == CANNED.script_seconds * 1000
    assert found.usage.items[:2] == ("universal-3-5-pro", "speaker_labels")


async def test_every_analysis_comes_back(engine: AssemblyAIEngine) -> None:
    """What was asked for is there, found or not, and is charged."""
    found = await heard(engine, task(analyses=tuple(Analysis)))
    assert found.insights is not None
    assert found.notes == ()
    for name in ("entities", "sentiments", "topics", "highlights", "chapters", "summary", "content_warnings"):
        assert getattr(found.insights, name) is not None, name
    assert found.usage is not None
    assert {"entity_detection", "sentiment_analysis", "summarization"} <= set(found.usage.items)
    assert (await heard(engine, task())).insights is None


async def test_channels_are_charged_each(engine: AssemblyAIEngine) -> None:
    """In a multichannel recording each channel is a speaker, and each costs."""
    found = await heard(engine, task(channels=True))
    assert found.channels is not None
    assert found.usage is not None
    assert found.usage.billed_ms == CANNED.script_seconds * 1000 * found.channels
    assert {passage.speaker for passage in found.passages} <= {str(number + 1) for number in range(found.channels)}


async def test_redacted_text_and_sound(blobs: BlobStore) -> None:
    """The task is finished when the redacted recording is there as well; it is fetched before anything is deleted."""
    async with sandbox(replace(CANNED, redaction_seconds=0.2)) as far:
        engine = opened_engine(far, blobs)
        one = task(redaction=Redaction(categories=("person_name", "location"), audio=True))
        provider_id = await engine.submit(one, await engine.prepare(one))
        raw = await raw_answer(engine, one, provider_id)
        (attachment,) = await engine.attachments(one, provider_id, raw)
        sound = b"".join([chunk async for chunk in attachment.chunks()])
        await engine.close()
    assert attachment.name in ("redacted.mp3", "redacted.wav")
    assert sound
    usage = engine.parse(raw).usage
    assert usage is not None
    assert {"redact_pii", "redact_pii_audio"} <= set(usage.items)


async def test_a_redacted_recording_that_has_expired_does_not_hold_the_text_back(
    engine: AssemblyAIEngine, faults: Control
) -> None:
    """The transcript is finished without it."""
    one = task(redaction=Redaction(categories=("person_name",), audio=True))
    await faults.next("redacted_audio_expired", times=2)
    provider_id = await engine.submit(one, await engine.prepare(one))
    raw = await raw_answer(engine, one, provider_id)
    assert await engine.attachments(one, provider_id, raw) == ()


@pytest.mark.parametrize("fault", ["accepted_then_dropped", "accepted_then_500", "accepted_then_silence"])
async def test_an_answer_that_was_lost_is_found_again(far: Sandbox, blobs: BlobStore, faults: Control, fault: str) -> None:
    """What was accepted is taken up from the list, however the answer went missing, and nothing is submitted again."""
    engine = opened_engine(far, blobs, patience=1)
    one = task()
    prepared, before = await engine.prepare(one), now()
    await faults.next(fault)
    with pytest.raises(OutcomeUnknown):
        await engine.submit(one, prepared)
    provider_id = await engine.find(one, prepared, before)
    await engine.close()
    assert [seen["id"] for seen in await accepted(faults)] == [provider_id]


async def test_what_never_arrived_is_not_in_the_list(engine: AssemblyAIEngine, faults: Control) -> None:
    """A dropped connection is unclear until the list has told; then it can be submitted again, once."""
    one = task()
    prepared, before = await engine.prepare(one), now()
    await faults.next("drop", route="submit")
    with pytest.raises(OutcomeUnknown):
        await engine.submit(one, prepared)
    assert await engine.find(one, prepared, before) is None
    provider_id = await engine.submit(one, prepared)
    assert [seen["id"] for seen in await accepted(faults)] == [provider_id]


async def test_a_list_that_lags_behind_is_waited_for(far: Sandbox, blobs: BlobStore, faults: Control) -> None:
    """An accepted transcript that is not listed yet is not submitted again."""
    engine = opened_engine(far, blobs, unclear=60)
    one = task()
    prepared, before = await engine.prepare(one), now()
    await faults.next("list_lag", "0.5")
    await faults.next("accepted_then_dropped")
    with pytest.raises(OutcomeUnknown):
        await engine.submit(one, prepared)
    with pytest.raises(OutcomeUnknown):
        await engine.find(one, prepared, before)
    async with asyncio.timeout(PATIENCE):
        while (provider_id := await found_yet(engine, one, prepared, before)) is None:
            await asyncio.sleep(0.05)
    await engine.close()
    assert [seen["id"] for seen in await accepted(faults)] == [provider_id]


async def found_yet(engine: AssemblyAIEngine, one: Task, prepared: Any, before: dt.datetime) -> str | None:
    """The id, once the list shows it."""
    try:
        return await engine.find(one, prepared, before)
    except OutcomeUnknown:
        return None


async def test_ours_is_found_among_many(engine: AssemblyAIEngine) -> None:
    """Pages of other transcripts do not hide it."""
    one = task()
    prepared, before = await engine.prepare(one), now()
    first = await engine.submit(one, prepared)
    other = await engine.prepare(task())
    for _ in range(7):
        await asyncio.gather(*(engine.submit(one, other) for _ in range(30)))
    assert await engine.find(one, prepared, before) == first


async def test_duplicates_are_deleted_with_the_task(engine: AssemblyAIEngine, faults: Control) -> None:
    """All transcripts of the recording go, with the uploaded file; once more is no error, and others stay."""
    one = task()
    prepared = await engine.prepare(one)
    provider_id = await engine.submit(one, prepared)
    duplicate = await engine.submit(one, prepared)
    other = await engine.submit(task(), await engine.prepare(task()))
    assert one.account is not None
    for _ in range(2):
        await engine.dismiss(one.account, provider_id, prepared, search=True)
    assert {seen["id"]: seen["deleted"] for seen in await accepted(faults)} == {
        provider_id: True,
        duplicate: True,
        other: False,
    }
    with pytest.raises(JobError) as lost:
        await engine.poll(one, provider_id)
    assert lost.value.failure.code == "engine_lost_task"


async def test_a_task_whose_id_nobody_knows_is_dismissed_by_its_recording(engine: AssemblyAIEngine, faults: Control) -> None:
    """As when a job is cancelled while it is handed over."""
    one = task()
    prepared = await engine.prepare(one)
    await engine.submit(one, prepared)
    assert one.account is not None
    await engine.dismiss(one.account, None, prepared, search=True)
    assert [seen["deleted"] for seen in await accepted(faults)] == [True]


async def test_refusals_say_whose_they_are(engine: AssemblyAIEngine, faults: Control) -> None:
    """A key, a balance, patience, a feature in a language: each refusal is told apart, and nothing was taken."""
    one = task()
    prepared = await engine.prepare(one)
    await faults.next("throttled", "3", route="submit")
    with pytest.raises(Throttled) as throttled:
        await engine.submit(one, prepared)
    assert throttled.value.seconds == 3
    await faults.send("PUT", "keys", {"key": "k1", "negative_balance": True})
    with pytest.raises(KeyRefused, match="balance"):
        await engine.submit(one, prepared)
    await faults.send("PUT", "keys", {"key": "k1", "refused": True})
    with pytest.raises(KeyRefused, match="key"):
        await engine.submit(one, prepared)
    await faults.send("PUT", "keys", {"key": "k1"})
    with pytest.raises(JobError) as refused:
        await engine.submit(task(language="zh", analyses=(Analysis.SENTIMENT,)), prepared)
    assert refused.value.failure.code == "feature_not_supported"
    assert await accepted(faults) == []


async def test_one_accounts_upload_is_not_anothers(engine: AssemblyAIEngine, faults: Control) -> None:
    """A recording uploaded with one key cannot be submitted with another; a retry uploads it again."""
    prepared = await engine.prepare(task())
    with pytest.raises(JobError) as lost:
        await engine.submit(task(key="k2"), prepared)
    assert (lost.value.failure.code, lost.value.failure.retryable) == ("engine_lost_task", True)
    assert await accepted(faults) == []


@pytest.mark.parametrize("fault", ["truncated_json", "cut_body", "drop", "server_error", "unavailable"])
async def test_a_question_that_fails_is_asked_again(engine: AssemblyAIEngine, faults: Control, fault: str) -> None:
    """An answer that was cut off is no answer; the next one is whole."""
    one = task()
    provider_id = await engine.submit(one, await engine.prepare(one))
    await raw_answer(engine, one, provider_id)
    await faults.next(fault, route="get")
    with pytest.raises(RetryableError):
        await engine.poll(one, provider_id)
    assert engine.parse(await raw_answer(engine, one, provider_id)).passages


async def test_an_outage_is_an_outage(engine: AssemblyAIEngine, far: Sandbox) -> None:
    """While nobody listens, nothing was sent, and everything can be tried again."""
    one = task()
    prepared = await engine.prepare(one)
    await far.refuse(60)
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await engine.poll(one, "t1")
            except JobError:
                await asyncio.sleep(0.01)  # it has not begun yet
            except RetryableError:
                break
    for step in (engine.prepare(one), engine.submit(one, prepared), engine.find(one, prepared, now())):
        with pytest.raises(RetryableError, match="cannot be reached"):
            await step


async def test_values_that_nobody_knows_yet_cost_nothing(engine: AssemblyAIEngine, faults: Control) -> None:
    """The package's own models break on them; here they are words like any other."""
    await faults.next("new_values")
    found = await heard(engine, task(analyses=(Analysis.ENTITIES,)))
    assert found.passages
    assert found.insights is not None
    assert found.notes == ()


@pytest.mark.parametrize(
    ("fault", "argument", "code", "retryable"),
    [
        ("job_error", "server", "engine_failed", True),
        ("job_error", "no_audio", "not_audio", False),
        ("job_error", "too_short", "audio_too_short", False),
        ("job_error", "download", "engine_failed", True),
        ("upload_expired", None, "engine_failed", True),
    ],
)
async def test_a_task_that_ends_in_error_fails_the_job(
    engine: AssemblyAIEngine, faults: Control, fault: str, argument: str | None, code: str, retryable: bool
) -> None:
    """In the terms of the customer, and with the advice to retry where that can help."""
    await faults.next(fault, argument)
    one = task()
    provider_id = await engine.submit(one, await engine.prepare(one))
    with pytest.raises(JobError) as failed:
        await raw_answer(engine, one, provider_id)
    assert (failed.value.failure.code, failed.value.failure.retryable) == (code, retryable)


async def test_its_callback_is_heeded(far: Sandbox, blobs: BlobStore, unused_tcp_port: int) -> None:
    """It carries our secret and the token, and names the transcript."""
    calls: asyncio.Queue[tuple[dict[str, str], dict[str, str], bytes]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        calls.put_nowait((headers, dict(request.query), await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.add_routes([web.post("/hooks/assemblyai", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    hooks = Hooks(url=f"http://127.0.0.1:{unused_tcp_port}/hooks", secret=b"of ours")
    engine = opened_engine(far, blobs, hooks=hooks)
    one = task()
    provider_id = await engine.submit(one, await engine.prepare(one))
    async with asyncio.timeout(PATIENCE):
        headers, query, body = await calls.get()
    news = engine.heed(headers, query, body)
    assert news is not None
    assert (news.token, news.provider_id) == ("t0ken", provider_id)
    assert engine.heed({**headers, HOOK.lower(): "forged"}, query, body) is None
    assert opened_engine(far, blobs).heed(headers, query, body) is None
    await engine.close()
    await runner.cleanup()


async def test_what_was_heard_is_the_same_however_often_it_is_read(engine: AssemblyAIEngine) -> None:
    """Reading is pure: the stored answer gives the same again, elsewhere and later."""
    one = task(analyses=(Analysis.ENTITIES,))
    raw = await raw_answer(engine, one, await engine.submit(one, await engine.prepare(one)))
    assert msgspec.json.encode(engine.parse(raw).insights) == msgspec.json.encode(engine.parse(raw).insights)
    assert engine.parse(raw) == engine.parse(raw)
