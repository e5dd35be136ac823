"""Transcribers are killed again and again while the provider fails in every way it can.

Each job is handed over once, ends, and keeps the provider's answer as it was served.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import random
import wave
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.sandbox.assemblyai.faults import Fault, parse_chance
from shared.blobs import BlobStore
from shared.schemas.transcripts import Transcript
from tests.customer import Customer
from tests.installation import Installation, Process, distributed_settings, fresh_bucket
from tests.sandboxes import Control, controlled_process
from tests.servers.ports import free_port
from tests.servers.postgresql import PostgresServer
from tests.servers.rabbitmq import RabbitServer
from tests.servers.seaweedfs import SeaweedServer

SEED = int(os.environ.get("AUDIO2TXT_CHAOS_SEED", "20261122"))
JOBS = 200
REDACTED = 10
"""One job in so many wants a redacted recording."""
AT_ONCE = 8
"""Customers who submit side by side."""
REPLICAS = 3
FEWEST_KILLS = 4
PATIENCE = 600.0
"""Seconds for everything; two cores that others use as well need a quarter of that."""

FAULTS = (
    "drop=0.01",
    "throttled=0.01:1",
    "throttled_silently=0.01",
    "server_error=0.01",
    "unavailable=0.01:3",
    "outage=0.001:2s",
    "accepted_then_dropped=0.05",
    "accepted_then_500=0.05",
    "accepted_then_silence=0.02:2",
    "slow_body=0.01:1",
    "truncated_json=0.03",
    "cut_body=0.03",
    "list_lag=0.1:5",
    "job_error=0.03:server",
    "upload_expired=0.02",
    "new_values=0.1",
    "webhook_lost=0.2",
    "webhook_doubled=0.2",
    "webhook_late=0.2:3",
    "redacted_audio_expired=0.3",
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Control]:
    """A provider that hears the same in every recording, after a second or two, and on which nothing can be relied."""
    faults = [word for fault in FAULTS for word in ("--fault", fault)]
    options = ["--script", "--script-seconds", "20", "--seconds", "2", "--webhook-seconds", "1", "--seed", str(SEED), *faults]
    async with controlled_process(*options) as sandbox:
        for chance in map(parse_chance, FAULTS):  # each at least once
            await sandbox.next(chance.name, chance.argument)
        yield sandbox


@pytest.fixture
async def installation(
    tmp_path: Path,
    sandbox: Control,
    postgres_server: PostgresServer,
    rabbitmq_server: RabbitServer,
    seaweed_server: SeaweedServer,
) -> AsyncIterator[Installation]:
    """Audio2txt in four processes, which rents the provider."""
    backends = distributed_settings(
        database_url=postgres_server.create_database(),
        bus_url=rabbitmq_server.create_vhost(),
        blobs_url=seaweed_server.blobs_url(fresh_bucket()),
        s3=seaweed_server.credentials,
    )
    renting = {
        "AUDIO2TXT_ENGINE": "assemblyai",
        "AUDIO2TXT_ASSEMBLYAI_API_KEY": "any",
        "AUDIO2TXT_ASSEMBLYAI_URL": sandbox.url,
        "AUDIO2TXT_ACCOUNT_REQUESTS_PER_MINUTE": "6000",
        "AUDIO2TXT_DATABASE_POOL": "8",
    }
    async with Installation(folder=tmp_path / "four", settings={**backends, **renting}, together=False) as installation:
        yield installation


@pytest.mark.timeout(PATIENCE + 300)
async def test_nobody_pays_twice_whoever_dies_and_whatever_fails(
    replicas: Sequence[Process], sandbox: Control, customer: Customer, store: BlobStore
) -> None:
    """200 jobs, every fault of the provider, `kill -9` of one of three transcribers every few seconds."""
    async with asyncio.timeout(PATIENCE):
        async with _killing(replicas) as kills:
            places = asyncio.Semaphore(AT_ONCE)
            jobs = dict(await asyncio.gather(*(_submit(customer, number, places) for number in range(JOBS))))
            ended = {job: await customer.must_end(job, patience=PATIENCE) for job in jobs}
            assert len(kills) >= FEWEST_KILLS
        assert set((await sandbox.tell("faults"))["happened"]) == set(Fault)
        handed_over = await _handed_over(sandbox)
        _expect_each_once(jobs, handed_over)
        await _expect_answers_kept(customer, store, ended, {job: handed_over[digest][0] for job, digest in jobs.items()})
        await _expect_nothing_left(sandbox)


@pytest.fixture
async def replicas(installation: Installation) -> AsyncIterator[Sequence[Process]]:
    """Three transcribers in place of the one, with shorter waits; the provider calls back another than the one that submits."""
    first = installation.process("transcriber")
    await first.stop()
    ports = [free_port() for _ in range(REPLICAS)]
    replicas = [
        _hasty(first, installation.folder / f"replica-{port}", port=port, called_back=ports[number - 1])
        for number, port in enumerate(ports)
    ]
    try:
        await asyncio.gather(*(replica.start() for replica in replicas))
        yield replicas
    finally:
        await asyncio.gather(*(replica.kill() for replica in replicas))


def _hasty(process: Process, folder: Path, *, port: int, called_back: int) -> Process:
    folder.mkdir()
    settings = {
        "AUDIO2TXT_DATA_DIR": str(folder / "data"),
        "AUDIO2TXT_PORT": str(port),
        "AUDIO2TXT_HOOKS_URL": f"http://127.0.0.1:{called_back}/hooks",
    }
    return Process(names=process.names, environment={**process.environment, **settings}, folder=folder, module="tests.hasty")


@asynccontextmanager
async def _killing(processes: Sequence[Process]) -> AsyncIterator[Sequence[Process]]:
    """Somebody kills one of the processes now and then, and starts it again; who was killed so far."""
    killed: list[Process] = []
    leave = asyncio.Event()
    killer = asyncio.create_task(_kill(processes, random.Random(SEED), killed, leave))
    try:
        yield killed
    finally:
        leave.set()
        await killer


async def _kill(processes: Sequence[Process], dice: random.Random, killed: list[Process], leave: asyncio.Event) -> None:
    while not leave.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(dice.uniform(0.2, 3.0)):
                await leave.wait()
        victim = dice.choice(processes)
        await victim.kill()
        killed.append(victim)
        await asyncio.sleep(dice.uniform(0.0, 0.5))
        await victim.start()


async def _submit(customer: Customer, number: int, places: asyncio.Semaphore) -> tuple[str, str]:
    """A job of a recording that no other has: its id, and the recording's digest."""
    data = _recording(number)
    redaction = {"categories": ["person_name"], "audio": True} if number % REDACTED == 0 else None
    async with places:
        job = await customer.must_submit(data, formats=["txt"], redaction=redaction)
    return job["id"], hashlib.sha256(data).hexdigest()


