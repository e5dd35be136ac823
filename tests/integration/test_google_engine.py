"""Google against a small fake of it: a bucket, an operation, a token, and everything that breaks between them."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio

from services.transcriber.engines import Account, Finished, KeyRefused, OutcomeUnknown, Pending, Task, Throttled
from services.transcriber.engines.google import open_engine
from services.transcriber.engines.google.engine import LISTED, GoogleEngine
from shared.blobs import BlobStore
from shared.errors import ConfigurationError, JobError, RetryableError
from shared.schemas.engines import Feature, WordTimes
from shared.schemas.jobs import JobOptions
from tests.fakes import faults
from tests.fakes.google import BUCKET, EMAIL, FakeGoogle, fake_google
from tests.rented import RECORDING, Pace, stored, surroundings

pytest_plugins = ["tests.fixtures_transcriber"]

NOW, LONG_AGO = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1), dt.datetime.now(dt.UTC) - LISTED - dt.timedelta(seconds=1)


@pytest_asyncio.fixture
async def google() -> AsyncIterator[FakeGoogle]:
    """The fake."""
    async with fake_google() as fake:
        yield fake


@pytest.fixture
def environment(google: FakeGoogle, tmp_path: Path) -> dict[str, str]:
    """What an operator sets."""
    return {
        "AUDIO2TXT_GOOGLE_CREDENTIALS": str(google.write_credentials(tmp_path / "key.json")),
        "AUDIO2TXT_GOOGLE_BUCKET": BUCKET,
        "AUDIO2TXT_GOOGLE_SPEECH_URL": google.url,
        "AUDIO2TXT_GOOGLE_STORAGE_URL": google.url,
    }


@pytest_asyncio.fixture
async def engine(environment: dict[str, str], transcriber_blobs: BlobStore) -> AsyncIterator[GoogleEngine]:
    """The engine."""
    opened = _opened(environment, transcriber_blobs)
    yield opened
    await opened.close()


async def test_a_recording_is_heard_and_forgotten(
    engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore
) -> None:
    """Uploaded whole, heard, fetched byte for byte; then neither the recording nor the transcript stays at Google."""
    wanted = await stored(transcriber_blobs, engine="google")
    prepared = await engine.prepare(wanted)
    assert google.objects == {f"audio2txt/{wanted.job_id}/1/{wanted.token}": hashlib.sha256(RECORDING).hexdigest()}
    provider_id = await engine.submit(wanted, prepared)
    google.operations[provider_id]["metadata"]["progressPercent"] = 40
    assert await engine.poll(wanted, provider_id) == Pending(progress=0.4)
    google.finish(provider_id)
    finished = await engine.poll(wanted, provider_id)
    assert isinstance(finished, Finished)
    assert finished.raw is not None
    assert msgspec.json.decode(finished.raw) == google.operations[provider_id]
    heard = engine.parse(finished.raw)
    assert [passage.language for passage in heard.passages] == ["en", "en", "zh"]
    assert (heard.model, heard.duration_ms) == ("chirp_2", 13_000)
    account = _account(wanted)
    for _ in range(2):  # once more is no error
        await engine.dismiss(account, provider_id, prepared, search=True)
    assert (google.objects, google.operations, google.cancelled) == ({}, {}, [provider_id])


async def test_two_models_can_do_different_things(
    environment: dict[str, str], google: FakeGoogle, transcriber_blobs: BlobStore
) -> None:
    """One tells when words are said, the other by whom; each declares it, and its transcript shows it."""
    exact = _opened(environment, transcriber_blobs)
    speakers = _opened({**environment, "AUDIO2TXT_GOOGLE_MODEL": "chirp_3"}, transcriber_blobs)
    assert (exact.capabilities.word_times, speakers.capabilities.word_times) == (WordTimes.EXACT, WordTimes.APPROXIMATE)
    assert not exact.capabilities.has(Feature.SPEAKERS)
    assert speakers.capabilities.has(Feature.SPEAKERS)
    assert (exact.capabilities.longest_ms, speakers.capabilities.longest_ms) == (8 * 3_600_000, 3_600_000)
    wanted = await stored(transcriber_blobs, engine="google")
    provider_id = await speakers.submit(wanted, await speakers.prepare(wanted))
    google.finish(provider_id)
    finished = await speakers.poll(wanted, provider_id)
    assert isinstance(finished, Finished)
    heard = speakers.parse(finished.raw or b"")
    assert [passage.speaker for passage in heard.passages] == ["1", "2", "1"]
    assert heard.passages[1].words[-1].e == heard.passages[2].words[0].s == 5200
    await exact.close()
    await speakers.close()


async def test_what_is_asked_is_what_the_customer_wants(
    environment: dict[str, str], google: FakeGoogle, transcriber_blobs: BlobStore
) -> None:
    """Language, key terms, and the operator's wish to wait for a discount."""
    engine = _opened({**environment, "AUDIO2TXT_GOOGLE_DYNAMIC_BATCHING": "true"}, transcriber_blobs)
    wanted = await stored(
        transcriber_blobs, engine="google", options=JobOptions(language="zh-Hant-TW"), vocabulary=("Audio2txt",)
    )
    provider_id = await engine.submit(wanted, await engine.prepare(wanted))
    request = google.operations[provider_id]["metadata"]["batchRecognizeRequest"]
    assert request["config"]["languageCodes"] == ["cmn-Hant-TW"]
    assert request["config"]["adaptation"] == {"phraseSets": [{"inlinePhraseSet": {"phrases": [{"value": "Audio2txt"}]}}]}
    assert request["processingStrategy"] == "DYNAMIC_BATCHING"
    assert await engine.poll(wanted, provider_id) == Pending(seconds=300.0)
    await engine.close()


