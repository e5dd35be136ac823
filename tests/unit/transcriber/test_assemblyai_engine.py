"""Every answer of AssemblyAI, and none at all, has its fate."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Callable
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from services.transcriber.engines import Account, Finished, Hooks, KeyRefused, OutcomeUnknown, Pending, Task, Throttled
from services.transcriber.engines.assemblyai.engine import CALLED_BACK_SECONDS, AssemblyAIEngine
from services.transcriber.engines.assemblyai.settings import AssemblyAISettings
from services.transcriber.engines.assemblyai.wire import connector
from services.transcriber.engines.surroundings import unpaced
from shared.blobs import BlobInfo, BlobStore, open_blobs
from shared.errors import JobError, RetryableError
from shared.schemas.ids import new_id
from shared.schemas.jobs import JobOptions, Redaction

SERVICE = "https://aai.test"
NOW = dt.datetime.now(dt.UTC)
SOURCE = "t/1/j/1/source/audio"
PREPARED = {"audio_url": "https://cdn/upload/1", "account": "a1", "service": SERVICE, "prepared_at": NOW.isoformat()}
RECORDING = b"RIFF" * 100_000

Handler = Callable[[httpx.Request], httpx.Response]


class Far:
    """Stands in for AssemblyAI: answers in turn what it is told to, or raises it, and keeps the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    async def handle(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def connect(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=SERVICE, transport=httpx.MockTransport(self.handle))

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[BlobStore]:
    """A store with one recording."""
    store = await open_blobs("file://", data_dir=tmp_path, credentials={})
    await store.put(SOURCE, RECORDING)
    yield store
    await store.close()


def task(**options: Any) -> Task:
    """A task of the deployment's account."""
    account = Account(engine="assemblyai", id="a1", key="the-key")
    options_ = JobOptions(**options)
    return Task(
        tenant_id=new_id(),
        job_id=new_id(),
        run=1,
        language=None,
        source_key=SOURCE,
        options=options_,
        account=account,
        token="t",
    )


def engine(far: Far, blobs: BlobStore, *, unclear_seconds: float = 0, upload: str = "auto") -> AssemblyAIEngine:
    """The engine, with AssemblyAI where `far` is."""
    return AssemblyAIEngine(
        settings=AssemblyAISettings(assemblyai_url=SERVICE, assemblyai_upload=upload),
        blobs=blobs,
        reserve=unpaced,
        hooks=None,
        connect=far.connect,
        unclear=dt.timedelta(seconds=unclear_seconds),
    )


def says(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    """An answer in JSON."""
    return httpx.Response(status, json=body, headers=headers)


def refuses(status: int, error: str) -> httpx.Response:
    """A refusal in AssemblyAI's shape."""
    return says({"error": error}, status)


def listed(*items: dict[str, Any], prev_url: str | None = None) -> httpx.Response:
    """A page of its list."""
    return says({"page_details": {"prev_url": prev_url}, "transcripts": list(items)})


def item(name: str, *, audio_url: str = PREPARED["audio_url"], ago: float = 0, status: str = "processing") -> dict[str, Any]:
    """A line of its list; its clock names no zone."""
    created = (NOW - dt.timedelta(seconds=ago)).replace(tzinfo=None).isoformat()
    return {"id": name, "status": status, "created": created, "audio_url": audio_url, "error": None, "brand_new": 1}


async def test_a_recording_is_uploaded_as_it_is(blobs: BlobStore) -> None:
    """The bytes arrive whole and with their length, under the account's own key, and the URL is remembered."""
    far = Far(says({"upload_url": "https://cdn/upload/1"}))
    prepared = await engine(far, blobs).prepare(task())
    (request,) = far.requests
    assert request.content == RECORDING
    assert request.headers["content-length"] == str(len(RECORDING))
    assert request.headers["authorization"] == "the-key"
    assert prepared["audio_url"] == "https://cdn/upload/1"
    assert prepared["account"] == "a1"
    assert "the-key" not in prepared.values()


class Huge:
    """A store that claims a file to be of some size."""

    def __init__(self, size: int, *, url: str | None = None) -> None:
        self._size = size
        self._url = url

    async def info(self, key: str) -> BlobInfo:
        return BlobInfo(key=key, size=self._size, etag="e")

    async def presigned(self, key: str, seconds: int) -> str | None:
        return self._url


@pytest.mark.parametrize(
    ("size", "url", "options"),
    [
        (5_000_000_001, "https://s3/x?sig", {}),
        (2_200_000_001, None, {}),
        (1_000_000_001, "https://s3/x?sig", {"redaction": Redaction(categories=("person_name",), audio=True)}),
    ],
)
async def test_a_file_that_is_too_large_is_not_sent(size: int, url: str | None, options: dict[str, Any]) -> None:
    """The limit that counts is named, and AssemblyAI is not asked."""
    far = Far()
    with pytest.raises(JobError, match="GB") as refused:
        await engine(far, Huge(size, url=url)).prepare(task(**options))  # type: ignore[arg-type]
    assert refused.value.failure.code == "file_too_large"
    assert not far.requests


async def test_a_file_beyond_the_upload_limit_is_lent_by_url() -> None:
    """Where the store can presign a URL, AssemblyAI fetches the file itself; so it does where the operator wants it."""
    large = await engine(Far(), Huge(2_200_000_001, url="https://s3/x?sig")).prepare(task())  # type: ignore[arg-type]
    small = await engine(Far(), Huge(1, url="https://s3/y?sig"), upload="presigned").prepare(task())  # type: ignore[arg-type]
    assert (large["audio_url"], small["audio_url"]) == ("https://s3/x?sig", "https://s3/y?sig")


async def test_an_accepted_submission_is_known_by_its_id_alone(blobs: BlobStore) -> None:
    """Values that nobody knows yet, or fields that are missing, do not lose a task that is paid for."""
    far = Far(says({"id": "t1", "status": "teleporting", "speech_model": 7, "words": "?"}))
    assert await engine(far, blobs).submit(task(), PREPARED) == "t1"
    assert json.loads(far.requests[0].content)["audio_url"] == PREPARED["audio_url"]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (refuses(401, "Authentication error, API token missing/invalid"), KeyRefused, "not valid"),
        (refuses(403, "Forbidden"), KeyRefused, "may not"),
        (refuses(400, "Your current account balance is negative. Please top up."), KeyRefused, "balance"),
        (refuses(429, "Too Many Requests"), Throttled, "patience"),
        (refuses(404, "Not found"), RetryableError, "404"),
        (httpx.ConnectError("refused"), RetryableError, "cannot be reached"),
        (httpx.ConnectTimeout("slow"), RetryableError, "cannot be reached"),
    ],
)
async def test_a_submission_that_was_not_taken_says_so(
    blobs: BlobStore, answer: httpx.Response | Exception, error: type[Exception], words: str
) -> None:
    """What was refused, or never left, can be submitted again without looking for it."""
    with pytest.raises(error, match=words) as raised:
        await engine(Far(answer), blobs).submit(task(), PREPARED)
    assert not isinstance(raised.value, OutcomeUnknown)
    assert "the-key" not in str(raised.value)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("dropped"),
        httpx.WriteError("broken pipe"),
        httpx.Response(500, json={"error": "Server error, developers have been alerted."}),
        httpx.Response(503),
        httpx.Response(504, text="<html>"),
        httpx.Response(302, headers={"location": "https://elsewhere"}),
        httpx.Response(200, content=b'{"id": "t1", "status": '),
        httpx.Response(200, json={"status": "queued"}),
        httpx.Response(200, json=[1]),
    ],
)
async def test_a_submission_without_a_clear_answer_is_unclear(blobs: BlobStore, answer: httpx.Response | Exception) -> None:
    """Whatever may have been taken has to be looked for before it is submitted again."""
    with pytest.raises(OutcomeUnknown):
        await engine(Far(answer), blobs).submit(task(), PREPARED)


