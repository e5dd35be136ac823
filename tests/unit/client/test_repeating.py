"""What the client sends again, when, and what it makes of refusals."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import httpx
import pytest

import audio2txt_client as a2t
from audio2txt_client._protocol.answers import retry_after
from audio2txt_client._protocol.retries import Attempts
from audio2txt_client._protocol.waiting import Polling
from audio2txt_client.errors import Problem
from tests.clienting import FACES, Handler, facing

AT_ONCE = a2t.Retries(attempts=4, first=0, longest=0)
JOB = "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"
UPLOAD = {
    "id": JOB, "state": "ready", "file_name": None, "media_type": None, "size": 4, "received": None, "sha256": None,
    "created_at": "2026-11-29T00:00:00Z", "expires_at": "2026-11-30T00:00:00Z",
}  # fmt: skip


class Server:
    """Answers in turn, with statuses or by breaking off; keeps what it was asked."""

    def __init__(self, *answers: int | Exception, body: Any = None, headers: dict[str, str] | None = None) -> None:
        self._answers = list(answers)
        self._body = {} if body is None else body
        self._headers = headers or {}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """The next answer."""
        request.read()
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, json=self._body, headers=self._headers)


READ, CONNECT = httpx.ReadError("reset"), httpx.ConnectError("refused")


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize(
    ("method", "answers", "asked"),
    [
        ("GET", (503, READ, CONNECT, 200), 4),
        ("GET", (500,), 1),
        ("GET", (404,), 1),
        ("GET", (503, 503, 503, 503, 200), 4),
        ("PUT", (502, 204), 2),
        ("DELETE", (READ, 404), 2),
        ("DELETE", (404,), 1),
        ("POST", (CONNECT, 200), 2),
        ("POST", (429, 200), 2),
        ("POST", (READ, 200), 1),
        ("POST", (503, 200), 1),
        ("PATCH", (httpx.ReadTimeout("slow"), 200), 1),
        ("POST", (httpx.LocalProtocolError("header"), 200), 1),
    ],
)
async def test_only_what_is_safe_is_sent_again(
    kind: str, method: str, answers: tuple[int | Exception, ...], asked: int
) -> None:
    """Reads and deletions, what never arrived, and what was turned away; not what may have been done."""
    server = Server(*answers)
    fine = answers[asked - 1] in (200, 204) or (method == "DELETE" and asked > 1)
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        if fine:
            await face(lambda c: c.request(method, "/v1/things"))
        else:
            with pytest.raises((a2t.ApiError, a2t.ConnectionFailed)):
                await face(lambda c: c.request(method, "/v1/things"))
    assert len(server.requests) == asked


@pytest.mark.parametrize("kind", FACES)
async def test_a_job_is_asked_for_again_with_the_same_key(kind: str) -> None:
    """So that an answer that was lost makes no second job; the next job has another key."""
    server = Server(READ, 503, 401, 401)
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        for _ in range(2):
            with pytest.raises(a2t.Unauthenticated):
                await face(lambda c: c.jobs.create(upload_id=JOB, language="en"))
    keys = [request.headers["Idempotency-Key"] for request in server.requests]
    assert keys[0] == keys[1] == keys[2] != keys[3]


@pytest.mark.parametrize("kind", FACES)
async def test_a_recording_is_sent_from_its_beginning_each_time(kind: str) -> None:
    """Bytes and files that can be rewound; a pipe is sent once."""
    server = Server(READ, 201, body=UPLOAD)
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        await face(lambda c: c.uploads.create(b"RIFF", file_name="a.wav"))
    assert [request.content for request in server.requests] == [b"RIFF", b"RIFF"]
    assert server.requests[0].headers["Content-Length"] == "4"

    class Pipe:
        def seekable(self) -> bool:
            return False

        def read(self, _: int) -> bytes:
            return b""

    server = Server(READ, 201, body=UPLOAD)
    async with facing(kind, handler=server, retries=AT_ONCE) as face:
        with pytest.raises(a2t.ConnectionFailed):
            await face(lambda c: c.uploads.create(Pipe()))
        with pytest.raises(TypeError, match="rewound"):
            await face(lambda c: c.uploads.create_resumable(Pipe()))


@pytest.mark.parametrize("kind", FACES)
async def test_the_store_gets_the_bytes_and_neither_key_nor_talk(kind: str) -> None:
    """A direct upload whose answer was lost has arrived; the store does not see the key, and no error shows its address."""
    store = "https://store.test/bucket/a?X-Amz-Signature=secret"
    digest = hashlib.sha256(b"RIFF").hexdigest()
    begun = {"method": "PUT", "url": store, "headers": {"Content-Length": "4", "If-None-Match": "*"}, "upload": UPLOAD}
    bodies = {"direct": begun | {"begin_before": UPLOAD["expires_at"]}, "complete": UPLOAD | {"sha256": digest}}
    puts: list[httpx.Request] = []

    def of(*answers: int | Exception) -> Handler:
        server = Server(*answers)

        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "PUT":
                puts.append(request)
                return httpx.Response(server(request).status_code, text="<Error/>")
            return httpx.Response(200, json=bodies[request.url.path.rpartition("/")[2]])

        return answer

    async with facing(kind, handler=of(READ, 412), retries=AT_ONCE) as face:
        assert (await face(lambda c: c.uploads.create_direct(b"RIFF"))).sha256 == digest
    assert [(put.content, put.headers["If-None-Match"], put.headers["Content-Length"]) for put in puts] == [
        (b"RIFF", "*", "4")
    ] * 2
    assert not any("Authorization" in put.headers for put in puts)
    for answers, said in (((403,), "store.test answered 403"), ((CONNECT,) * 4, "Nothing answers at https://store.test")):
        async with facing(kind, handler=of(*answers), retries=AT_ONCE) as face:
            with pytest.raises(a2t.Audio2txtError, match=said) as refused:
                await face(lambda c: c.uploads.create_direct(b"RIFF"))
        assert "secret" not in str(refused.value)
    bodies["complete"] = UPLOAD | {"sha256": "0" * 64}
    bodies[JOB] = {}
    async with facing(kind, handler=of(200), retries=AT_ONCE) as face:
        with pytest.raises(a2t.ContentMismatch):
            await face(lambda c: c.uploads.create_direct(b"RIFF"))


def test_what_has_no_end_is_asked_about_ever_more_seldom() -> None:
    """Until the time is over, which is never waited beyond."""
    now = 0.0
    pauses: list[float] = []
    polling = Polling(60, about="The export x is being made", clock=lambda: now)
    while now < 60:
        pauses.append(polling.pause())
        now += pauses[-1]
    with pytest.raises(a2t.WaitTimedOut, match="The export x is being made after 60 s; it goes on"):
        polling.pause()
    assert sum(pauses) == pytest.approx(60)
    assert pauses[:-1] == sorted(pauses[:-1])
    endless = Polling(None, about="")
    assert [endless.pause() for _ in range(20)][-1] == 15


def test_the_waits_grow_and_what_the_gateway_asks_for_counts() -> None:
    """Twice as long each time, up to a half shorter; Retry-After is a least, and ends the matter beyond the budget."""
    now = [0.0]
    retries = a2t.Retries(attempts=6, budget=30, first=1, longest=4)

    def attempts(chance: float = 0.0) -> Attempts:
        return Attempts(retries, repeatable=True, clock=lambda: now[0], chance=lambda: chance)

    busy, refused = _error(503), a2t.ConnectionFailed("refused", arrived=False)
    first = attempts()
    assert [first.after(refused) for _ in range(6)] == [1, 2, 4, 4, 4, None]
    assert attempts(1.0).after(busy) == 0.5
    assert attempts(0.5).after(_error(429, retry_after=8)) == 8.5
    assert attempts().after(_error(429, retry_after=31)) is None
    late = attempts()
    now[0] = 29.5
    assert late.after(busy) is None


def test_retry_after_is_seconds_or_a_date() -> None:
    """As RFC 9110 has it; anything else is as if it were not there."""
    now = dt.datetime(2026, 11, 29, 5, 0, tzinfo=dt.UTC)
    cases = {"7": 7.0, "Sun, 29 Nov 2026 05:00:30 GMT": 30.0, "Sun, 29 Nov 2026 04:00:00 GMT": 0.0, "soon": None, "-1": None}
    assert {text: retry_after(httpx.Headers({"Retry-After": text}), now=now) for text in cases} == cases
    assert retry_after(httpx.Headers()) is None


@pytest.mark.parametrize("kind", FACES)
async def test_refusals_are_errors_that_say_what_to_do(kind: str) -> None:
    """The gateway's sentence, code and places; where a proxy has answered, what it was."""
    problem = {
        "type": "urn:audio2txt:problem:invalid_request", "title": "No", "status": 422, "code": "invalid_request",
        "detail": "There is no format papyrus.", "request_id": "req_1", "errors": [{"pointer": "/formats/0", "message": "No."}],
        "later": {"more": 1},
    }  # fmt: skip
    async with facing(kind, handler=lambda _: httpx.Response(422, json=problem), retries=AT_ONCE) as face:
        with pytest.raises(a2t.Invalid, match="papyrus") as invalid:
            await face(lambda c: c.jobs.get(JOB))
    assert (invalid.value.code, invalid.value.request_id, invalid.value.status) == ("invalid_request", "req_1", 422)
    assert invalid.value.errors == (a2t.FieldError(pointer="/formats/0", message="No."),)
    page = httpx.Response(200, html="<h1>Welcome to nginx</h1>")
    async with facing(kind, handler=lambda _: page, retries=AT_ONCE) as face:
        with pytest.raises(a2t.UnexpectedAnswer):
            await face(lambda c: c.jobs.get(JOB))
    moved = httpx.Response(308, headers={"Location": "https://elsewhere.example/"})
    async with facing(kind, handler=lambda _: moved, retries=AT_ONCE) as face:
        with pytest.raises(a2t.ApiError, match=r"elsewhere\.example"):
            await face(lambda c: c.jobs.get(JOB))


