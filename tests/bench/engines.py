"""Thousands of AssemblyAI jobs in flight in one transcriber, beside the vendor's own package with a coroutine for each."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import msgspec

from shared import migrations
from shared.blobs import BlobStore, open_blobs, source_key
from shared.bus import Bus, Envelope, open_bus, subscription
from shared.database import Pool, open_pool
from shared.schemas.events import JobSubmitted, TranscriptionProgressed, TranscriptReady
from shared.schemas.ids import new_id
from shared.schemas.jobs import JobOptions
from tests.bench import apart
from tests.bench.figures import Cell, Table, percentile
from tests.bench.ground import Ground
from tests.bench.processes import Trees, spent, watching
from tests.installation import Process
from tests.sandboxes import Control, controlled_process
from tests.servers.ports import free_port

JOBS = 2_000
TENANTS = 20
WARM_UP = 20
HEARD_SECONDS = 120.0
"""How long the sandbox takes for each, so that all are in flight at once."""
REQUESTS_PER_MINUTE = 4_000
"""What AssemblyAI allows an account."""
PATIENCE = 900.0
PACKAGE_AT_ONCE = 16
"""Uploads and submissions of the package side by side: as many as the transcriber begins."""
RECORDING = b"RIFF" + bytes(8_000)
NOTE = f"""\
{JOBS:,} jobs of {TENANTS} tenants with a minute's transcript, submitted as fast as it goes; the sandbox in a process of its own
takes {HEARD_SECONDS:.0f} s for each, and is asked at most {REQUESTS_PER_MINUTE:,} times a minute, as AssemblyAI wants it. Ours
is one transcriber over RabbitMQ, PostgreSQL and files, from `job.submitted` to `transcript.ready`: it uploads, submits, asks or
is called back, stores the raw answer and the transcript, and deletes at the provider. Beside it a script with the vendor's
package: `AsyncTranscriber`, a coroutine for each job, asking every 3 s with no regard to what is allowed, keeping and
deleting nothing. Latency: from the moment the sandbox has the transcript to the event, or to the package's return. CPU and
memory are those of the one process, memory above what it held before the load."""


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """Transcribe with the vendor's package."""

    url: str
    jobs: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What it cost one process to have all recordings transcribed."""

    cpu_seconds: float
    memory_mb: float
    finished: dict[str, float]
    """When (seconds since 1970) each transcript was there, by the provider's id."""


async def measure(ground: Ground) -> list[Table]:
    """Ours with callbacks, ours without, and the package, each with a sandbox of its own."""
    rows = [
        await _row(ground, "ours, called back", partial(_ours, ground, with_hooks=True)),
        await _row(ground, "ours, polls alone", partial(_ours, ground, with_hooks=False)),
        await _row(ground, "the vendor's package", _package),
    ]
    columns = ("", "CPU ms/job", "memory KB/job", "requests/job", "latency p50 s", "p99 s")
    return [Table(title=f"{JOBS:,} rented jobs in flight", columns=columns, rows=tuple(rows), note=NOTE)]


async def _row(ground: Ground, name: str, way: Callable[[Control], Awaitable[Figures]]) -> tuple[Cell, ...]:
    options = ["--script", "--seconds", str(HEARD_SECONDS), "--at-once", str(2 * JOBS)]
    async with controlled_process(*options) as sandbox, asyncio.timeout(PATIENCE):
        figures = await way(sandbox)
        requests = sum(sum(outcomes.values()) for outcomes in (await sandbox.tell("requests")).values())
        latencies = [
            figures.finished[transcript["id"]] - datetime.fromisoformat(transcript["completed"]).replace(tzinfo=UTC).timestamp()
            for transcript in await sandbox.tell("transcripts")
            if transcript["id"] in figures.finished
        ]
    return (
        name,
        figures.cpu_seconds * 1000 / JOBS,
        figures.memory_mb * 1000 / JOBS,
        requests / (JOBS + WARM_UP),
        percentile(latencies, 0.5),
        percentile(latencies, 0.99),
    )


