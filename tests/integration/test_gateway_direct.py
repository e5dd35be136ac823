"""Recordings that go straight to S3, by requests that the gateway signs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from audio2txt_client import AsyncClient
from shared.schemas.events import JobSubmitted
from tests.gatewaying import PATIENCE, WAV, ApiClient, RunningGateway, running_gateway
from tests.installation import fresh_bucket
from tests.servers.seaweedfs import SeaweedServer

RECORDING = WAV + bytes(range(256)) * 40_000
ALLOWED = {
    "AUDIO2TXT_DIRECT_UPLOADS": "true",
    "AUDIO2TXT_UPLOAD_MAX_BYTES": "20000000",
    "AUDIO2TXT_SWEEP_SECONDS": "0.2",
    "AUDIO2TXT_ERASURE_SETTLE_SECONDS": "0",
}


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path, seaweed_server: SeaweedServer) -> AsyncIterator[RunningGateway]:
    """A gateway whose operator allows direct uploads."""
    blobs = {
        "blobs_url": seaweed_server.blobs_url(fresh_bucket()),
        "s3_access_key_id": seaweed_server.credentials["access_key_id"],
        "s3_secret_access_key": seaweed_server.credentials["secret_access_key"],
    }
    async with running_gateway(database_url, tmp_path, settings=ALLOWED, blobs=blobs) as running:
        yield running


async def _begin(api: ApiClient, size: int = len(RECORDING)) -> dict[str, Any]:
    answer = await api.http.post("/v1/uploads/direct", json={"size": size, "file_name": "../meeting.wav"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _put(direct: dict[str, Any], data: bytes) -> int:
    """Send bytes as a client would that knows nothing but the request."""
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        headers = {**direct["headers"], "Content-Length": str(len(data))}
        return (await http.put(direct["url"], content=data, headers=headers)).status_code


async def _complete(api: ApiClient, direct: dict[str, Any]) -> httpx.Response:
    return await api.http.post(f"/v1/uploads/{direct['upload']['id']}/complete")


async def _until_empty(gateway: RunningGateway) -> None:
    async with asyncio.timeout(PATIENCE):
        while [info async for info in gateway.blobs.list("t/")] or await gateway.pool.fetchval(
            "select (select count(*) from gateway.uploads) + (select count(*) from gateway.erasures)"
        ):
            await asyncio.sleep(0.05)


async def test_a_file_that_went_past_the_gateway_becomes_a_job(gateway: RunningGateway, api: ApiClient) -> None:
    """Announced, sent, looked at: an upload with type, size and SHA-256. The Python client does the same in one call."""
    direct = await _begin(api)
    assert (direct["upload"]["state"], direct["upload"]["file_name"]) == ("receiving", "meeting.wav")
    early = await _complete(api, direct)
    assert (early.status_code, early.json()["code"]) == (409, "upload_missing")
    assert await _put(direct, RECORDING) == 200
    answers = [await _complete(api, direct) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    upload = answers[1].json()
    assert (upload["state"], upload["size"], upload["media_type"]) == ("ready", len(RECORDING), "audio/wav")
    assert upload["sha256"] == hashlib.sha256(RECORDING).hexdigest()
    job = await api.create(upload_id=upload["id"])
    order = await gateway.others.heard(JobSubmitted, job["id"])
    assert await gateway.blobs.get(order.source_key) == RECORDING
    key = api.http.headers["Authorization"].removeprefix("Bearer ")
    sent: list[tuple[int, int | None]] = []
    async with AsyncClient(url=gateway.url, api_key=key) as client:
        theirs = await client.uploads.create_direct(
            RECORDING, file_name="週會.wav", on_progress=lambda done, total: sent.append((done, total))
        )
    assert (theirs.state, theirs.file_name, theirs.sha256) == ("ready", "週會.wav", upload["sha256"])
    assert sent[-1] == (len(RECORDING), len(RECORDING))


async def test_a_request_cannot_be_used_for_anything_else(gateway: RunningGateway, api: ApiClient) -> None:
    """Neither for another size, nor twice, nor without its headers; and nobody else completes it."""
    direct = await _begin(api)
    assert await _put(direct, RECORDING + b"x") == 403
    assert await _put({**direct, "headers": {}}, RECORDING) == 403
    assert await _put(direct, RECORDING) == 200
    assert await _put(direct, RECORDING[:-1] + b"x") in (403, 412)
    async with await gateway.new_tenant("other") as http:
        assert (await _complete(ApiClient(http), direct)).status_code == 404
    assert (await _complete(api, direct)).json()["sha256"] == hashlib.sha256(RECORDING).hexdigest()


async def test_what_is_no_recording_is_deleted(gateway: RunningGateway, api: ApiClient) -> None:
    """As soon as it is looked at, and also when it is sent once more."""
    page = b"<html>" * 5000
    direct = await _begin(api, len(page))
    await _put(direct, page)
    answer = await _complete(api, direct)
    assert (answer.status_code, answer.json()["code"]) == (415, "not_audio")
    await _until_empty(gateway)
    assert (await _complete(api, direct)).status_code == 404


async def test_a_direct_upload_can_be_deleted(gateway: RunningGateway, api: ApiClient) -> None:
    """Before and after its bytes came."""
    for data in (None, RECORDING):
        direct = await _begin(api)
        if data is not None:
            await _put(direct, data)
        assert (await api.http.delete(f"/v1/uploads/{direct['upload']['id']}")).status_code == 204
        await _until_empty(gateway)


@pytest.mark.parametrize(
    ("order", "status", "code"),
    [
        ({"size": 20_000_001}, 413, "too_large"),
        ({"size": 0}, 422, "invalid_request"),
        ({}, 422, "invalid_request"),
        ({"size": 5, "sha256": "x"}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_is_not_begun(
    gateway: RunningGateway, api: ApiClient, order: dict[str, Any], status: int, code: str
) -> None:
    """One clear problem."""
    del gateway
    answer = await api.http.post("/v1/uploads/direct", json=order)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(("settings", "code"), [({}, "direct_uploads_off"), (ALLOWED, "direct_uploads_impossible")])
async def test_where_there_are_none_the_client_is_told_why(
    database_url: str, tmp_path: Path, settings: dict[str, str], code: str
) -> None:
    """Turned off, as it is from the start, or with recordings in a folder."""
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(running_gateway(database_url, tmp_path, settings=settings))
        http = await stack.enter_async_context(await gateway.new_tenant("acme"))
        answer = await http.post("/v1/uploads/direct", json={"size": 5})
    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert "POST /v1/uploads" in answer.json()["detail"]