def test_a_client_must_know_where_to_go_and_as_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both may stand in the environment; what is missing is named, and the key is in no text."""
    for variable in ("AUDIO2TXT_URL", "AUDIO2TXT_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(a2t.NotConfigured, match="AUDIO2TXT_URL"):
        a2t.Client(api_key="a2t_live_x")
    with pytest.raises(a2t.NotConfigured, match="AUDIO2TXT_API_KEY"):
        a2t.Client(url="http://127.0.0.1:8000")
    with pytest.raises(a2t.NotConfigured, match="http"):
        a2t.Client(url="127.0.0.1:8000", api_key="a2t_live_x")
    with pytest.raises(a2t.NotConfigured) as odd:
        a2t.Client(url="http://127.0.0.1:8000", api_key="a2t_live_secret\n")
    assert "secret" not in str(odd.value)
    monkeypatch.setenv("AUDIO2TXT_URL", "http://127.0.0.1:8000/v1/")
    monkeypatch.setenv("AUDIO2TXT_API_KEY", "a2t_live_secret")
    with a2t.Client() as client:
        assert client.url == "http://127.0.0.1:8000"
        assert "secret" not in repr(client) + repr(vars(client))
    with a2t.Client(user=("chen@example.com", "four umbrellas")) as client:
        assert "umbrellas" not in repr(client) + repr(vars(client))
    with pytest.raises(TypeError, match="not both"):
        a2t.Client(api_key="a2t_live_x", user=("chen@example.com", "four umbrellas"))
    with pytest.raises(a2t.NotConfigured, match="colon"):
        a2t.Client(user=("four: umbrellas", "chen@example.com"))


def _error(status: int, retry_after: float | None = None) -> a2t.ApiError:
    return a2t.ApiError(Problem(detail="busy"), status=status, retry_after=retry_after)
