"""Recordings behind a URL are fetched like uploads, and what cannot be fetched is said without a word about our network."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from services.transcriber.settings import TranscriberSettings
from services.transcriber.sources import Sources
from services.transcriber.store import Transcription
from shared.blobs import BlobNotFound, BlobStore
from shared.database import Pool
from shared.egress import EgressPolicy
from shared.errors import JobError
from shared.schemas.jobs import Failure
from tests.customer import SAMPLE
from tests.transcribing import HouseEngine, Process, job_submitted

pytest_plugins = ["tests.fixtures_transcriber"]

LOOPBACK = EgressPolicy(allowed=(ipaddress.ip_network("127.0.0.1/32"),))

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FileServer:
    """A server on loopback that answers as it is told, and counts."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[Answer] = []
        self.requests: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Give the next answer; the last one for ever."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@pytest_asyncio.fixture
async def server() -> AsyncIterator[FileServer]:
    """A web server."""
    server = FileServer()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/recording"
    yield server
    await runner.cleanup()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried at once."""
    monkeypatch.setattr("services.transcriber.sources.backoff", lambda *_: 0.0)


def _gives(body: bytes, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers=headers)

    return answer


def _says(status: int) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status)

    return answer


def _sends_on_to(url: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": url})

    return answer


async def _breaks_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000000"})
    await response.prepare(request)
    await response.write(b"x" * 1000)
    assert request.transport is not None
    request.transport.abort()
    return response


async def _never_ends(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65_536)


def _row(url: str | None) -> Transcription:
    event = job_submitted("house")
    columns: dict[str, Any] = {
        "job_id": event.job_id,
        "run": 1,
        "tenant_id": event.tenant_id,
        "traceparent": None,
        "options": {},
        "engine": "house",
        "source_key": event.source_key,
        "source_url": url,
        "deadline_at": event.deadline_at,
        "state": "queued",
        "progress": 0.0,
        "crashes": 0,
        "outages": 0,
        **dict.fromkeys(("duration_ms", "prepared", "submitted_at", "provider_id", "heard_at", "started_at")),
    }
    return msgspec.convert(columns, Transcription)


def _sources(blobs: BlobStore, policy: EgressPolicy = LOOPBACK) -> Sources:
    return Sources(blobs=blobs, policy=policy, settings=TranscriberSettings(download_max_bytes=1_000_000, download_seconds=20))


async def _failure(blobs: BlobStore, url: str, policy: EgressPolicy = LOOPBACK) -> Failure:
    row = _row(url)
    with pytest.raises(JobError) as caught:
        await _sources(blobs, policy).ensure(row)
    with pytest.raises(BlobNotFound):
        await blobs.info(row.source_key)
    failure = caught.value.failure
    assert failure.message.endswith(".")
    assert "127." not in failure.message
    assert "secret" not in failure.message
    return failure


async def test_a_recording_is_fetched_and_stored(transcriber_blobs: BlobStore, server: FileServer) -> None:
    """Byte for byte, where an upload would lie; and only once."""
    server.answers = [_gives(SAMPLE.read_bytes())]
    row = _row(server.url)
    await _sources(transcriber_blobs).ensure(row)
    await _sources(transcriber_blobs).ensure(row)
    assert await transcriber_blobs.get(row.source_key) == SAMPLE.read_bytes()
    assert len(server.requests) == 1


async def test_redirects_are_followed_three_times(transcriber_blobs: BlobStore, server: FileServer) -> None:
    """Storage services redirect once or twice; nobody needs more than three."""
    server.answers = [*(_sends_on_to(f"{server.url}/{number}") for number in range(3)), _gives(b"RIFF")]
    await _sources(transcriber_blobs).ensure(_row(server.url))
    server.answers = [_sends_on_to(f"{server.url}/again")]
    assert (await _failure(transcriber_blobs, server.url)).code == "download_failed"


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.2:8080/a", "https://10.0.0.8/a", "https://[::1]/a", "https://169.254.169.254/a", "ftp://example.org/a"],
)
async def test_a_redirect_into_the_network_is_refused(transcriber_blobs: BlobStore, server: FileServer, target: str) -> None:
    """Each station of the way is checked, not only the first."""
    server.answers = [_sends_on_to(target)]
    assert (await _failure(transcriber_blobs, server.url)).code in ("address_refused", "download_failed")


@pytest.mark.parametrize("url", ["https://127.0.0.1/a", "https://localhost/a", "http://example.org/a", "https://10.1.2.3/a"])
async def test_addresses_inside_are_refused(transcriber_blobs: BlobStore, url: str) -> None:
    """Without the operator's word nothing inside the house is fetched."""
    failure = await _failure(transcriber_blobs, url, EgressPolicy())
    assert failure.code == "address_refused"
    assert not failure.retryable


@pytest.mark.parametrize(
    ("status", "retryable", "requests"), [(404, False, 1), (403, False, 1), (503, True, 3), (429, True, 3)]
)
async def test_a_server_that_says_no_is_quoted(
    transcriber_blobs: BlobStore, server: FileServer, status: int, retryable: bool, requests: int
) -> None:
    """What may pass is tried three times, what will not is not."""
    server.answers = [_says(status)]
    failure = await _failure(transcriber_blobs, server.url)
    assert failure.code == "download_failed"
    assert str(status) in failure.message
    assert failure.retryable is retryable
    assert len(server.requests) == requests


async def test_a_transfer_that_breaks_off_is_started_again(transcriber_blobs: BlobStore, server: FileServer) -> None:
    """Half a file is never taken for the whole."""
    server.answers = [_breaks_off, _gives(b"the whole of it")]
    row = _row(server.url)
    await _sources(transcriber_blobs).ensure(row)
    assert await transcriber_blobs.get(row.source_key) == b"the whole of it"
    server.answers = [_breaks_off]
    assert (await _failure(transcriber_blobs, server.url)).retryable


@pytest.mark.parametrize("answer", [_gives(bytes(1_000_001)), _never_ends], ids=["announced", "without end"])
async def test_what_is_too_large_is_not_stored(transcriber_blobs: BlobStore, server: FileServer, answer: Answer) -> None:
    """Whether the server says so or only goes on sending."""
    server.answers = [answer]
    failure = await _failure(transcriber_blobs, server.url)
    assert failure.code == "download_failed"
    assert "1,000,000 bytes" in failure.message


async def test_a_compressed_answer_nobody_asked_for_is_refused(transcriber_blobs: BlobStore, server: FileServer) -> None:
    """It could hide any size."""
    server.answers = [_gives(b"\x1f\x8b", **{"Content-Encoding": "gzip"})]
    assert "compressed" in (await _failure(transcriber_blobs, server.url)).message


async def test_nobody_at_the_other_end(transcriber_blobs: BlobStore) -> None:
    """A server that is down may be back later."""
    assert (await _failure(transcriber_blobs, "http://127.0.0.1:1024/secret")).retryable


async def test_the_url_is_forgotten_when_the_job_has_ended(
    transcriber_pool: Pool, transcriber_blobs: BlobStore, server: FileServer
) -> None:
    """It may carry a signature that opens more than this file."""
    server.answers = [_gives(b"a recording")]
    engine = HouseEngine(transcriber_blobs)
    process = Process(pool=transcriber_pool, blobs=transcriber_blobs, engines={"house": engine}, policy=LOOPBACK)
    async with process.running():
        await process.ready(await process.submit(job_submitted("house", source_url=server.url), recording=None))
    assert await transcriber_pool.fetchval("select source_url from transcriber.transcriptions") is None
    assert len(server.requests) == 1