@pytest.mark.parametrize("fault", [faults.dropped, faults.truncated, faults.garbled, faults.status(500), faults.status(502)])
async def test_a_lost_answer_is_found_by_the_recordings_name(
    engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore, fault: faults.Fault
) -> None:
    """Among the operations of others, which come a page at a time; nothing is submitted again."""
    other = await stored(transcriber_blobs, engine="google")
    await engine.submit(other, await engine.prepare(other))
    wanted = await stored(transcriber_blobs, engine="google")
    prepared = await engine.prepare(wanted)
    google.faults.append(fault)
    with pytest.raises(OutcomeUnknown):
        await engine.submit(wanted, prepared)
    found = await engine.find(wanted, prepared, NOW)
    assert found == list(google.operations)[1]
    assert len(google.operations) == 2


async def test_a_list_that_lags_behind_is_not_believed_at_once(
    engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore
) -> None:
    """After a while what is not listed was not taken."""
    wanted = await stored(transcriber_blobs, engine="google")
    prepared = await engine.prepare(wanted)
    google.lists = False
    with pytest.raises(OutcomeUnknown):
        await engine.find(wanted, prepared, NOW)
    assert await engine.find(wanted, prepared, LONG_AGO) is None


async def test_a_task_nobody_knows_the_id_of_is_dismissed_by_its_recording(
    engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore
) -> None:
    """As when it was cancelled while it was handed over."""
    wanted = await stored(transcriber_blobs, engine="google")
    prepared = await engine.prepare(wanted)
    google.faults.append(faults.dropped)
    with pytest.raises(OutcomeUnknown):
        await engine.submit(wanted, prepared)
    await engine.dismiss(_account(wanted), None, prepared, search=True)
    assert (google.objects, google.operations, len(google.cancelled)) == ({}, {}, 1)


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (faults.status(429, Retry_After="30"), Throttled),
        (faults.status(429, '{"error": {"status": "RESOURCE_EXHAUSTED"}}'), Throttled),
        (faults.status(503, '{"error": {"status": "UNAVAILABLE"}}'), RetryableError),
        (
            faults.status(403, '{"error": {"message": "No such permission", "status": "PERMISSION_DENIED"}}'),
            KeyRefused,
        ),
        (faults.status(400, '{"error": {"message": "Unknown model", "status": "INVALID_ARGUMENT"}}'), JobError),
    ],
)
async def test_refusals_know_their_fate(
    engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore, refusal: faults.Fault, kind: type[Exception]
) -> None:
    """At each step; after none of them anything was taken."""
    wanted = await stored(transcriber_blobs, engine="google")
    prepared = await engine.prepare(wanted)
    for step in (engine.prepare(wanted), engine.submit(wanted, prepared), engine.poll(wanted, "operations/1")):
        google.refusals.append(refusal)
        with pytest.raises(kind) as refused:
            await step
        assert not isinstance(refused.value, OutcomeUnknown)
    assert google.operations == {}


async def test_an_expired_token_is_replaced_without_anybody_noticing(
    engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore
) -> None:
    """The refused request is sent again, its body from the beginning."""
    wanted = await stored(transcriber_blobs, engine="google")
    await engine.prepare(wanted)
    google.tokens.clear()
    prepared = await engine.prepare(wanted)
    google.tokens.clear()
    await engine.submit(wanted, prepared)
    assert google.token_requests == 3
    assert set(google.objects.values()) == {hashlib.sha256(RECORDING).hexdigest()}
    assert len(google.operations) == 1


async def test_one_token_serves_everybody(engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore) -> None:
    """However many ask at once."""
    await asyncio.gather(*[engine.prepare(await stored(transcriber_blobs, engine="google")) for _ in range(5)])
    assert google.token_requests == 1


async def test_requests_keep_the_pace_of_their_account(
    environment: dict[str, str], google: FakeGoogle, transcriber_blobs: BlobStore
) -> None:
    """That for the token, too."""
    pace = Pace()
    engine = open_engine(surroundings(transcriber_blobs, environment, pace=pace))
    assert engine is not None
    await engine.prepare(await stored(transcriber_blobs, engine="google"))
    await engine.close()
    assert pace.reserved == 2


