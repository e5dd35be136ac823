"""A thousand clients of event streams on one replica of the gateway, while another makes the changes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec

from tests.bench import apart
from tests.bench.figures import Aim, Cell, Table, at_most, percentile
from tests.bench.followers import Arrived, Follow
from tests.bench.ground import Ground
from tests.bench.jobs import BODY
from tests.bench.processes import Trees, spent
from tests.installation import Installation, Process

CLIENTS = 1000
CHANGES = 20
EVERY_SECONDS = 1.0
IDLE_SECONDS = 10.0
SETTLE_SECONDS = 3.0
LAST = "the last of all"

NOTE = f"""\
{CLIENTS} clients on one replica, while another changes a job every {EVERY_SECONDS:g} s, {CHANGES} times: all clients follow
all jobs of one tenant, and every change reaches each of them; or each follows a job of its own. Delay: from the beginning of
the change's transaction to its arrival at each client, their reading included, on the same two cores. CPU: of the replica, by
event and client. Memory: proportional set size of the fresh replica with its clients less that before, by client. Idle: over
{IDLE_SECONDS:g} s without a change, of the replica and of PostgreSQL."""


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Of one kind of stream."""

    memory_kib: float
    idle: dict[str, float]
    busy_seconds: float
    """CPU time of the replica while there were changes."""
    delays_ms: list[float]


async def measure(ground: Ground) -> list[Table]:
    """The stream of all jobs, and those of single jobs."""
    async with ground.four(streams_per_tenant=str(CLIENTS + 10)) as installation:
        await installation.processes["transcriber"].stop()
        headers = {"Authorization": f"Bearer {installation.api_key}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(base_url=installation.url, headers=headers, timeout=30) as http:
            jobs = [f"/v1/jobs/{await _job(http)}" for _ in range(CLIENTS)]
            kinds = {
                "all jobs": (["/v1/events"] * CLIENTS, CLIENTS),
                "a job each": ([f"{job}/events" for job in jobs], 1),
            }
            costs: dict[str, Costs] = {}
            for name, (paths, hear_last) in kinds.items():
                async with _replica(installation, ground) as replica:
                    order = Follow(
                        url=replica.url,
                        api_key=installation.api_key,
                        paths=paths,
                        last=f"{LAST}, {name}",
                        hear_last=hear_last,
                        ready=str(ground.folder() / "ready"),
                    )
                    costs[name] = await _stream(order, http, jobs, Trees({"replica": replica.pid, "bench": os.getpid()}))
    return [_table(costs)]


async def _job(http: httpx.AsyncClient) -> str:
    return str((await http.post("/v1/jobs", content=BODY)).raise_for_status().json()["id"])


def _table(costs: Mapping[str, Costs]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    aims: list[Aim] = []
    for name, cost in costs.items():
        p50, p99 = (percentile(cost.delays_ms, share) for share in (0.5, 0.99))
        # Of a few events, most would be what the replica needs when nothing happens.
        each = cost.busy_seconds * 1e6 / len(cost.delays_ms) if len(cost.delays_ms) >= CLIENTS else None
        rows.append((name, cost.memory_kib, cost.idle["replica"], cost.idle["PostgreSQL"], each, p50, p99))
        aims += [
            at_most(f"{name}: memory of a client", cost.memory_kib, 40, "KiB"),
            at_most(f"{name}: idle CPU of the replica", cost.idle["replica"], 2, "%"),
            at_most(f"{name}: delay p99", p99, 250, "ms"),
        ]
    columns = ("stream of", "memory KiB", "idle CPU %", "PostgreSQL %", "CPU µs", "delay p50 ms", "p99 ms")
    return Table(title=f"{CLIENTS:,} event streams", columns=columns, rows=tuple(rows), note=NOTE, aims=tuple(aims))


@asynccontextmanager
async def _replica(installation: Installation, ground: Ground) -> AsyncIterator[Process]:
    """A second gateway, which has only the streams to serve."""
    replica = Process(names=("gateway",), environment=installation.process("gateway").environment, folder=ground.folder())
    await replica.start()
    try:
        yield replica
    finally:
        await replica.stop()


async def _stream(order: Follow, http: httpx.AsyncClient, jobs: list[str], trees: Trees) -> Costs:
    await asyncio.sleep(SETTLE_SECONDS)
    before = trees.memory_mb()["replica"]
    following = asyncio.create_task(apart.carry_out("tests.bench.followers", order, Arrived))
    while not await asyncio.to_thread(Path(order.ready).exists):
        if following.done():
            following.result()
        await asyncio.sleep(0.05)
    await asyncio.sleep(SETTLE_SECONDS)
    memory = (trees.memory_mb()["replica"] - before) * 1e6 / 1024 / len(order.paths)
    cpu = trees.cpu_seconds()
    await asyncio.sleep(IDLE_SECONDS)
    idle = {name: seconds * 100 / IDLE_SECONDS for name, seconds in spent(cpu, trees.cpu_seconds()).items()}
    cpu = trees.cpu_seconds()
    for number in range(CHANGES):
        title = order.last if number == CHANGES - 1 else f"{order.last[-5:]} {number}"
        (await http.patch(jobs[number], json={"title": title})).raise_for_status()
        await asyncio.sleep(EVERY_SECONDS)
    delays = (await following).delays_ms
    busy = spent(cpu, trees.cpu_seconds())["replica"]
    return Costs(memory_kib=memory, idle=idle, busy_seconds=busy, delays_ms=delays)