async def _ours(ground: Ground, sandbox: Control, *, with_hooks: bool) -> Figures:
    folder, port = ground.folder(), free_port()
    database_url, bus_url = ground.postgres.create_database(), ground.rabbitmq.create_vhost()
    pool = await open_pool(database_url, size=2)
    await migrations.apply(pool, "transcriber")
    settings = {
        "DATABASE_URL": database_url,
        "BUS_URL": bus_url,
        "BLOBS_URL": f"file://{folder}/blobs",
        "DATA_DIR": str(folder / "data"),
        "PORT": str(port),
        "SECRET_KEY": "a secret of the benchmark, long enough for everyone",
        "LOG_LEVEL": "warning",
        "EGRESS_ALLOW_CIDRS": "127.0.0.1/32",
        "ASSEMBLYAI_API_KEY": "any",
        "ASSEMBLYAI_URL": sandbox.url,
        "ACCOUNT_CONCURRENCY": str(2 * JOBS),
        "ACCOUNT_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
        **({"HOOKS_URL": f"http://127.0.0.1:{port}/hooks"} if with_hooks else {}),
    }
    environment = {f"AUDIO2TXT_{name}": value for name, value in settings.items()}
    process = Process(names=("transcriber",), environment=environment, folder=folder)
    customers = Customers(
        blobs=await open_blobs(f"file://{folder}/blobs", data_dir=folder, credentials={}), bus=open_bus(bus_url)
    )
    await process.start()
    try:
        await customers.listen()
        await customers.order(WARM_UP)
        tree = Trees({"transcriber": process.pid})
        before = tree.cpu_seconds()
        async with watching(tree) as peak:
            ready = await customers.order(JOBS)
            await _until_dismissed(pool)
        cpu = sum(spent(before, tree.cpu_seconds()).values())
        ids = await pool.fetch("select job_id, provider_id from transcriber.transcriptions")
    finally:
        await process.stop()
        await customers.close()
        await pool.close()
    finished = {row["provider_id"]: ready[row["job_id"]] for row in ids if row["job_id"] in ready}
    return Figures(cpu_seconds=cpu, memory_mb=peak.added, finished=finished)


async def _until_dismissed(pool: Pool) -> None:
    while await pool.fetchval("select count(*) from transcriber.leftovers"):
        await asyncio.sleep(0.5)


class Customers:
    """The gateway as the transcriber sees it: orders transcripts, and notes when each is there."""

    def __init__(self, *, blobs: BlobStore, bus: Bus) -> None:
        self._blobs = blobs
        self._bus = bus
        self._ready: dict[UUID, float] = {}
        self._missing = 0
        self._failures: list[str] = []
        self._tenants = [new_id() for _ in range(TENANTS)]
        self._all = asyncio.Event()

    async def listen(self) -> None:
        """Read everything that the transcriber tells: what nobody reads would be published again and again."""
        await self._bus.start(
            [
                subscription("bench", TranscriptReady, self._note),
                subscription("bench", TranscriptionProgressed, self._follow),
            ]
        )

    async def order(self, count: int) -> Mapping[UUID, float]:
        """Have so many recordings transcribed; when (seconds since 1970) each transcript was there, by job."""
        self._ready.clear()
        self._missing = count
        self._all.clear()
        for _ in range(count):
            await self._submit()
        await self._all.wait()
        if self._failures:
            raise RuntimeError(f"transcriptions failed: {self._failures}")
        return dict(self._ready)

    async def close(self) -> None:
        """Let go of connections."""
        await self._bus.close()
        await self._blobs.close()

    async def _submit(self) -> None:
        tenant_id, job_id = random.choice(self._tenants), new_id()
        order = JobSubmitted(
            tenant_id=tenant_id,
            job_id=job_id,
            options=JobOptions(engine="assemblyai"),
            source_key=source_key(tenant_id, job_id),
            deadline_at=datetime.now(UTC) + timedelta(hours=1),
        )
        await self._blobs.put(order.source_key, RECORDING)
        await self._bus.publish(Envelope.of(order))

    async def _note(self, event: TranscriptReady) -> None:
        if event.job_id not in self._ready:
            self._ready[event.job_id] = time.time()
            self._missing -= 1
        if not self._missing:
            self._all.set()

    async def _follow(self, event: TranscriptionProgressed) -> None:
        if event.failure is not None:
            self._failures.append(event.failure.code)
            self._all.set()


async def _package(sandbox: Control) -> Figures:
    return await apart.carry_out("tests.bench.engines", Package(url=sandbox.url, jobs=JOBS), Figures)


async def _transcribe(order: Package) -> Figures:
    import assemblyai

    settings = assemblyai.Settings(api_key="any", base_url=order.url, http_timeout=PATIENCE)
    async with assemblyai.AsyncClient(settings=settings) as client:
        transcriber = assemblyai.AsyncTranscriber(client=client)
        places = asyncio.Semaphore(PACKAGE_AT_ONCE)
        finished: dict[str, float] = {}

        async def one() -> None:
            async with places:
                transcript = await transcriber.submit(RECORDING)
            done = await transcript.wait_for_completion()
            finished[str(done.id)] = time.time()

        await asyncio.gather(*(one() for _ in range(WARM_UP)))
        finished.clear()
        tree = Trees({"package": os.getpid()})
        before = time.process_time()
        async with watching(tree) as peak:
            await asyncio.gather(*(one() for _ in range(order.jobs)))
        return Figures(cpu_seconds=time.process_time() - before, memory_mb=peak.added, finished=finished)


if __name__ == "__main__":
    apart.serve(_transcribe, Package)
