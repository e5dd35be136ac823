"""What was said, and who said it, is nowhere once it was erased: searched for behind the installation's back, in four processes
over the real servers, with a provider that keeps copies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import msgspec
import pytest
import pytest_asyncio

from services.gateway.privacy.certificates import Certificate, Statement, verify
from services.sandbox.assemblyai.settings import SandboxSettings
from shared.blobs import open_blobs
from shared.bus import open_bus
from shared.database import open_pool
from shared.signing import certificate_key
from tests.canaries import Places, hurry_erasures, in_logs, recording
from tests.customer import Customer, Receiver, receiving
from tests.installation import Installation, distributed_settings, fresh_bucket
from tests.sandboxes import control, sandbox
from tests.servers.postgresql import PostgresServer
from tests.servers.rabbitmq import RabbitServer
from tests.servers.seaweedfs import SeaweedServer

HERS, HIS = "tourmaline heron", "vermilion otter"
"""Said by the one and the other, and by nobody else in the world."""
TITLE, NAME, FILE_NAME, KEY, VALUE = (
    "Quetzal title",
    "Ms Wombatwright",
    "axolotl-recording.wav",
    "narwhal-key-1",
    "pangolin value",
)
SOUND = b"capybara-bytes-in-the-recording!"
VENDOR_KEY = "vendor-key-okapi-0123456789"
SECRET = "a secret of the tests, long enough for everyone"
PATIENCE = 120.0
EVERYTHING = (HERS, HIS, TITLE, NAME, FILE_NAME, KEY, VALUE, SOUND.decode())
QUICK = {
    "AUDIO2TXT_LOG_LEVEL": "debug",
    "AUDIO2TXT_SWEEP_SECONDS": "0.2",
    "AUDIO2TXT_RETENTION_SECONDS": "0.5",
    "AUDIO2TXT_ERASURE_SETTLE_SECONDS": "1",
    "AUDIO2TXT_ENGINE": "assemblyai",
    "AUDIO2TXT_ASSEMBLYAI_API_KEY": VENDOR_KEY,
}


@dataclass(frozen=True, kw_only=True)
class World:
    """An installation, its customer, and everywhere to look."""

    customer: Customer
    receiver: Receiver
    places: Places
    bus_url: str

    async def job(self) -> dict[str, Any]:
        """A finished job that says everything."""
        headers = {"Content-Type": "application/octet-stream"}
        upload = await self.customer.must(
            "POST", "/v1/uploads", params={"file_name": FILE_NAME}, content=recording(SOUND * 1000), headers=headers
        )
        order = {
            "upload_id": upload["id"],
            "title": TITLE,
            "metadata": {"project": VALUE},
            "vocabulary": ["Audio2txt"],
            "solution": "meeting_minutes",
            "report_mode": "extractive",
            "formats": ["md", "txt", "json", "srt", "docx", "pdf"],
            "callback_url": self.receiver.url,
        }
        job = await self.customer.must("POST", "/v1/jobs", json=order, headers={"Idempotency-Key": KEY + upload["id"]})
        done = await self.customer.must_end(job["id"])
        assert done["state"] == "completed", done["failure"]
        return done

    async def park_something_about(self, job: dict[str, Any]) -> None:
        """A message that no handler can take, as after a defect."""
        payload = {"type": "job.cancelled", "job_id": job["id"], "tenant_id": "none", "title": TITLE}
        async with await aio_pika.connect(self.bus_url) as connection, connection.channel() as channel:
            exchange = await channel.get_exchange("audio2txt.events")
            message = aio_pika.Message(json.dumps(payload).encode(), message_id=job["id"])
            await exchange.publish(message, routing_key="job.cancelled")
        async with asyncio.timeout(PATIENCE):
            while len([one for one in await self.places.bus.parked(100) if job["id"].encode() in one.payload]) < 2:
                await asyncio.sleep(0.1)

    async def certificate(self, erasure_id: str) -> Statement:
        """The certificate of an erasure, once it is there, verified with the public key."""
        async with asyncio.timeout(PATIENCE):
            while True:
                await hurry_erasures(self.places.pool)
                answer = await self.customer.call("GET", f"/v1/erasures/{erasure_id}")
                if answer.status_code == 200 and (certificate := answer.json()["certificate"]) is not None:
                    statement = verify(Certificate(**certificate), certificate_key(SECRET.encode()))
                    assert {place.left for place in statement.verified} == {0}
                    return statement
                await asyncio.sleep(0.3)


def _script(path: Path) -> Path:
    """A conversation of two, each with words of their own."""
    lines = (
        ("A", f"We decided to buy the {HERS} for the garden in March."),
        ("B", f"I will write to the {HIS} by Friday about the delivery."),
        ("A", f"Who will pay for the {HERS} and for the transport?"),
        ("B", "The budget is two thousand dollars for everything together."),
    )
    words, at = [], 0
    for speaker, line in lines:
        for word in line.split():
            words.append({"text": word, "start": at, "end": at + 300, "confidence": 0.95, "speaker": speaker})
            at += 320
        at += 500
    path.write_text(json.dumps({"words": words, "audio_duration": at / 1000, "language_code": "en"}))
    return path


@pytest_asyncio.fixture
async def world(
    tmp_path: Path, postgres_server: PostgresServer, rabbitmq_server: RabbitServer, seaweed_server: SeaweedServer
) -> AsyncIterator[World]:
    """Everything, running."""
    database_url, bus_url = postgres_server.create_empty_database(), rabbitmq_server.create_vhost()
    blobs_url = seaweed_server.blobs_url(fresh_bucket())
    async with (
        sandbox(SandboxSettings(script=True, script_file=_script(tmp_path / "said.json"), webhook_seconds=0.01)) as vendor,
        control(vendor.url) as watched,
        receiving() as receiver,
    ):
        settings = distributed_settings(
            database_url=database_url, bus_url=bus_url, blobs_url=blobs_url, s3=seaweed_server.credentials
        )
        folder = tmp_path / "four"
        async with Installation(
            folder=folder, settings={**settings, **QUICK, "AUDIO2TXT_ASSEMBLYAI_URL": vendor.url}, together=False
        ) as installation:
            pool, bus = await open_pool(database_url, size=2), open_bus(bus_url)
            store = await open_blobs(blobs_url, data_dir=folder, credentials=seaweed_server.credentials)
            async with Customer(lambda: installation.url, installation.api_key) as customer:
                wants_text = {"kind": "webhook", "url": receiver.url, "include": "text"}
                await customer.must("POST", "/v1/endpoints", json=wants_text)
                places = Places(pool=pool, store=store, bus=bus, vendor=watched, installation=installation)
                yield World(customer=customer, receiver=receiver, places=places, bus_url=bus_url)
            await store.close()
            await bus.close()
            await pool.close()


async def _name_her(world: World, job: dict[str, Any]) -> str:
    """Somebody names the first speaker; the id."""
    path = f"/v1/jobs/{job['id']}/transcript"
    answer = await world.customer.call("GET", path)
    her = next(one["speaker_id"] for one in answer.json()["segments"] if HERS in one["text"])
    await world.customer.must(
        "PATCH", path, json={"speakers": [{"id": her, "name": NAME}]}, headers={"If-Match": answer.headers["etag"]}
    )
    await world.customer.must("GET", f"/v1/jobs/{job['id']}", params={"wait": 60})
    return str(her)


@pytest.mark.timeout(400)
async def test_what_was_erased_is_nowhere(world: World) -> None:
    """A person's words, a job, what retention ends, and a tenant: each is searched for in every column of the database, the
    store with its documents opened, the parking queue, the vendor and the logs of all processes at `debug`; the certificates
    are genuine and chained. While it is there, none of it was ever in a log, nor any secret."""
    places = world.places
    job = await world.job()
    her = await _name_her(world, job)
    await world.park_something_about(job)
    for text in EVERYTHING:
        there = await places.with_(text)
        assert there or text == KEY, f"the search finds nothing of {text!r} where it must be"
        assert not [place for place in there if place.startswith(("log", "vendor"))], (text, there)
    await _erase_her_words(world, job, her)
    await _erase_job(world, job)
    await _let_retention_end(world, await world.job())
    await world.customer.must("PUT", "/v1/retention", json={})
    await world.job()
    for secret in (world.customer.http.headers["Authorization"].removeprefix("Bearer "), VENDOR_KEY, SECRET):
        assert in_logs(places.installation, secret) == []
    await _erase_tenant(world)


async def _erase_her_words(world: World, job: dict[str, Any], her: str) -> None:
    """Her words go, his stay; everything that is made of them is made anew."""
    places = world.places
    asked = await world.customer.must("POST", "/v1/erasures", json={"job_id": job["id"], "speaker_id": her})
    certified = await world.certificate(asked["id"])
    for text in (HERS, NAME, SOUND.decode()):
        assert await places.with_(text) == [], text
    again = await world.customer.must("GET", f"/v1/jobs/{job['id']}")
    assert (again["state"], {one["part"] for one in again["removed"]}) == ("completed", {"audio", "raw"})
    assert {one["state"] for one in again["artifacts"]} == {"ready"}
    his = {place.rpartition(".")[2] for place in await places.with_(HIS) if "/artifacts/" in place}
    assert his >= {"md", "txt", "json", "docx", "pdf"}
    assert (certified.kind, certified.segments_emptied, certified.number) == ("speaker", 2, 1)


async def _erase_job(world: World, job: dict[str, Any]) -> None:
    """The whole job goes."""
    await world.park_something_about(job)
    await world.customer.must("DELETE", f"/v1/jobs/{job['id']}")
    certified = await world.certificate(job["id"])
    for text in EVERYTHING:
        assert await world.places.with_(text) == [], text
    assert (certified.kind, certified.number, certified.previous is not None) == ("job", 2, True)
    assert [one.engine for one in certified.provider_deletions] == ["assemblyai"]
    assert certified.blobs_removed > 0


async def _let_retention_end(world: World, job: dict[str, Any]) -> None:
    """What was said goes by itself, and then the job."""
    customer, places = world.customer, world.places
    await customer.must("PUT", "/v1/retention", json={"tenant": {"audio": 0, "raw": 0, "transcript": 0, "report": 0}})
    async with asyncio.timeout(PATIENCE):
        while found := [place for text in (HERS, HIS, SOUND.decode()) for place in await places.with_(text)]:
            assert not [place for place in found if place.startswith("log")]
            await asyncio.sleep(0.3)
    shown = await customer.must("GET", f"/v1/jobs/{job['id']}")
    assert {one["part"] for one in shown["removed"]} == {"audio", "raw", "transcript", "report"}
    assert (await customer.call("GET", f"/v1/jobs/{job['id']}/transcript")).status_code == 410
    await customer.must("PUT", "/v1/retention", json={"tenant": {"record": 0}})
    assert (await world.certificate(job["id"])).number == 3
    for text in EVERYTHING:
        assert await places.with_(text) == [], text


async def _erase_tenant(world: World) -> None:
    """The tenant goes with all it has; what stays of it is its audit log, and the certificates."""
    account = (await world.customer.must("GET", "/v1/account"))["tenant"]
    erased = await world.places.installation.operate("tenants", "erase", account["name"], "--name", account["name"])
    order_id = erased.split(f"{account['id']} ")[1].split()[0]
    async with asyncio.timeout(PATIENCE):
        while not (text := await world.places.installation.operate("erasure", "show", account["id"], order_id, status=None)):
            await hurry_erasures(world.places.pool)
    certified = verify(msgspec.json.decode(text, type=Certificate), certificate_key(SECRET.encode()))
    assert (certified.kind, {place.left for place in certified.verified}) == ("tenant", {0})
    for text in (*EVERYTHING, world.receiver.url):
        assert [place for place in await world.places.with_(text) if "audit" not in place] == [], text
    assert [info.key async for info in world.places.store.list("t/")] == []
