"""Every way a request to a provider can end has one class, which says whether it may have been taken and paid for."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from email.utils import format_datetime
from pathlib import Path

import pytest
import pytest_asyncio

from services.transcriber.engines import KeyRefused, OutcomeUnknown, Throttled
from services.transcriber.engines.http import Answer, Body, ProviderHttp, wait_of, words_of
from shared.errors import JobError, RetryableError
from tests.receivers import Behaviour, drop, raw, receiver, silence, status

KEY = "sk-proj-4f8aPq2mW9xZ7tR3"


@pytest_asyncio.fixture
async def http() -> AsyncIterator[ProviderHttp]:
    """A door to a provider called Provider, with hardly any patience."""
    door = ProviderHttp(provider="Provider", read_seconds=0.2, total_seconds=5.0)
    yield door
    await door.close()


async def post(http: ProviderHttp, url: str, body: Body | None = None) -> Answer:
    """One request with a key."""
    headers = {"Authorization": f"Bearer {KEY}"}
    return await http.send("POST", url, headers=headers, body=body or Body.of(b"some audio", "audio/flac"))


async def failure(http: ProviderHttp, url: str, body: Body | None = None) -> Exception:
    """What one request raises."""
    with pytest.raises((JobError, RetryableError)) as caught:
        await post(http, url, body)
    assert KEY not in repr(caught.value)
    return caught.value


def answered(code: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer as it came."""
    return Answer(status=code, headers={name.replace("_", "-"): value for name, value in headers.items()}, body=body)


async def test_an_answer_is_handed_on_byte_for_byte(http: ProviderHttp) -> None:
    """What the provider sends is what the caller gets, with its status and its headers by lower-case names."""
    async with receiver(status(200, b'{"text": "hi" }', X_Request_Id="r1")) as provider:
        answer = await post(http, provider.url)
    assert (answer.ok, answer.body, answer.headers["x-request-id"]) == (True, b'{"text": "hi" }', "r1")
    assert provider.requests[0].body == b"some audio"
    assert provider.requests[0].headers["content-length"] == "10"


async def test_a_body_of_known_size_is_streamed_with_its_length(http: ProviderHttp) -> None:
    """A recording is sent piece by piece, and the provider is told its length before."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    async with receiver(status(200)) as provider:
        await post(http, provider.url, Body(media_type="audio/ogg", chunks=pieces, size=7))
    assert provider.requests[0].body == b"one two"
    assert provider.requests[0].headers["content-type"] == "audio/ogg"


async def test_no_connection_is_used_twice(http: ProviderHttp) -> None:
    """A kept connection that the provider closes meanwhile would swallow a request, so each has its own."""
    async with receiver(status(200)) as provider:
        await post(http, provider.url)
        await post(http, provider.url)
    assert provider.connections == 2


async def test_a_provider_that_cannot_be_reached_has_taken_nothing(http: ProviderHttp) -> None:
    """Neither an unknown name nor a closed port can have cost anything."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = await failure(http, f"http://127.0.0.1:{closed.getsockname()[1]}/")
    unknown = await failure(http, "http://provider.invalid/")
    assert [type(refused), type(unknown)] == [RetryableError, RetryableError]


@pytest.fixture
def untrusted(tmp_path: Path) -> ssl.SSLContext:
    """TLS with a certificate that is signed by itself."""
    pem = tmp_path / "provider.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=p"]
    subprocess.run([*command, "-keyout", pem, "-out", tmp_path / "certificate"], check=True, capture_output=True)
    pem.write_bytes(pem.read_bytes() + (tmp_path / "certificate").read_bytes())
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    return serving