@pytest.mark.parametrize(
    "changed",
    [
        {"audio_duration": {"seconds": 44}},
        {"audio_duration": None, "text": ["in", "parts"]},
        {"error": {"code": 0}, "audio_url": None},
    ],
)
async def test_a_finished_transcript_is_taken_whatever_else_has_changed_in_it(
    blobs: BlobStore, changed: dict[str, Any]
) -> None:
    """It is paid for, and nothing but its status needs to be understood to keep it."""
    whole = httpx.Response(200, json={"id": "t1", "status": "completed", "text": "Hello.", **changed})
    assert await engine(Far(whole), blobs).poll(task(), "t1") == Finished(raw=whole.content)


@pytest.mark.parametrize(
    ("status", "message", "code", "retryable"),
    [
        (400, "The following models are not available in this language: speaker_labels", "feature_not_supported", False),
        (400, "Language xx is not supported", "language_not_supported", False),
        (400, "format_text must be a Boolean", "engine_refused", False),
        (422, "Unprocessable", "engine_refused", False),
        (413, "", "file_too_large", False),
        (403, "Cannot access uploaded file", "engine_lost_task", True),
    ],
)
async def test_a_request_that_assemblyai_refuses_fails_the_job(
    blobs: BlobStore, status: int, message: str, code: str, retryable: bool
) -> None:
    """The customer reads why in a sentence, and whether a retry helps."""
    with pytest.raises(JobError) as refused:
        await engine(Far(refuses(status, message)), blobs).submit(task(), PREPARED)
    assert (refused.value.failure.code, refused.value.failure.retryable) == (code, retryable)


