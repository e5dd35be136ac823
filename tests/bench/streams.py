"""A thousand clients of event streams on one replica of the gateway, while another makes the changes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.bench import apart
from tests.bench.figures import Aim, Cell, Table, at_most, percentile
from tests.bench.followers import Arrived, Follow
from tests.bench.ground import Ground
from tests.bench.processes import Trees, spent
from tests.installation import Installation, Process

CLIENTS = 1000
EVENTS = 20
EVERY_SECONDS = 0.5
IDLE_SECONDS = 10.0
SETTLE_SECONDS = 3.0

NOTE = f"""\
{CLIENTS} clients of one tenant on one replica; another replica changes a job every {EVERY_SECONDS:g} s, {EVENTS} times.
Delay: from the beginning of the change's transaction to its arrival at each client, their reading included, on the same two
cores. Memory: proportional set size of the replica with its clients less that before, by client. Idle: over
{IDLE_SECONDS:g} s without a change, of the replica with the clients, and of PostgreSQL."""


async def measure(ground: Ground) -> list[Table]:
    """The stream of all jobs, and that of one job."""
    rows: list[tuple[Cell, ...]] = []
    aims: list[Aim] = []
    async with ground.four(streams_per_tenant=str(CLIENTS + 10)) as installation, _replica(installation, ground) as replica:
        headers = {"Authorization": f"Bearer {installation.api_key}"}
        async with httpx.AsyncClient(base_url=installation.url, headers=headers, timeout=30) as http:
            created = await http.post("/v1/jobs", json={"audio_url": "https://203.0.113.1/a.wav", "engine": "scripted"})
            path = f"/v1/jobs/{created.raise_for_status().json()['id']}"
            for name, stream in (("all jobs", "/v1/events"), ("one job", f"{path}/events")):
                order = Follow(
                    url=replica.url + stream,
                    api_key=installation.api_key,
                    clients=CLIENTS,
                    events=EVENTS,
                    ready=str(ground.folder() / "ready"),
                )
                row = await _stream(order, http, path, _trees(replica))
                rows.append((name, *row))
                memory, cpu, _, p50, p99 = row
                aims += [
                    at_most(f"{name}: memory of a client", memory, 40, "KiB"),
                    at_most(f"{name}: idle CPU of the replica", cpu, 2, "%"),
                    at_most(f"{name}: delay p50", p50, 100, "ms"),
                    at_most(f"{name}: delay p99", p99, 250, "ms"),
                ]
    columns = ("stream of", "memory KiB", "idle CPU %", "PostgreSQL %", "delay p50 ms", "p99 ms")
    return [Table(title=f"{CLIENTS:,} event streams", columns=columns, rows=tuple(rows), note=NOTE, aims=tuple(aims))]


@asynccontextmanager
async def _replica(installation: Installation, ground: Ground) -> AsyncIterator[Process]:
    """A second gateway, which has only the streams to serve."""
    replica = Process(names=("gateway",), environment=installation.process("gateway").environment, folder=ground.folder())
    await replica.start()
    try:
        yield replica
    finally:
        await replica.stop()


def _trees(replica: Process) -> Trees:
    return Trees({"replica": replica.pid, "bench": os.getpid()})


async def _stream(order: Follow, http: httpx.AsyncClient, job: str, trees: Trees) -> tuple[float, float, float, float, float]:
    """Memory, CPU of the replica and of PostgreSQL, and both delays."""
    await asyncio.sleep(SETTLE_SECONDS)
    before = trees.memory_mb()["replica"]
    following = asyncio.create_task(apart.carry_out("tests.bench.followers", order, Arrived))
    while not await asyncio.to_thread(Path(order.ready).exists):
        if following.done():
            following.result()
        await asyncio.sleep(0.05)
    await asyncio.sleep(SETTLE_SECONDS)
    memory = (trees.memory_mb()["replica"] - before) * 1e6 / 1024 / order.clients
    cpu = trees.cpu_seconds()
    await asyncio.sleep(IDLE_SECONDS)
    idle = {name: seconds * 100 / IDLE_SECONDS for name, seconds in spent(cpu, trees.cpu_seconds()).items()}
    for number in range(order.events):
        (await http.patch(job, json={"title": f"{order.url[-10:]} {number}"})).raise_for_status()
        await asyncio.sleep(EVERY_SECONDS)
    delays = (await following).delays_ms
    return memory, idle["replica"], idle["PostgreSQL"], percentile(delays, 0.5), percentile(delays, 0.99)