async def test_a_provider_without_a_valid_certificate_has_taken_nothing(http: ProviderHttp, untrusted: ssl.SSLContext) -> None:
    """The certificate is checked before anything is sent."""
    async with receiver(status(200), tls=untrusted) as provider:
        error = await failure(http, provider.url.replace("http://", "https://"))
    assert type(error) is RetryableError
    assert provider.requests == []


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(drop(), id="hangs up"),
        pytest.param(silence(), id="never answers"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"), id="breaks off"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"), id="breaks off a chunk"),
        pytest.param(raw(b"nonsense\r\n\r\n"), id="speaks no HTTP"),
    ],
)
async def test_a_request_without_a_whole_answer_may_have_been_taken(http: ProviderHttp, behaviour: Behaviour) -> None:
    """Once all of it was handed over, nobody but a whole answer can say that it cost nothing."""
    async with receiver(behaviour) as provider:
        assert type(await failure(http, provider.url)) is OutcomeUnknown
        assert len(provider.requests) == 1


async def test_a_request_that_was_never_whole_has_not_been_taken(http: ProviderHttp) -> None:
    """A connection that breaks while the recording is being sent leaves the provider with nothing to hear."""

    async def breaks() -> AsyncIterator[bytes]:
        yield b"half"
        raise OSError("the disk is gone")

    async with receiver(status(200)) as provider:
        error = await failure(http, provider.url, Body(media_type="audio/flac", chunks=breaks, size=8))
    assert type(error) is RetryableError


async def test_redirects_are_not_followed(http: ProviderHttp) -> None:
    """A key goes nowhere but where the operator has sent it."""
    async with receiver(status(200)) as elsewhere, receiver(status(307, Location=elsewhere.url)) as provider:
        answer = await post(http, provider.url)
    assert elsewhere.requests == []
    assert isinstance(http.refusal(answer), JobError)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answered(401), KeyRefused),
        (answered(402), KeyRefused),
        (answered(403), KeyRefused),
        (answered(429), Throttled),
        (answered(503, retry_after="3"), Throttled),
        (answered(500), RetryableError),
        (answered(503), RetryableError),
        (answered(408), RetryableError),
        (answered(502), OutcomeUnknown),
        (answered(504), OutcomeUnknown),
        (answered(524), OutcomeUnknown),
        (answered(400), JobError),
        (answered(404), JobError),
        (answered(413), JobError),
    ],
)
def test_every_status_has_one_meaning(answer: Answer, kind: type[Exception]) -> None:
    """What the provider says for itself is believed; what somebody in between says leaves open what was done."""
    assert type(ProviderHttp(provider="Provider").refusal(answer)) is kind


def test_patience_is_asked_for_in_seconds_or_as_a_date() -> None:
    """Both forms of Retry-After are understood; what is neither says nothing."""
    later = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90), usegmt=True)
    by_date = wait_of(answered(429, retry_after=later))
    assert wait_of(answered(429, retry_after="7")) == 7.0
    assert by_date is not None
    assert 80 < by_date <= 90
    assert wait_of(answered(429, retry_after="soon")) is None
    assert wait_of(answered(429)) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "The audio is too short.", "code": null}}', "The audio is too short"),
        (b'{"error": "Not found"}', "Not found"),
        (b'{"err_code": "Bad Request", "err_msg": "No such model"}', "No such model"),
        (b'{"detail": [{"loc": ["file"], "msg": "Field required"}]}', "Field required"),
        (f'{{"error": {{"message": "Bad key {KEY} here"}}}}'.encode(), "Bad key … here"),
        (b"<html>Bad gateway</html>", ""),
        (b'{"error": {"message": "' + b"very " * 100 + b'"}}', ("very " * 40)[:200] + "…"),
    ],
)
def test_a_refusal_is_told_in_the_providers_words_without_secrets(body: bytes, words: str) -> None:
    """A customer reads why, in one short line that shows no key."""
    assert words_of(body) == words


async def test_a_cancelled_request_ends_at_once(http: ProviderHttp) -> None:
    """Whoever gives up on a request does not wait for the provider."""
    async with receiver(silence()) as provider:
        request = asyncio.create_task(post(http, provider.url))
        await provider.wait_for(1)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