async def test_the_wait_that_assemblyai_asks_for_is_passed_on(blobs: BlobStore) -> None:
    """As a number of seconds or as a date."""
    later = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2), usegmt=True)
    for given, least, most in (("7", 7.0, 7.0), (later, 60.0, 120.0)):
        far = Far(says({"error": "Too Many Requests"}, 429, **{"Retry-After": given}))
        with pytest.raises(Throttled) as throttled:
            await engine(far, blobs).submit(task(), PREPARED)
        assert throttled.value.seconds is not None
        assert least <= throttled.value.seconds <= most


async def test_a_lost_submission_is_found_by_its_recording(blobs: BlobStore) -> None:
    """The list is read back to five minutes before the submission, page by page; the oldest that did not fail is taken up."""
    far = Far(
        listed(item("other", audio_url="https://cdn/upload/2"), item("copy"), prev_url="?before"),
        listed(item("first", ago=10), item("failed", ago=20, status="error"), prev_url="?before"),
        listed(item("old", ago=400), item("older", ago=500), prev_url="?before"),
    )
    assert await engine(far, blobs).find(task(), PREPARED, NOW) == "first"
    assert [request.url.params.get("before_id") for request in far.requests] == [None, "copy", "failed"]
    assert {request.url.params["limit"] for request in far.requests} == {"200"}


async def test_a_task_that_failed_there_was_taken_all_the_same(blobs: BlobStore) -> None:
    """Its failure is then learnt by asking for it."""
    assert await engine(Far(listed(item("failed", status="error"))), blobs).find(task(), PREPARED, NOW) == "failed"


async def test_nothing_in_the_list_is_believed_only_after_a_while(blobs: BlobStore) -> None:
    """The list may lag behind, and the request may still be on its way."""
    with pytest.raises(OutcomeUnknown):
        await engine(Far(listed()), blobs, unclear_seconds=60).find(task(), PREPARED, dt.datetime.now(dt.UTC))
    assert await engine(Far(listed()), blobs).find(task(), PREPARED, NOW) is None


