"""What lies on the disk of an installation that encrypts under its tenants' keys, and what destroying a key leaves of it: four
processes over the real servers that share a folder."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from shared.blobs import BlobNotFound, open_blobs
from shared.blobs.sealing import BlobDamaged
from shared.database import Pool, open_pool
from shared.runtime import encryption_of
from shared.settings import PlatformSettings
from tests.canaries import hurry_erasures, recording
from tests.customer import Customer
from tests.installation import Installation, distributed_settings
from tests.servers.postgresql import PostgresServer
from tests.servers.rabbitmq import RabbitServer
from tests.tus import TusClient

SECRET = "a secret of the tests, long enough for everyone"
PATIENCE = 120.0
SOUND = b"capybara-bytes-in-the-recording!"
SAID = b"hire two more engineers"
BEGINNINGS = {"md": b"#", "txt": b"", "json": b"{", "srt": b"1", "docx": b"PK", "pdf": b"%PDF-"}
"""How the files that are asked for begin, by format."""
READABLE = (SOUND, SAID, b"WAVEfmt ", b"%PDF-1.", b"word/document.xml", b"audio2txt.transcript/1", b"audio2txt.report/1")
"""What the recording, the words and the files would be known by."""
SHARED = {
    "AUDIO2TXT_BLOBS_ENCRYPTION": "tenant",
    "AUDIO2TXT_SECRET_KEY": SECRET,
    "AUDIO2TXT_SCRIPTED_SECONDS": "90",
    "AUDIO2TXT_SWEEP_SECONDS": "0.2",
    "AUDIO2TXT_LOG_LEVEL": "debug",
    "AUDIO2TXT_ERASURE_SETTLE_SECONDS": "1",
}


@dataclass(frozen=True, kw_only=True)
class World:
    """An installation, its customer, and its disk."""

    installation: Installation
    customer: Customer
    pool: Pool
    blobs: Path
    disk: Path
    """Everything that any process writes, the blobs among it."""

    def readable(self) -> list[str]:
        """Files with something that can be read."""
        contents = {path: path.read_bytes() for path in self.disk.rglob("*") if path.is_file()}
        return [f"{path}: {text!r}" for path, data in contents.items() for text in READABLE if text in data]

    async def opened(self, keys: Path) -> tuple[list[bytes], int]:
        """What whoever has the secret reads in the backup with these keys, and how many blobs do not open."""
        shutil.rmtree(self.backup / ".keys", ignore_errors=True)
        shutil.copytree(keys, self.backup / ".keys")
        encryption = encryption_of(PlatformSettings(blobs_encryption="tenant", secret_key=SECRET))
        store = await open_blobs(self.backup.as_uri(), data_dir=self.backup, credentials={}, encryption=encryption)
        read, refused = [], 0
        async for info in store.list("t/"):
            try:
                read.append(await store.get(info.key))
            except (BlobDamaged, BlobNotFound):
                refused += 1
        await store.close()
        return read, refused

    @property
    def backup(self) -> Path:
        """A copy of the blobs."""
        return self.disk / "backup"

    async def erase(self) -> None:
        """The tenant goes, and everything of it is verified to be gone."""
        account = (await self.customer.must("GET", "/v1/account"))["tenant"]
        said = await self.installation.operate("tenants", "erase", account["name"], "--name", account["name"])
        order_id = said.split(f"{account['id']} ")[1].split()[0]
        async with asyncio.timeout(PATIENCE):
            while not await self.installation.operate("erasure", "show", account["id"], order_id, status=None):
                await hurry_erasures(self.pool)


@pytest_asyncio.fixture
async def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_server: PostgresServer, rabbitmq_server: RabbitServer
) -> AsyncIterator[World]:
    """Everything, running. What processes put among the system's temporary files lies on the same disk."""
    disk = tmp_path / "disk"
    blobs, temporary = disk / "blobs", disk / "temporary"
    temporary.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(temporary))
    database_url = postgres_server.create_empty_database()
    settings = distributed_settings(
        database_url=database_url,
        bus_url=rabbitmq_server.create_vhost(),
        blobs_url=blobs.as_uri(),
        s3={"access_key_id": "", "secret_access_key": ""},
    )
    async with (
        Installation(folder=disk / "four", settings={**settings, **SHARED}, together=False) as installation,
        Customer(lambda: installation.url, installation.api_key) as customer,
    ):
        pool = await open_pool(database_url, size=1)
        yield World(installation=installation, customer=customer, pool=pool, blobs=blobs, disk=disk)
        await pool.close()


@pytest.mark.timeout(300)
async def test_nothing_readable_lies_on_the_disk_and_a_tenants_key_takes_it_all_along(world: World) -> None:
    """From half an upload to the export of everything the customer notices nothing, and on the disk of all four processes
    nothing can be read. Erasing the tenant destroys its key: a backup of the blobs from before opens no more."""
    customer, audio = world.customer, recording(SOUND * 20_000)
    customer.http.base_url = customer.url
    tus, half = TusClient(customer.http), len(audio) // 2
    upload = await tus.create(len(audio))
    for offset, part in ((0, audio[:half]), (half, audio[half:])):
        assert (await tus.send(upload, offset, part)).is_success
        assert world.readable() == []
    order = {"engine": "scripted", "solution": "meeting_minutes", "report_mode": "extractive", "formats": sorted(BEGINNINGS)}
    job = await customer.must_end((await customer.must_create(upload_id=upload.rpartition("/")[2], **order))["id"])
    assert {one["format"] for one in job["artifacts"] if one["state"] == "ready"} == BEGINNINGS.keys(), job
    for one in job["artifacts"]:
        assert (await customer.artifact(job, one["name"])).startswith(BEGINNINGS[one["format"]])
    export = await customer.must("POST", "/v1/exports")
    async with asyncio.timeout(PATIENCE):
        while (await customer.must("GET", f"/v1/exports/{export['id']}"))["state"] != "ready":
            await asyncio.sleep(0.1)
    assert world.readable() == []

    shutil.copytree(world.blobs, world.backup, ignore=shutil.ignore_patterns(".keys"))
    read, refused = await world.opened(world.blobs / ".keys")
    assert (refused, audio in read) == (0, True)
    assert sum(SAID in blob for blob in read) >= 4
    await world.erase()
    assert await world.opened(world.blobs / ".keys") == ([], len(read))
    assert world.readable() == []
    assert {path.name for path in (world.blobs / "t").rglob("*") if path.is_file()} == set()