async def test_a_key_that_google_does_not_know_is_told(
    google: FakeGoogle, environment: dict[str, str], transcriber_blobs: BlobStore, tmp_path: Path
) -> None:
    """In Google's words, without the key."""
    async with fake_google() as another:
        another.url = google.url
        another.write_credentials(tmp_path / "key.json")
    engine = _opened(environment, transcriber_blobs)
    with pytest.raises(KeyRefused, match="refuses the service account"):
        await engine.prepare(await stored(transcriber_blobs, engine="google"))
    await engine.close()


async def test_failures_of_the_operation_fail_the_job(
    engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore
) -> None:
    """Of the whole, or of the recording in it."""
    for error in (
        {"error": {"code": 3, "message": "Audio too long."}},
        {"file_error": {"code": 3, "message": "Audio too long."}},
    ):
        wanted = await stored(transcriber_blobs, engine="google")
        provider_id = await engine.submit(wanted, await engine.prepare(wanted))
        google.finish(provider_id, **error)
        finished = await engine.poll(wanted, provider_id)
        assert isinstance(finished, Finished)
        assert finished.raw is not None
        with pytest.raises(JobError, match="Audio too long") as failed:
            engine.parse(finished.raw)
        assert not failed.value.failure.retryable


@pytest.mark.parametrize("answer", ["<html>Sorry…</html>", '{"name": "operations/1", "done": tr'])
async def test_a_question_without_a_whole_answer_is_asked_again(
    engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore, answer: str
) -> None:
    """A task that is paid for is not given up, and so deleted, for an answer that was cut off."""
    wanted = await stored(transcriber_blobs, engine="google")
    provider_id = await engine.submit(wanted, await engine.prepare(wanted))
    google.refusals.append(faults.status(200, answer))
    with pytest.raises(RetryableError) as raised:
        await engine.poll(wanted, provider_id)
    assert not isinstance(raised.value, JobError)
    google.finish(provider_id)
    assert isinstance(await engine.poll(wanted, provider_id), Finished)


@pytest.mark.parametrize("changed", [{"response": "elsewhere"}, {"metadata": {"progressPercent": "all"}}, {"name": None}])
async def test_a_finished_operation_is_taken_whatever_else_has_changed_in_it(
    engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore, changed: dict[str, object]
) -> None:
    """It is paid for, and kept before it is understood."""
    wanted = await stored(transcriber_blobs, engine="google")
    provider_id = await engine.submit(wanted, await engine.prepare(wanted))
    google.finish(provider_id)
    google.operations[provider_id] |= changed
    finished = await engine.poll(wanted, provider_id)
    assert isinstance(finished, Finished)
    assert finished.raw is not None
    assert msgspec.json.decode(finished.raw) == google.operations[provider_id]


async def test_an_operation_that_is_gone_is_lost(engine: GoogleEngine, transcriber_blobs: BlobStore) -> None:
    """A retry may help."""
    with pytest.raises(JobError) as failed:
        await engine.poll(
            await stored(transcriber_blobs, engine="google"), "projects/a-project/locations/us-central1/operations/gone"
        )
    assert (failed.value.failure.code, failed.value.failure.retryable) == ("engine_lost_task", True)


async def test_tenants_cannot_bring_their_own_key(
    engine: GoogleEngine, google: FakeGoogle, transcriber_blobs: BlobStore
) -> None:
    """It would take more than a key, and they are told."""
    wanted = await stored(transcriber_blobs, engine="google", owner=uuid4())
    with pytest.raises(JobError, match="service account only"):
        await engine.prepare(wanted)
    assert google.objects == {}


def test_a_wrong_set_up_is_told_when_the_process_starts(
    environment: dict[str, str], transcriber_blobs: BlobStore, tmp_path: Path
) -> None:
    """By the name of the setting, and nothing of the key file is shown."""
    assert open_engine(surroundings(transcriber_blobs, {})) is None
    (tmp_path / "half.json").write_text('{"type": "service_account", "private_key": "-----BEGIN SECRET')
    for changes, words in (
        ({"AUDIO2TXT_GOOGLE_BUCKET": ""}, "AUDIO2TXT_GOOGLE_BUCKET"),
        ({"AUDIO2TXT_GOOGLE_CREDENTIALS": str(tmp_path / "none.json")}, "cannot be read"),
        ({"AUDIO2TXT_GOOGLE_CREDENTIALS": str(tmp_path / "half.json")}, "not the JSON key file"),
        ({"AUDIO2TXT_GOOGLE_MODEL": "chirp_9"}, "AUDIO2TXT_GOOGLE_MODEL"),
    ):
        with pytest.raises(ConfigurationError, match=words) as refused:
            open_engine(surroundings(transcriber_blobs, {**environment, **changes}))
        assert "SECRET" not in str(refused.value)


def test_the_account_is_named_without_its_key(engine: GoogleEngine) -> None:
    """What identifies it may stand in a table."""
    assert engine.key == f"{EMAIL}/key-1"


def _opened(environment: dict[str, str], blobs: BlobStore) -> GoogleEngine:
    engine = open_engine(surroundings(blobs, environment))
    assert engine is not None
    return engine


def _account(wanted: Task) -> Account:
    assert wanted.account is not None
    return wanted.account