async def test_another_key_cannot_tell(blobs: BlobStore) -> None:
    """Another project's list shows nothing, which says nothing: only the customer may decide to pay again."""
    moved = {**PREPARED, "account": "another"}
    with pytest.raises(JobError) as unclear:
        await engine(Far(listed()), blobs).find(task(), moved, NOW)
    assert (unclear.value.failure.code, unclear.value.failure.retryable) == ("outcome_unknown", True)
    assert await engine(Far(listed(item("t1"))), blobs).find(task(), moved, NOW) == "t1"


@pytest.mark.parametrize("answer", [httpx.ReadTimeout("slow"), httpx.Response(500), httpx.Response(200, text="{"), says([])])
async def test_a_list_that_does_not_come_is_asked_for_again(blobs: BlobStore, answer: httpx.Response | Exception) -> None:
    """No list is not an empty list."""
    with pytest.raises(RetryableError) as raised:
        await engine(Far(answer), blobs).find(task(), PREPARED, NOW)
    assert not isinstance(raised.value, OutcomeUnknown)


@pytest.mark.parametrize("status", ["queued", "processing", "resting_a_while", None])
async def test_an_unfinished_task_is_pending(blobs: BlobStore, status: str | None) -> None:
    """Also in a state that nobody knows yet."""
    answer = says({"id": "t1", "status": status, "audio_duration": 61.5})
    assert await engine(Far(answer), blobs).poll(task(), "t1") == Pending(duration_ms=61_500)


async def test_a_finished_answer_is_handed_on_byte_for_byte(blobs: BlobStore) -> None:
    """Nothing is decoded and encoded again on the way."""
    raw = b'{ "status":"completed",\n "text":"h\\u00e9", "audio_duration":1.50 }'
    assert await engine(Far(httpx.Response(200, content=raw)), blobs).poll(task(), "t1") == Finished(raw=raw)


@pytest.mark.parametrize(
    ("message", "code", "retryable"),
    [
        ("Download error, unable to download https://s3/x?X-Amz-Signature=abc.", "engine_failed", True),
        ("Download error to https://s3/x, 403 Client Error: Forbidden for url: https://s3/x", "engine_failed", True),
        ("File does not appear to contain audio. File type is text/html (HTML document).", "not_audio", False),
        ("Audio duration is too short.", "audio_too_short", False),
        ("Audio file is too long.", "audio_too_long", False),
        ("Audio speech threshold 0.9461 is below the requested speech threshold value 1.0", "no_speech", False),
        ("language_detection cannot be performed on files with no spoken audio.", "no_speech", False),
        ("Detected language 'en' has a confidence below the requested threshold", "language_not_detected", False),
        ("Server error, developers have been alerted.", "engine_failed", True),
        ("See https://x/y?X-Amz-Signature=abc for details", "engine_failed", True),
        ("", "engine_failed", True),
    ],
)
async def test_a_task_that_failed_there_fails_the_job(blobs: BlobStore, message: str, code: str, retryable: bool) -> None:
    """What is wrong with the recording is told once and for all; the rest may be tried again. No address is repeated."""
    with pytest.raises(JobError) as failed:
        await engine(Far(says({"status": "error", "error": message})), blobs).poll(task(), "t1")
    assert (failed.value.failure.code, failed.value.failure.retryable) == (code, retryable)
    assert "Signature" not in failed.value.failure.message


