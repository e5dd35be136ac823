"""Uploads, downloads, event streams and the manners of every answer, over real HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from services.gateway import live
from shared.database import transaction
from shared.schemas.events import JobSubmitted, TranscriptionState
from tests.describing import followed
from tests.gatewaying import PATIENCE, WAV, ApiClient, RunningGateway, contents, ready, running_gateway, unrendered
from tests.servers.postgresql import PostgresServer

RECORDING = WAV + bytes(range(256)) * 4000


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database that takes 8 MB and a second of silence on the line."""
    limits = {
        "AUDIO2TXT_UPLOAD_MAX_BYTES": "8000000",
        "AUDIO2TXT_UPLOAD_STALL_SECONDS": "1",
        "AUDIO2TXT_STREAMS_PER_TENANT": "3",
    }
    async with running_gateway(database_url, tmp_path, settings=limits) as running:
        yield running


async def _completed(gateway: RunningGateway, api: ApiClient, *names: str) -> JobSubmitted:
    job = await api.create()
    order = await gateway.others.heard(JobSubmitted, job["id"])
    await gateway.others.transcribe(order)
    files = [ready(order, name=name) for name in names or ("transcript.txt",)]
    await gateway.others.report(order, *files, unrendered())
    return order


async def _stored(gateway: RunningGateway) -> list[str]:
    return [info.key async for info in gateway.blobs.list("t/")]


async def _uploads(gateway: RunningGateway) -> int:
    return int(await gateway.pool.fetchval("select count(*) from gateway.uploads"))


async def test_an_upload_is_stored_whole_with_its_digest(gateway: RunningGateway, api: ApiClient) -> None:
    """Every byte, its SHA-256, what it is, and a name that is safe to show."""
    upload = await api.upload(RECORDING, params={"file_name": "../週\u202e會.wav"})
    assert upload["size"] == len(RECORDING)
    assert upload["sha256"] == hashlib.sha256(RECORDING).hexdigest()
    assert (upload["state"], upload["media_type"], upload["file_name"]) == ("ready", "audio/wav", "週會.wav")
    (key,) = await _stored(gateway)
    assert key.endswith(f"/j/{upload['id']}/source/audio")
    assert await gateway.blobs.get(key) == RECORDING
    assert (await api.http.get(f"/v1/uploads/{upload['id']}")).json() == upload


async def test_an_upload_in_pieces_without_a_length_is_the_same(gateway: RunningGateway, api: ApiClient) -> None:
    """Chunked bodies of any cut are taken."""
    del gateway

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(RECORDING), 777):
            yield RECORDING[start : start + 777]

    answer = await api.http.post("/v1/uploads", content=pieces())
    assert answer.json()["sha256"] == hashlib.sha256(RECORDING).hexdigest()


