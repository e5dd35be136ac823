"""Uploads that are sent piece by piece (tus 1.0.0), over real HTTP, to a folder and to S3."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from services.gateway import leases
from services.gateway.reception import Hashes
from services.gateway.store.resumables import ResumableStore
from shared.blobs import BlobUnavailable
from shared.schemas.events import JobSubmitted
from tests.gatewaying import PATIENCE, WAV, ApiClient, RunningGateway, running_gateway
from tests.installation import fresh_bucket
from tests.servers.seaweedfs import SeaweedServer
from tests.tus import VERSION, TusClient, checksum, half_sent, metadata

MIB = 1024 * 1024
RECORDING = WAV + bytes(range(256)) * 80_000  # 20 MB: two parts and a bit
SETTINGS = {
    "AUDIO2TXT_UPLOAD_MAX_BYTES": "50000000",
    "AUDIO2TXT_UPLOAD_STALL_SECONDS": "3",
    "AUDIO2TXT_SWEEP_SECONDS": "0.2",
}


@pytest.fixture(params=["file", "s3"])
async def gateway(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database, with blobs in a folder or in S3."""
    store: dict[str, str] = {}
    if request.param == "s3":
        seaweed: SeaweedServer = request.getfixturevalue("seaweed_server")
        store = {
            "blobs_url": seaweed.blobs_url(fresh_bucket()),
            "s3_access_key_id": seaweed.credentials["access_key_id"],
            "s3_secret_access_key": seaweed.credentials["secret_access_key"],
        }
    async with running_gateway(database_url, tmp_path, settings=SETTINGS, blobs=store) as running:
        yield running


@pytest.fixture
def tus(api: ApiClient) -> TusClient:
    """Their tus client."""
    return TusClient(api.http)


async def _left(gateway: RunningGateway) -> int:
    """What lies in the store, blobs and what is no blob yet, rows included."""
    blobs = [info.key async for info in gateway.blobs.list("t/")]
    rows = int(await gateway.pool.fetchval("select count(*) from gateway.uploads"))
    return len(blobs) + rows + await gateway.blobs.sweep_unfinished(-60)


async def _shown(api: ApiClient, location: str) -> dict[str, Any]:
    return dict((await api.http.get(location)).json())


async def test_an_upload_in_pieces_becomes_a_job(gateway: RunningGateway, api: ApiClient, tus: TusClient) -> None:
    """Pieces of any size; in the end an upload with size, type, name and SHA-256, and a job like any other."""
    location = await tus.create(len(RECORDING), Upload_Metadata=metadata(filename="../週會.wav", filetype="audio/wav"))
    shown = await _shown(api, location)
    assert (shown["state"], shown["size"], shown["received"], shown["media_type"]) == ("receiving", len(RECORDING), 0, None)
    ends = [1, 500, 2000, 3 * MIB, 12 * MIB, len(RECORDING)]
    for start, end in zip([0, *ends], ends, strict=False):
        answer = await tus.send(location, start, RECORDING[start:end])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(end)), answer.text
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert parsedate_to_datetime(answer.headers["Upload-Expires"]) > datetime.now(UTC)
        assert await tus.offset(location) == end
    shown = await _shown(api, location)
    assert (shown["state"], shown["size"], shown["received"]) == ("ready", len(RECORDING), None)
    assert (shown["media_type"], shown["file_name"]) == ("audio/wav", "週會.wav")
    assert shown["sha256"] == hashlib.sha256(RECORDING).hexdigest()
    job = await api.create(upload_id=shown["id"])
    order = await gateway.others.heard(JobSubmitted, job["id"])
    assert await gateway.blobs.get(order.source_key) == RECORDING
    answer = await api.http.head(location, headers=VERSION)
    assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == (str(len(RECORDING)),) * 2
    assert "Upload-Expires" not in answer.headers
    assert (await api.http.delete(location)).json()["code"] == "upload_used"