@pytest.mark.parametrize(
    "answer",
    [
        refuses(404, "Not found"),
        refuses(400, "Transcript lookup error, transcript id not found"),
        says({"status": "completed", "text": "Deleted by user.", "audio_url": "http://deleted_by_user"}),
    ],
)
async def test_a_task_that_is_not_there_any_more_is_lost(blobs: BlobStore, answer: httpx.Response) -> None:
    """What somebody deleted is not taken for what was said."""
    with pytest.raises(JobError) as lost:
        await engine(Far(answer), blobs).poll(task(), "t1")
    assert (lost.value.failure.code, lost.value.failure.retryable) == ("engine_lost_task", True)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, content=b'{"status": "completed", "text": "cut o'), RetryableError),
        (httpx.Response(200, content=b"<html>"), RetryableError),
        (says({"status": 7}), RetryableError),
        (refuses(400, "Something else"), RetryableError),
        (httpx.Response(502), RetryableError),
        (httpx.ReadTimeout("slow"), RetryableError),
        (httpx.RemoteProtocolError("dropped"), RetryableError),
        (refuses(429, "Too Many Requests"), Throttled),
        (refuses(401, "Authentication error"), KeyRefused),
    ],
)
async def test_a_question_without_an_answer_is_asked_again(
    blobs: BlobStore, answer: httpx.Response | Exception, error: type[Exception]
) -> None:
    """A task that is paid for is not given up for an answer that was cut off."""
    with pytest.raises(error) as raised:
        await engine(Far(answer), blobs).poll(task(), "t1")
    assert type(raised.value) is not JobError


async def test_a_redacted_recording_is_waited_for_and_fetched_without_the_key(blobs: BlobStore) -> None:
    """The task is finished when both are there; the file's own address gets no key of ours."""
    wanted = task(redaction=Redaction(categories=("person_name",), audio=True))
    completed = {"status": "completed", "text": "####"}
    ready = {"status": "redacted_audio_ready", "redacted_audio_url": "https://files/r.mp3?sig"}
    far = Far(says(completed), says({"status": "not_ready"}, 202), says(completed), says(ready), says(ready))
    far.answers += [httpx.Response(200, content=b"beep"), httpx.Response(403)]
    rented = engine(far, blobs)
    assert await rented.poll(wanted, "t1") == Pending()
    finished = await rented.poll(wanted, "t1")
    assert isinstance(finished, Finished)
    assert finished.raw is not None
    (attachment,) = await rented.attachments(wanted, "t1", finished.raw)
    assert (attachment.name, attachment.media_type) == ("redacted.mp3", "audio/mpeg")
    assert b"".join([chunk async for chunk in attachment.chunks()]) == b"beep"
    assert "authorization" not in far.requests[-1].headers
    with pytest.raises(RetryableError, match="403"):
        [chunk async for chunk in attachment.chunks()]


@pytest.mark.parametrize("answer", [refuses(400, "Redacted audio has expired"), refuses(404, "Not found")])
async def test_a_redacted_recording_that_will_never_come_is_not_waited_for(blobs: BlobStore, answer: httpx.Response) -> None:
    """The transcript, which is there, is not held back for it; a silent recording has none from the beginning."""
    wanted = task(redaction=Redaction(categories=("person_name",), audio=True))
    far = Far(says({"status": "completed", "text": "####"}), answer, answer)
    rented = engine(far, blobs)
    finished = await rented.poll(wanted, "t1")
    assert isinstance(finished, Finished)
    assert await rented.attachments(wanted, "t1", finished.raw or b"") == ()
    silent = Far(says({"status": "completed", "text": ""}))
    assert isinstance(await engine(silent, blobs).poll(wanted, "t1"), Finished)
    assert await engine(Far(), blobs).attachments(task(), "t1", b'{"text": "said"}') == ()


async def test_everything_about_a_recording_is_deleted(blobs: BlobStore) -> None:
    """The transcript we know of and any other of the same recording; what is gone already is no error."""
    far = Far(listed(item("t1"), item("t2")), says({"id": "t1"}), refuses(404, "Not found"))
    await engine(far, blobs).dismiss(account(), "t1", PREPARED, search=True)
    assert far.asked[0] == "GET /v2/transcript"
    assert sorted(far.asked[1:]) == ["DELETE /v2/transcript/t1", "DELETE /v2/transcript/t2"]
    far = Far(refuses(400, "Transcript lookup error, transcript id not found"))
    await engine(far, blobs).dismiss(account(), "t1", {}, search=True)
    await engine(Far(), blobs).dismiss(account(), None, {}, search=True)