def _recording(number: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setparams((1, 2, 8_000, 0, "NONE", "not compressed"))
        recording.writeframes(random.Random(number).randbytes(4_000))
    return file.getvalue()


async def _handed_over(sandbox: Control) -> Mapping[str, list[dict[str, Any]]]:
    """What the provider accepted, by the digest of the recording."""
    uploads = {upload["id"]: upload["sha256"] for upload in await sandbox.tell("uploads")}
    accepted: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for transcript in await sandbox.tell("transcripts"):
        accepted[uploads[transcript["audio_url"].rpartition("/")[2]]].append(transcript)
    return accepted


def _expect_each_once(jobs: Mapping[str, str], handed_over: Mapping[str, list[dict[str, Any]]]) -> None:
    assert len(set(jobs.values())) == JOBS
    assert {digest: len(accepted) for digest, accepted in handed_over.items()} == dict.fromkeys(jobs.values(), 1)


async def _expect_answers_kept(
    customer: Customer, store: BlobStore, ended: Mapping[str, dict[str, Any]], accepted: Mapping[str, dict[str, Any]]
) -> None:
    """A job ends as its transcript did, and its raw answer is what was served, byte for byte."""
    for job_id, job in ended.items():
        theirs, fate = accepted[job_id], accepted[job_id]["fate"]
        wanted = "failed" if fate["error"] or fate["expired"] else "completed"
        assert (job["state"], job["run"]) == (wanted, 1), job["failure"]
        if job["state"] == "failed":
            assert job["failure"]["code"] == "engine_failed"
            continue
        document = await customer.call("GET", f"/v1/jobs/{job_id}/transcript")
        transcript = msgspec.json.decode(document.content, type=Transcript)
        assert transcript.engine.job_id == theirs["id"]
        raw = await store.get(transcript.engine.raw_key)
        assert hashlib.sha256(raw).hexdigest() == transcript.engine.raw_sha256 == theirs["answer_sha256"]


async def _expect_nothing_left(sandbox: Control) -> None:
    """The provider is told to forget everything, once it listens again."""
    await sandbox.behave()
    while not all(transcript["deleted"] for transcript in await sandbox.tell("transcripts")):
        await asyncio.sleep(0.5)