async def test_the_first_bytes_may_come_with_the_creation(gateway: RunningGateway, api: ApiClient, tus: TusClient) -> None:
    """All of them, or some."""
    del gateway
    small = RECORDING[:5000]
    answer = await tus.begin(5000, small)
    assert (answer.status_code, answer.json()["state"], answer.headers["Upload-Offset"]) == (201, "ready", "5000")
    answer = await tus.begin(5000, small[:7])
    location = urlsplit(answer.headers["Location"]).path
    assert (answer.status_code, answer.json()["state"], answer.headers["Upload-Offset"]) == (201, "receiving", "7")
    assert (await tus.send(location, 7, small[7:])).status_code == 204
    assert (await _shown(api, location))["sha256"] == hashlib.sha256(small).hexdigest()


async def test_what_came_before_a_cut_is_kept(gateway: RunningGateway, api: ApiClient, tus: TusClient) -> None:
    """The client asks how much arrived, and sends the rest."""
    location = await tus.create(len(RECORDING))
    async with half_sent(api.http, location, 0, RECORDING[: 11 * MIB], more=8 * MIB):
        pass
    offset = await tus.offset(location)
    assert offset <= 11 * MIB
    assert (await tus.send(location, offset, RECORDING[offset:])).status_code == 204
    assert (await _shown(api, location))["sha256"] == hashlib.sha256(RECORDING).hexdigest()
    assert await gateway.blobs.sweep_unfinished(-60) == 0


async def test_what_came_before_a_stand_still_is_kept(gateway: RunningGateway, api: ApiClient, tus: TusClient) -> None:
    """To the last byte, also where it fills no part."""
    del gateway
    location = await tus.create(len(RECORDING))
    async with half_sent(api.http, location, 0, RECORDING[: 11 * MIB], more=8 * MIB) as answer:
        assert b" 408 " in await answer.readline()
    assert await tus.offset(location) == 11 * MIB
    assert (await _shown(api, location))["received"] == 11 * MIB
    assert (await tus.send(location, 11 * MIB, RECORDING[11 * MIB :])).status_code == 204
    assert (await _shown(api, location))["sha256"] == hashlib.sha256(RECORDING).hexdigest()


async def test_a_new_connection_takes_over_from_a_half_open_one(
    gateway: RunningGateway, api: ApiClient, tus: TusClient
) -> None:
    """A telephone that changed its network need not wait for the old connection to be given up, which hears of it."""
    del gateway
    location = await tus.create(len(RECORDING))
    async with half_sent(api.http, location, 0, RECORDING[: 9 * MIB], more=8 * MIB) as answer:
        offset = await tus.offset(location)
        assert b" 423 " in await answer.readline()
    async with half_sent(api.http, location, offset, RECORDING[offset : 15 * MIB], more=MIB) as answer:
        refused = await tus.send(location, offset - 1 if offset else 1, b"xx")
        assert b" 423 " in await answer.readline()
    assert (refused.status_code, refused.json()["code"]) == (409, "offset_mismatch")
    offset = int(refused.headers["Upload-Offset"])
    assert (await tus.send(location, offset, RECORDING[offset:])).status_code == 204
    assert (await _shown(api, location))["sha256"] == hashlib.sha256(RECORDING).hexdigest()


async def test_a_server_that_stops_keeps_what_came(gateway: RunningGateway, api: ApiClient, tus: TusClient) -> None:
    """It does not wait for the upload's end, and says that another one will take the rest."""
    location = await tus.create(len(RECORDING))
    async with half_sent(api.http, location, 0, RECORDING[: 9 * MIB], more=8 * MIB) as answer:
        gateway.platform.stopping.set()
        assert b" 503 " in await answer.readline()
    offset = await tus.offset(location)
    assert offset <= 9 * MIB
    assert (await tus.send(location, offset, RECORDING[offset:])).status_code == 204
    assert (await _shown(api, location))["sha256"] == hashlib.sha256(RECORDING).hexdigest()