async def test_nothing_is_looked_for_where_everything_is_known(blobs: BlobStore) -> None:
    """A list of thousands of transcripts is not read for each of them."""
    far = Far(says({"id": "t1"}))
    await engine(far, blobs).dismiss(account(), "t1", PREPARED, search=False)
    assert far.asked == ["DELETE /v2/transcript/t1"]


async def test_who_is_called_back_asks_rarely(blobs: BlobStore) -> None:
    """Only in case that a callback was lost."""
    far = Far(says({"status": "processing"}))
    hooks = Hooks(url="https://example.com/hooks", secret=b"secret")
    rented = AssemblyAIEngine(
        settings=AssemblyAISettings(assemblyai_url=SERVICE), blobs=blobs, reserve=unpaced, hooks=hooks, connect=far.connect
    )
    assert rented.calls_back
    assert rented.first_poll == CALLED_BACK_SECONDS
    assert await rented.poll(task(), "t1") == Pending()
    assert not engine(far, blobs).calls_back


async def test_a_deletion_that_fails_is_tried_again(blobs: BlobStore) -> None:
    """Until AssemblyAI says that it is done."""
    for answer in (httpx.Response(500), refuses(400, "Transcript is still processing"), httpx.ReadTimeout("slow")):
        with pytest.raises(RetryableError):
            await engine(Far(answer), blobs).dismiss(account(), "t1", {}, search=True)


async def test_each_request_waits_its_turn(blobs: BlobStore) -> None:
    """Uploads, submissions and questions alike are reserved for the account that pays."""
    turns: list[str] = []

    class Turn:
        def __init__(self, account: Account) -> None:
            self._account = account

        async def __aenter__(self) -> None:
            turns.append(self._account.id)

        async def __aexit__(self, *_: object) -> None:
            return

    far = Far(says({"upload_url": "https://cdn/upload/1"}), says({"id": "t1"}), says({"status": "queued"}))
    settings = AssemblyAISettings(assemblyai_url=SERVICE)
    rented = AssemblyAIEngine(settings=settings, blobs=blobs, reserve=Turn, hooks=None, connect=far.connect)
    prepared = await rented.prepare(task())
    await rented.poll(task(), await rented.submit(task(), prepared))
    await rented.close()
    assert turns == ["a1", "a1", "a1"]


def account() -> Account:
    """The deployment's."""
    return Account(engine="assemblyai", id="a1", key="the-key")


def test_capabilities_follow_the_settings(tmp_path: Path) -> None:
    """What is declared depends on models, on the way recordings take, and on whether copies are deleted."""
    usual = engine(Far(), Huge(1)).capabilities  # type: ignore[arg-type]
    assert usual.speaks("zh-Hant")
    assert usual.keeps_copies
    assert usual.vocabulary is not None
    assert usual.vocabulary.terms == 1000
    other = AssemblyAISettings(assemblyai_models="universal-3-5-pro", assemblyai_upload="upload", assemblyai_delete=False)
    rented = AssemblyAIEngine(settings=other, blobs=Huge(1), reserve=unpaced, hooks=None, connect=Far().connect)  # type: ignore[arg-type]
    assert not rented.capabilities.speaks("mi")
    assert rented.capabilities.largest_bytes == 2_200_000_000
    assert not rented.capabilities.keeps_copies
    assert msgspec.json.encode(rented.capabilities)


async def test_the_packages_client_carries_no_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in the package's own variable belongs to nobody here, and no cookie goes from one account to another."""
    monkeypatch.setenv("ASSEMBLYAI_API_KEY", "somebody-elses")
    client = connector(SERVICE)()
    assert "authorization" not in client.headers
    assert "AssemblyAI" in client.headers["user-agent"]
    response = httpx.Response(200, headers={"Set-Cookie": "a=b"}, request=httpx.Request("GET", SERVICE))
    client.cookies.extract_cookies(response)
    assert not client.cookies
    await client.aclose()
