"""Uploads of raw files, over real HTTP: kept whole, checked, refused or given up."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.gatewaying import PATIENCE, WAV, ApiClient, RunningGateway, running_gateway

RECORDING = WAV + bytes(range(256)) * 4000


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database that takes 8 MB and a second of silence on the line."""
    limits = {"AUDIO2TXT_UPLOAD_MAX_BYTES": "8000000", "AUDIO2TXT_UPLOAD_STALL_SECONDS": "1"}
    async with running_gateway(database_url, tmp_path, settings=limits) as running:
        yield running


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