async def test_a_digest_is_checked_when_it_is_given(gateway: RunningGateway, api: ApiClient) -> None:
    """Bytes that were changed on the way are refused and not kept."""
    right = b64encode(hashlib.sha256(RECORDING).digest()).decode()
    await api.upload(RECORDING, headers={"Content-Digest": f"sha-256=:{right}:"})
    wrong = b64encode(hashlib.sha256(b"").digest()).decode()
    answer = await api.http.post("/v1/uploads", content=RECORDING, headers={"Content-Digest": f"sha-256=:{wrong}:"})
    assert (answer.status_code, answer.json()["code"]) == (422, "digest_mismatch")
    assert len(await _stored(gateway)) == 1
    assert await _uploads(gateway) == 1


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        (b"", {}, 422, "empty_file"),
        (b"Dear Sir or Madam,\n" * 100, {}, 415, "not_audio"),
        (b"<html></html>" * 100, {"Content-Type": "audio/mpeg"}, 415, "not_audio"),
        (b"#EXTM3U\n" * 100, {}, 415, "not_audio"),
        (b"PK\x03\x04" + bytes(2000), {}, 415, "not_audio"),
        (RECORDING, {"Content-Encoding": "gzip"}, 415, "content_encoding_refused"),
        (RECORDING, {"Content-Type": "multipart/form-data; boundary=x"}, 415, "unsupported_media_type"),
        (RECORDING, {"Content-Digest": "sha-256=:AA:"}, 400, "invalid_header"),
        (WAV + bytes(8_000_000), {}, 413, "too_large"),
    ],
)
async def test_what_is_refused_leaves_nothing_behind(
    gateway: RunningGateway, api: ApiClient, data: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """One clear problem, and neither a row nor a byte."""
    answer = await api.http.post("/v1/uploads", content=data, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await _stored(gateway) == []
    assert await _uploads(gateway) == 0


async def test_a_body_that_turns_out_too_large_is_refused(gateway: RunningGateway, api: ApiClient) -> None:
    """Without a length the limit holds just the same, and what was written is removed."""

    async def endless() -> AsyncIterator[bytes]:
        yield WAV
        while True:
            yield bytes(100_000)

    try:
        answer = await api.http.post("/v1/uploads", content=endless())
        assert answer.status_code == 413
    except httpx.TransportError:
        pass  # The server closed the connection while we were still sending.
    await _until_no_uploads(gateway)


async def _until_no_uploads(gateway: RunningGateway) -> None:
    async with asyncio.timeout(PATIENCE):
        while await _uploads(gateway):
            await asyncio.sleep(0.02)
    assert await _stored(gateway) == []
    assert await gateway.blobs.sweep_unfinished(0) == 0


async def _raw(gateway: RunningGateway, api: ApiClient, head: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(gateway.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"{head}\r\nHost: x\r\nAuthorization: {api.http.headers['Authorization']}\r\n".encode())
    return reader, writer


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_client_that_goes_away_leaves_nothing_behind(gateway: RunningGateway, api: ApiClient) -> None:
    """A connection that breaks in the middle of an upload takes its bytes along."""
    _, writer = await _raw(gateway, api, "POST /v1/uploads HTTP/1.1")
    writer.write(b"Content-Length: 7000000\r\n\r\n" + RECORDING)
    await writer.drain()
    async with asyncio.timeout(PATIENCE):
        while not await _uploads(gateway):
            await asyncio.sleep(0.01)
    writer.transport.abort()
    await _until_no_uploads(gateway)


async def test_an_upload_that_stands_still_is_given_up(gateway: RunningGateway, api: ApiClient) -> None:
    """A client that keeps its connection and sends nothing is told so, and the connection ends."""
    reader, writer = await _raw(gateway, api, "POST /v1/uploads HTTP/1.1")
    writer.write(b"Content-Length: 7000000\r\n\r\n" + RECORDING)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    await _close(writer)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()
    await _until_no_uploads(gateway)


async def test_a_refused_body_is_not_read_to_its_end(gateway: RunningGateway, api: ApiClient) -> None:
    """Whoever has no right to send gigabytes is answered before sending them."""
    del api
    address = urlsplit(gateway.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    await _close(writer)
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"connection: close" in answer.lower()


async def test_an_upload_that_expired_cannot_be_used(gateway: RunningGateway, api: ApiClient) -> None:
    """A day later the recording has to be sent again."""
    upload = await api.upload()
    await gateway.pool.execute("update gateway.uploads set expires_at = now() - interval '1 second'")
    answer = await api.http.post("/v1/jobs", json={"upload_id": upload["id"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "upload_not_found")


async def test_an_artifact_is_served_whole_and_in_parts(gateway: RunningGateway, api: ApiClient) -> None:
    """GET, HEAD, ranges and validators, as browsers and download managers use them."""
    order = await _completed(gateway, api)
    path, data = f"/v1/jobs/{order.job_id}/artifacts/transcript.txt", contents("transcript.txt")
    whole = await api.http.get(path)
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["Content-Disposition"].startswith("attachment;")
    head = await api.http.head(path)
    assert (head.content, head.headers["Content-Length"]) == (b"", str(len(data)))
    assert head.headers["ETag"] == whole.headers["ETag"]

    part = await api.http.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(data)}"
    last = await api.http.get(path, headers={"Range": "bytes=-7", "If-Range": whole.headers["ETag"]})
    assert last.content == data[-7:]
    stale = await api.http.get(path, headers={"Range": "bytes=-7", "If-Range": '"old"'})
    assert (stale.status_code, stale.content) == (200, data)
    beyond = await api.http.get(path, headers={"Range": "bytes=999999-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(data)}")
    assert (await api.http.get(path, headers={"If-None-Match": whole.headers["ETag"]})).status_code == 304


@pytest.mark.parametrize("name", ["逐字稿 1.txt", 'a"b;c.txt', "100%.txt"])
async def test_an_artifact_of_any_name_can_be_fetched_by_its_link(gateway: RunningGateway, api: ApiClient, name: str) -> None:
    """The link in the job works as it is, and the download keeps its name."""
    job = await api.create()
    order = await gateway.others.heard(JobSubmitted, job["id"])
    await gateway.others.transcribe(order)
    stored = ready(order, name="stored.txt")
    await gateway.blobs.put(stored.key or "", b"text")

    await gateway.others.report(order, msgspec.structs.replace(stored, name=name))
    (artifact,) = (await api.job(job["id"]))["artifacts"]
    answer = await api.http.get(artifact["url"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"].isascii()


async def test_what_is_not_there_is_told_apart(gateway: RunningGateway, api: ApiClient) -> None:
    """No transcript yet, no such artifact, a failed artifact: each with its own code."""
    queued = await api.create()
    answers = [await api.http.get(f"/v1/jobs/{queued['id']}/transcript")]
    order = await _completed(gateway, api)
    for path in ("artifacts/nothing.txt", "artifacts/transcript.pdf", "transcript?run=2"):
        answers.append(await api.http.get(f"/v1/jobs/{order.job_id}/{path}"))  # noqa: PERF401
    assert {answer.status_code for answer in answers} == {404}
    codes = [answer.json()["code"] for answer in answers]
    assert codes == ["transcript_not_ready", "artifact_not_found", "artifact_failed", "transcript_not_found"]
    assert "A font is missing" in answers[2].json()["detail"]


async def test_the_transcript_of_every_run_stays(gateway: RunningGateway, api: ApiClient) -> None:
    """A later run adds a transcript and takes none away."""
    order = await _completed(gateway, api)
    path = f"/v1/jobs/{order.job_id}/transcript"
    assert (await api.http.get(path)).json()["version"] == 1
    await api.http.post(f"/v1/jobs/{order.job_id}/retry", json={"engine": "other"})
    second = await gateway.others.heard(JobSubmitted, str(order.job_id), count=2)
    assert (await api.http.get(path)).json()["version"] == 1
    await gateway.others.transcribe(second)
    assert (await api.http.get(path)).json()["version"] == 2
    assert (await api.http.get(path, params={"run": 1})).json()["version"] == 1


Events = list[tuple[int, dict[str, Any]]]


async def _following(api: ApiClient, job_id: str) -> asyncio.Task[Events]:
    """A stream that has begun: its first event is there."""
    begun = asyncio.Event()
    task = asyncio.create_task(_events(api, job_id, begun=begun))
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
    return task


async def _events(api: ApiClient, job_id: str, *, last: int | None = None, begun: asyncio.Event | None = None) -> Events:
    """Every event until the stream ends."""
    events, version = [], 0
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    async with api.http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if line.startswith("id: "):
                version = int(line[4:])
            if line.startswith("data: "):
                events.append((version, json.loads(line[6:])))
                if begun is not None:
                    begun.set()
    return events


async def test_a_stream_tells_every_change_until_the_end(gateway: RunningGateway, api: ApiClient) -> None:
    """The job as it is, then each newer version, and the stream ends with the final state."""
    job = await api.create()
    order = await gateway.others.heard(JobSubmitted, job["id"])
    following = await _following(api, job["id"])
    await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.5)
    await gateway.others.complete(order)
    events = await following
    versions = [version for version, _ in events]
    assert versions == sorted(set(versions))
    assert all(shown["version"] == version for version, shown in events)
    assert events[-1][1] == await api.job(job["id"])
    assert events[-1][1]["state"] == "completed"


async def test_a_stream_is_taken_up_where_it_broke(gateway: RunningGateway, api: ApiClient) -> None:
    """`Last-Event-ID` skips what the client has seen; with the last version nothing is sent."""
    order = await _completed(gateway, api)
    job = await api.job(str(order.job_id))
    assert [version for version, _ in await _events(api, job["id"], last=job["version"] - 1)] == [job["version"]]
    assert await _events(api, job["id"], last=job["version"]) == []
    wrong = await api.http.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": "x"})
    assert wrong.status_code == 400


async def test_a_change_that_nobody_heard_of_is_streamed_too(gateway: RunningGateway, api: ApiClient) -> None:
    """A broadcast may be lost with its connection; then the change is found in the database."""
    job = await api.create()
    following = await _following(api, job["id"])
    await gateway.pool.execute(
        "update gateway.jobs set state = 'cancelled', finished_at = now(), version = version + 1 where id = $1", job["id"]
    )
    gateway.miss_broadcasts()
    assert (await following)[-1][1]["state"] == "cancelled"


async def test_changes_reach_the_streams_of_every_replica_over_the_broker(
    database_url: str, rabbitmq_url: str, tmp_path: Path
) -> None:
    """What one replica changes is streamed, and ends waits, at another at once: its own look at the database comes too late
    for this test."""
    async with (
        running_gateway(database_url, tmp_path, bus_url=rabbitmq_url) as one,
        running_gateway(database_url, tmp_path, bus_url=rabbitmq_url) as two,
        await one.new_tenant("acme") as http,
    ):
        here, there = ApiClient(http), ApiClient(two.client(http.headers["Authorization"].removeprefix("Bearer ")))
        async with there.http:
            job = await here.create()
            following = await _following(there, job["id"])
            waiting = asyncio.create_task(there.job(job["id"], wait=60))
            async with asyncio.timeout(live.SAFETY_SECONDS / 2):
                assert (await here.http.post(f"/v1/jobs/{job['id']}/cancel")).status_code == 200
                assert (await following)[-1][1]["state"] == "cancelled"
                assert (await waiting)["state"] == "cancelled"


async def test_a_stream_of_a_deleted_job_ends(gateway: RunningGateway, api: ApiClient) -> None:
    """There is nothing more to tell."""
    job = await api.create()
    following = await _following(api, job["id"])
    await gateway.others.heard(JobSubmitted, job["id"])
    await api.http.delete(f"/v1/jobs/{job['id']}")
    async with asyncio.timeout(PATIENCE):
        await following


async def test_streams_end_when_the_process_stops(gateway: RunningGateway, api: ApiClient) -> None:
    """Draining does not wait for jobs that take hours; clients connect again, elsewhere."""
    job = await api.create()
    following = await _following(api, job["id"])
    waiting = asyncio.create_task(api.job(job["id"], wait=60))
    await gateway.others.heard(JobSubmitted, job["id"])
    gateway.platform.stopping.set()
    async with asyncio.timeout(PATIENCE):
        assert (await waiting)["state"] == "queued"
        await following


async def test_a_tenant_holds_only_so_many_streams_open(gateway: RunningGateway, api: ApiClient) -> None:
    """One tenant cannot take all places; the others still get in."""
    job = await api.create()
    path = f"/v1/jobs/{job['id']}"
    waits = [asyncio.create_task(api.http.get(path, params={"wait": 30})) for _ in range(4)]
    done, pending = await asyncio.wait(waits, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result().status_code for task in done] == [429]
    assert len(pending) == 3
    for stream in (f"{path}/events", "/v1/events"):
        assert (await api.http.get(stream)).json()["code"] == "too_many_streams"
    async with await gateway.new_tenant("other") as other:
        their = (await other.post("/v1/jobs", json={"audio_url": "https://example.com/a"})).json()
        assert (await other.get(f"/v1/jobs/{their['id']}", params={"wait": 0.01})).status_code == 200
    await api.http.post(f"{path}/cancel")
    await asyncio.gather(*pending)


async def test_a_stream_that_is_left_gives_its_place_back(gateway: RunningGateway, api: ApiClient) -> None:
    """A client that went away does not count as one of those that are open."""
    del gateway
    job = await api.create()
    for _ in range(3):
        async with api.http.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
            assert stream.status_code == 200
    async with asyncio.timeout(PATIENCE):
        while (await api.http.get(f"/v1/jobs/{job['id']}", params={"wait": 0.01})).status_code != 200:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/elsewhere", 404, "not_found"),
        ("GET", "/v1/jobs/no-uuid", 404, "not_found"),
        ("PATCH", "/v1/jobs", 405, "method_not_allowed"),
        ("GET", "/v1/jobs?limt=3", 400, "invalid_query"),
        ("GET", "/v1/jobs?limit=0", 400, "invalid_query"),
        ("GET", "/v1/jobs?state=done", 400, "invalid_query"),
        ("GET", "/v1/jobs?after=nonsense", 400, "invalid_cursor"),
        ("GET", "/v1/account?x=1", 400, "invalid_query"),
    ],
)
async def test_every_refusal_is_a_problem_document(
    gateway: RunningGateway, api: ApiClient, method: str, path: str, status: int, code: str
) -> None:
    """Whatever refuses a request, router or handler, the answer has one form and a request id."""
    del gateway
    answer = await api.http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert answer.json()["detail"].endswith(".")


async def test_what_no_database_keeps_is_refused_or_taken_for_the_nearest(gateway: RunningGateway, api: ApiClient) -> None:
    """A NUL character is refused wherever text comes in, a number that is too long as well; a time that lies beyond the
    calendar of UTC is its first or last moment."""
    for query in ("audit?thing_id=%00", "jobs?language=zh-%00", "deliveries?message_id=%00", "suppressions?address=a%00@b.cc"):
        answer = await api.http.get(f"/v1/{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_query"), query
    hook = {"kind": "webhook", "url": "https://example.com/hook"}
    audio = {"audio_url": "https://example.com/a.mp3"}
    for path, body in (
        ("endpoints", {**hook, "description": "a\0b"}),
        ("jobs", {**audio, "vocabularies": ["\0"]}),
        (f"jobs/{UUID(int=1)}/transcript/restore", {"revision": 2**31}),
    ):
        answer = await api.http.post(f"/v1/{path}", json=body, headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), path
    assert (await api.http.post("/v1/endpoints", json={**hook, "description": "\\u0000 is NUL"})).status_code == 201
    form: dict[str, Any] = {"file": ("a.wav", WAV), "vocabularies": (None, "\0")}
    assert (await api.http.post("/v1/jobs", files=form)).status_code == 422

    created = await api.create()
    earliest, latest = "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"
    listed = (await api.http.get(f"/v1/jobs?created_after={earliest}&created_before={latest}")).json()["data"]
    assert [job["id"] for job in listed] == [created["id"]]
    for end in ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.999999Z"):
        key = await api.http.post("/v1/keys", json={"name": "for ever", "role": "viewer", "expires_at": end})
        rotated = await api.http.post(f"/v1/keys/{key.json()['id']}/rotate", json={})
        assert (key.status_code, rotated.status_code) == (201, 201)
        assert rotated.json()["expires_at"] == "9999-12-31T23:59:58.999999Z"


async def test_a_body_that_is_no_json_is_refused(gateway: RunningGateway, api: ApiClient) -> None:
    """Only what says it is JSON is read as JSON."""
    del gateway
    answer = await api.http.post("/v1/jobs", content=b"{}", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    answer = await api.http.post("/v1/jobs", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


async def test_the_api_describes_itself(gateway: RunningGateway, api: ApiClient) -> None:
    """Every route is in the document, with a summary, its answers and problems, and every reference leads somewhere."""
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        document = (await http.get("/v1/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    operations = {(method, path): op for path, item in document["paths"].items() for method, op in item.items()}
    assert set(operations) == {
        ("post", "/v1/uploads"),
        ("get", "/v1/uploads/{upload_id}"),
        ("head", "/v1/uploads/{upload_id}"),
        ("patch", "/v1/uploads/{upload_id}"),
        ("delete", "/v1/uploads/{upload_id}"),
        ("post", "/v1/uploads/direct"),
        ("post", "/v1/uploads/{upload_id}/complete"),
        ("post", "/v1/jobs"),
        ("get", "/v1/jobs"),
        ("get", "/v1/jobs/{job_id}"),
        ("patch", "/v1/jobs/{job_id}"),
        ("get", "/v1/search"),
        ("get", "/v1/jobs/{job_id}/estimate"),
        ("post", "/v1/estimates"),
        ("post", "/v1/batches"),
        ("get", "/v1/batches"),
        ("get", "/v1/batches/{batch_id}"),
        ("post", "/v1/batches/{batch_id}/cancel"),
        ("delete", "/v1/jobs/{job_id}"),
        ("get", "/v1/jobs/{job_id}/events"),
        ("get", "/v1/events"),
        ("post", "/v1/vocabularies"),
        ("get", "/v1/vocabularies"),
        ("get", "/v1/vocabularies/{vocabulary_id}"),
        ("put", "/v1/vocabularies/{vocabulary_id}"),
        ("delete", "/v1/vocabularies/{vocabulary_id}"),
        ("get", "/v1/vocabularies/{vocabulary_id}/csv"),
        ("put", "/v1/vocabularies/{vocabulary_id}/csv"),
        ("post", "/v1/jobs/{job_id}/cancel"),
        ("post", "/v1/jobs/{job_id}/retry"),
        ("get", "/v1/jobs/{job_id}/transcript"),
        ("head", "/v1/jobs/{job_id}/transcript"),
        ("patch", "/v1/jobs/{job_id}/transcript"),
        ("get", "/v1/jobs/{job_id}/transcript/revisions"),
        ("post", "/v1/jobs/{job_id}/transcript/restore"),
        ("get", "/v1/jobs/{job_id}/artifacts"),
        ("get", "/v1/jobs/{job_id}/artifacts/{name}"),
        ("head", "/v1/jobs/{job_id}/artifacts/{name}"),
        ("get", "/v1/account"),
        ("get", "/v1/jobs/{job_id}/report"),
        ("head", "/v1/jobs/{job_id}/report"),
        ("get", "/v1/solutions"),
        ("get", "/v1/solutions/{solution}"),
        ("get", "/v1/engines"),
        ("get", "/v1/webhook-secret"),
        ("post", "/v1/endpoints"),
        ("get", "/v1/endpoints"),
        ("get", "/v1/endpoints/{endpoint_id}"),
        ("patch", "/v1/endpoints/{endpoint_id}"),
        ("delete", "/v1/endpoints/{endpoint_id}"),
        ("get", "/v1/endpoints/{endpoint_id}/keys"),
        ("post", "/v1/endpoints/{endpoint_id}/rotate"),
        ("post", "/v1/endpoints/{endpoint_id}/test"),
        ("post", "/v1/endpoints/{endpoint_id}/confirmation"),
        ("post", "/v1/endpoints/{endpoint_id}/replay"),
        ("post", "/v1/keys"),
        ("get", "/v1/keys"),
        ("get", "/v1/keys/{key_id}"),
        ("delete", "/v1/keys/{key_id}"),
        ("post", "/v1/keys/{key_id}/rotate"),
        ("post", "/v1/users"),
        ("post", "/v1/users/{user_id}/invitation"),
        ("post", "/v1/password-resets"),
        ("get", "/v1/sign-in-methods"),
        ("get", "/v1/oidc/login"),
        ("get", "/v1/oidc/callback"),
        ("get", "/v1/users"),
        ("get", "/v1/users/{user_id}"),
        ("patch", "/v1/users/{user_id}"),
        ("delete", "/v1/users/{user_id}"),
        ("get", "/v1/me"),
        ("patch", "/v1/me"),
        ("put", "/v1/me/password"),
        ("post", "/v1/tokens"),
        ("get", "/v1/tokens"),
        ("delete", "/v1/tokens/{token_id}"),
        ("post", "/v1/session"),
        ("get", "/v1/session"),
        ("delete", "/v1/session"),
        ("get", "/v1/sessions"),
        ("delete", "/v1/sessions/{session_id}"),
        ("get", "/v1/audit"),
        ("get", "/v1/audit/export"),
        ("get", "/v1/usage"),
        ("get", "/v1/usage/records"),
        ("get", "/v1/usage/records.csv"),
        ("get", "/v1/usage/statement.pdf"),
        ("get", "/v1/retention"),
        ("get", "/v1/policy"),
        ("put", "/v1/policy"),
        ("put", "/v1/retention"),
        ("post", "/v1/erasures"),
        ("get", "/v1/erasures"),
        ("get", "/v1/erasures/keys"),
        ("get", "/v1/erasures/{erasure_id}"),
        ("post", "/v1/exports"),
        ("get", "/v1/exports"),
        ("get", "/v1/exports/{export_id}"),
        ("get", "/v1/exports/{export_id}/file"),
        ("head", "/v1/exports/{export_id}/file"),
        ("get", "/v1/deliveries"),
        ("get", "/v1/deliveries/{delivery_id}"),
        ("post", "/v1/deliveries/{delivery_id}/redeliver"),
        ("get", "/v1/suppressions"),
        ("delete", "/v1/suppressions/{suppression_id}"),
    }
    for operation in operations.values():
        assert operation["summary"]
        assert operation["description"].endswith(".")
        refused = "400" if operation.get("security") == [] else "401"
        assert "application/problem+json" in followed(document, operation["responses"][refused])["content"]
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    schemas = document["components"]["schemas"]
    references = set(_references(document))
    assert references
    assert references <= {f"#/components/{kind}/{name}" for kind, named in document["components"].items() for name in named}
    described = schemas["JobRequest"]["properties"]
    assert all("description" in described[name] or "anyOf" in described[name] for name in described)
    queries = {item.get("name") for item in operations["get", "/v1/jobs"]["parameters"]}
    assert queries >= {"limit", "after", "state", "tag"}
    assert (await api.http.get("/v1/jobs", params={"state": "queued", "limit": 1})).status_code == 200


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in _references(value)]
    return [found for value in node for found in _references(value)] if isinstance(node, list) else []


async def test_both_key_headers_are_taken(gateway: RunningGateway, api: ApiClient) -> None:
    """`X-API-Key` is as good as `Authorization`."""
    key = api.http.headers["Authorization"].removeprefix("Bearer ")
    async with httpx.AsyncClient(base_url=gateway.url, headers={"X-API-Key": key}) as http:
        account = (await http.get("/v1/account")).json()
    assert account["tenant"]["name"] == "acme"
    assert account["key"]["hint"].endswith(key[-4:])


async def test_the_solutions_are_listed(gateway: RunningGateway, api: ApiClient) -> None:
    """What a job may ask for can be looked up."""
    del gateway
    solutions = (await api.http.get("/v1/solutions")).json()["data"]
    assert "verbatim" in {solution["id"] for solution in solutions}


async def test_every_request_leaves_one_line_without_secrets(gateway: RunningGateway, api: ApiClient) -> None:
    """Route, status and tenant are logged; neither the key nor the query is."""
    del gateway
    with capture_logs() as lines:
        answer = await api.http.post("/v1/uploads", content=RECORDING, params={"file_name": "confidential.wav"})
    (line,) = [line for line in lines if line["event"] == "http.request"]
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/uploads", 201)
    assert line["bytes_in"] == len(RECORDING)
    assert line["tenant_id"]
    assert answer.headers["X-Request-Id"]
    assert api.http.headers["Authorization"].removeprefix("Bearer ") not in str(lines)
    assert "confidential" not in str(lines)


async def test_an_outage_of_the_database_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with a time to wait, and no more than that: from a dead server, and from a frozen one while it is frozen still, also
    for those who wait in a transaction or for a connection. Awake again, it serves at once."""
    monkeypatch.setattr("services.gateway.store.PATIENCE", 0.3)
    monkeypatch.setattr("shared.database.CANCELLATION_SECONDS", 0.3)
    monkeypatch.setattr("shared.database.STATEMENT_TIMEOUT", 3600.0)
    answers: list[httpx.Response] = []
    with PostgresServer() as server:
        database_url = server.create_database()
        async with running_gateway(database_url, tmp_path, pool=2) as gateway, await gateway.new_tenant("acme") as http:
            assert (await http.get("/v1/jobs")).status_code == 200
            order = {"name": "more", "role": "viewer"}
            with server.frozen():
                answers += await asyncio.gather(*(http.get("/v1/jobs") for _ in range(4)), http.post("/v1/keys", json=order))
                with pytest.raises((TimeoutError, asyncpg.InterfaceError)):
                    async with asyncio.timeout(0.1), transaction(gateway.pool) as connection:
                        await connection.execute("select 1")
            assert (await http.get("/v1/jobs")).status_code == 200
            assert (await http.post("/v1/keys", json=order)).status_code == 201
            server.kill9()
            answers.append(await http.get("/v1/jobs"))
    for answer in answers:
        assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "unavailable", True)
        assert answer.headers["Retry-After"]