async def test_a_holder_that_died_is_waited_for(
    gateway: RunningGateway, api: ApiClient, tus: TusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as its lease lasts; and where it lives and does not let go, the client is told to come again."""
    location = await tus.create(len(RECORDING))
    await tus.send(location, 0, RECORDING[: 3 * MIB])
    held = "update gateway.resumable_uploads set holder = gen_random_uuid(), held_until = now() + make_interval(secs => $1)"
    await gateway.pool.execute(held, 1)
    assert await tus.offset(location) == 3 * MIB
    monkeypatch.setattr(leases, "PATIENCE", 0.3)
    await gateway.pool.execute(held, 60)
    answer = await tus.send(location, 3 * MIB, RECORDING[3 * MIB : 4 * MIB])
    assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (423, "upload_locked", True)
    await gateway.pool.execute(held, -1)
    assert (await tus.send(location, 3 * MIB, RECORDING[3 * MIB :])).status_code == 204
    assert (await _shown(api, location))["sha256"] == hashlib.sha256(RECORDING).hexdigest()


async def test_bytes_with_a_wrong_checksum_do_not_count(gateway: RunningGateway, api: ApiClient, tus: TusClient) -> None:
    """They can be sent again; with the right one they count, whatever the algorithm."""
    del gateway
    location = await tus.create(len(RECORDING))
    start = 0
    for algorithm, end in (("sha1", 2 * MIB), ("md5", 13 * MIB), ("sha256", len(RECORDING))):
        piece = RECORDING[start:end]
        answer = await tus.send(location, start, piece, Upload_Checksum=checksum(algorithm, piece + b"x"))
        assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")
        assert await tus.offset(location) == start
        async with half_sent(api.http, location, start, piece[:-1], more=1, checksum=checksum(algorithm, piece)):
            pass
        assert await tus.offset(location) == start
        answer = await tus.send(location, start, piece, Upload_Checksum=checksum(algorithm, piece))
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(end))
        start = end
    assert (await _shown(api, location))["sha256"] == hashlib.sha256(RECORDING).hexdigest()


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Tus-Resumable": "0.2.2"}, 412, "tus_version"),
        ({"Upload-Length": "0"}, 422, "empty_file"),
        ({"Upload-Length": "-1"}, 400, "invalid_header"),
        ({"Upload-Length": "a lot"}, 400, "invalid_header"),
        ({"Upload-Length": "50000001"}, 413, "too_large"),
        ({"Upload-Metadata": "filename =="}, 400, "invalid_header"),
        ({"Upload-Metadata": "a YQ==,a YQ=="}, 400, "invalid_header"),
        ({"Upload-Metadata": "a " + "YWFh" * 2000}, 400, "invalid_header"),
        ({"Upload-Checksum": "crc32 AAAA"}, 400, "invalid_header"),
        ({"Upload-Checksum": "sha1 AAAA"}, 400, "invalid_header"),
    ],
)
async def test_an_upload_that_cannot_be_is_not_begun(
    gateway: RunningGateway, api: ApiClient, headers: dict[str, str], status: int, code: str
) -> None:
    """One clear problem in the protocol's version, and nothing is kept."""
    answer = await api.http.post("/v1/uploads", headers={**VERSION, "Upload-Length": "1000", **headers})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert await _left(gateway) == 0


async def test_an_upload_by_the_protocol_names_its_version(gateway: RunningGateway, api: ApiClient) -> None:
    """Who announces a length without it is told so, and not that the recording is empty."""
    answer = await api.http.post("/v1/uploads", headers={"Upload-Length": "1000"})
    assert (answer.status_code, answer.json()["code"]) == (412, "tus_version")
    assert await _left(gateway) == 0


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Tus-Resumable": "1.0"}, 412, "tus_version"),
        ({"Content-Type": "audio/wav"}, 415, "unsupported_media_type"),
        ({"Content-Encoding": "gzip"}, 415, "content_encoding_refused"),
        ({"Upload-Offset": "101"}, 409, "offset_mismatch"),
        ({"Upload-Offset": ""}, 400, "invalid_header"),
        ({"Upload-Checksum": "sha1"}, 400, "invalid_header"),
    ],
)
async def test_bytes_that_are_refused_change_nothing(
    gateway: RunningGateway, tus: TusClient, headers: dict[str, str], status: int, code: str
) -> None:
    """The upload stands where it stood."""
    del gateway
    location = await tus.create(1000)
    await tus.send(location, 0, RECORDING[:100])
    answer = await tus.send(location, 100, RECORDING[100:200], **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await tus.offset(location) == 100


async def test_more_bytes_than_announced_are_refused(gateway: RunningGateway, tus: TusClient) -> None:
    """By their announced number, or as they come."""
    del gateway
    location = await tus.create(1000)
    assert (await tus.send(location, 0, RECORDING[:1001])).status_code == 413
    assert await tus.offset(location) == 0

    async def pieces() -> AsyncIterator[bytes]:
        yield RECORDING[:900]
        yield RECORDING[900:1200]

    assert (await tus.send(location, 0, pieces())).status_code == 413
    assert await tus.offset(location) <= 900


@pytest.mark.parametrize("cut", [10, 2000])
async def test_what_is_no_recording_is_not_kept(gateway: RunningGateway, tus: TusClient, cut: int) -> None:
    """It is refused as soon as it shows, also over two requests, and deleted."""
    page = b"<html>" + b"x" * 6 * MIB
    location = await tus.create(len(page))
    answer = await tus.send(location, 0, page[:cut])
    if cut < 1024:
        assert answer.status_code == 204
        answer = await tus.send(location, cut, page[cut:])
    assert (answer.status_code, answer.json()["code"]) == (415, "not_audio")
    assert (await tus.send(location, 0, page[:cut])).status_code == 404
    assert await _left(gateway) == 0


async def test_an_upload_can_be_deleted(gateway: RunningGateway, api: ApiClient, tus: TusClient) -> None:
    """Empty, begun, being sent, or whole: nothing of it is left."""
    locations = [await tus.create(len(RECORDING)) for _ in range(4)]
    await tus.send(locations[1], 0, RECORDING[: 11 * MIB])
    await tus.send(locations[2], 0, RECORDING)
    async with half_sent(api.http, locations[3], 0, RECORDING[: 9 * MIB], more=8 * MIB):
        for location in locations:
            answer = await api.http.delete(location, headers=VERSION)
            assert (answer.status_code, answer.headers["Tus-Resumable"]) == (204, "1.0.0")
    for location in locations:
        assert (await api.http.delete(location)).status_code == 404
        assert (await api.http.head(location, headers=VERSION)).status_code == 404
        assert (await api.http.get(location)).status_code == 404
    assert await _left(gateway) == 0


async def test_an_upload_that_is_not_gone_on_with_is_collected(gateway: RunningGateway, api: ApiClient, tus: TusClient) -> None:
    """With its parts; and then the client is told that there is none."""
    location = await tus.create(len(RECORDING))
    await tus.send(location, 0, RECORDING[: 11 * MIB])
    assert await gateway.blobs.sweep_unfinished(3600) == 0
    await gateway.pool.execute("update gateway.uploads set expires_at = now() - interval '1 second'")
    async with asyncio.timeout(PATIENCE):
        while await gateway.pool.fetchval("select count(*) from gateway.uploads"):
            await asyncio.sleep(0.02)
    assert await _left(gateway) == 0
    assert (await api.http.head(location, headers=VERSION)).status_code == 404
    assert (await tus.send(location, 11 * MIB, RECORDING[11 * MIB :])).json()["code"] == "upload_not_found"


@pytest.mark.parametrize("step", ["grow", "complete", "finish"])
async def test_dying_at_the_last_step_is_made_good(
    gateway: RunningGateway, api: ApiClient, tus: TusClient, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Where all bytes are stored but the upload is not made of them, the client's next question finishes it."""
    location = await tus.create(len(RECORDING))
    await tus.send(location, 0, RECORDING[: 11 * MIB])
    with monkeypatch.context() as broken:
        _break(broken, gateway, step)
        answer = await tus.send(location, 11 * MIB, RECORDING[11 * MIB :])
        assert answer.status_code == 503
        assert (await api.http.post("/v1/jobs", json={"upload_id": location[-36:]})).json()["code"] == "upload_unfinished"
    offset = await tus.offset(location)
    if step == "grow":
        assert (await tus.send(location, offset, RECORDING[offset:])).status_code == 204
    else:
        assert offset == len(RECORDING)
    shown = await _shown(api, location)
    assert (shown["state"], shown["sha256"]) == ("ready", hashlib.sha256(RECORDING).hexdigest())
    assert await gateway.blobs.sweep_unfinished(-60) == 0


def _break(patch: pytest.MonkeyPatch, gateway: RunningGateway, step: str) -> None:
    """Let the store or the database fail at one step."""

    async def away(*_: object, **__: object) -> None:
        raise BlobUnavailable("The store is away.")

    def no_growth(*_: object, **__: object) -> None:
        raise BlobUnavailable("The store is away.")

    match step:
        case "grow":
            patch.setattr(type(gateway.blobs), "grow", no_growth)
        case "complete":
            patch.setattr(type(gateway.blobs), "complete", away)
        case _:
            patch.setattr(ResumableStore, "finish", away)


async def test_a_process_that_saw_only_the_end_knows_the_digest(
    gateway: RunningGateway, api: ApiClient, tus: TusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads the rest again."""
    del gateway
    location = await tus.create(len(RECORDING))
    await tus.send(location, 0, RECORDING[: 11 * MIB])
    monkeypatch.setattr(Hashes, "of", lambda *_: None)
    await tus.send(location, 11 * MIB, RECORDING[11 * MIB :])
    assert (await _shown(api, location))["sha256"] == hashlib.sha256(RECORDING).hexdigest()


async def test_an_upload_whose_bytes_the_store_lost_must_begin_anew(
    gateway: RunningGateway, api: ApiClient, tus: TusClient
) -> None:
    """The client is told so, once, instead of trying for ever."""
    location = await tus.create(len(RECORDING))
    await tus.send(location, 0, RECORDING[: 11 * MIB])
    await gateway.blobs.sweep_unfinished(-60)
    answer = await tus.send(location, 11 * MIB, RECORDING[11 * MIB :])
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_lost")
    assert (await api.http.get(location)).status_code == 404
    assert await _left(gateway) == 0


async def test_another_tenant_sees_no_upload(gateway: RunningGateway, tus: TusClient) -> None:
    """Whatever it asks for."""
    location = await tus.create(1000)
    await tus.send(location, 0, RECORDING[:100])
    async with await gateway.new_tenant("other") as http:
        assert (await http.get(location)).status_code == 404
        assert (await http.head(location, headers=VERSION)).status_code == 404
        assert (await http.delete(location)).status_code == 404
        assert (await TusClient(http).send(location, 100, RECORDING[100:1000])).status_code == 404
    assert await tus.offset(location) == 100


async def test_the_protocol_describes_itself(gateway: RunningGateway) -> None:
    """To anybody, as clients ask before they have a key."""
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        answer = await http.options("/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Max-Size"] == "50000000"
    extensions = {"creation", "creation-with-upload", "expiration", "checksum", "termination"}
    assert set(answer.headers["Tus-Extension"].split(",")) == extensions
    assert set(answer.headers["Tus-Checksum-Algorithm"].split(",")) == {"sha256", "sha1", "md5"}
