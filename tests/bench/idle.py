"""What an installation costs that has nothing to do, and how soon it answers after its start."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from tests.bench.customers import customer_of
from tests.bench.figures import Aim, Cell, Table, at_most
from tests.bench.ground import FOUR, ONE, Ground, platform_only, trees
from tests.bench.processes import SERVERS, spent
from tests.installation import Installation
from tests.servers.ports import free_port

SECONDS = 10.0
SETTLE_SECONDS = 3.0
STARTS = 3
NOTE = f"""\
After a restart with existing data and {SETTLE_SECONDS:g} s to settle: proportional set size over the whole process trees (a
shared page counts once), CPU over {SECONDS:g} s. The speech model is not loaded before the first job for the local engine.
Start: from the process's creation to the first answer to an authenticated `GET /v1/jobs`, median of {STARTS}; of four
processes, the gateway alone, while the servers run."""


async def measure(ground: Ground) -> list[Table]:
    """Both sizes."""
    rows: list[tuple[Cell, ...]] = []
    aims: list[Aim] = []
    for size in (ONE, FOUR):
        port = free_port()
        async with ground.sized(size) as installation:
            await _make_data(installation)
            process = installation.process("gateway")
            process.environment = {**process.environment, "AUDIO2TXT_PORT": str(port)}
            await _restart_workers(installation)
            starts = [await _restart(installation, port) for _ in range(STARTS)]
            await asyncio.sleep(SETTLE_SECONDS)
            tree = trees(installation)
            before = tree.cpu_seconds()
            await asyncio.sleep(SECONDS)
            cpu = {name: value * 100 / SECONDS for name, value in spent(before, tree.cpu_seconds()).items()}
            memory = tree.memory_mb()
        start = sorted(starts)[STARTS // 2]
        rows += _rows(size, memory, cpu, start)
        if size == ONE:
            aims += [
                at_most("memory with PostgreSQL", sum(memory.values()), 200, "MB"),
                at_most("CPU with PostgreSQL", sum(cpu.values()), 2, "%"),
                at_most("first answer after a start", start, 1.5, "s"),
            ]
    columns = ("", "memory MB", "CPU %", "first answer after s")
    return [Table(title="Idle, and start", columns=columns, rows=tuple(rows), note=NOTE, aims=tuple(aims))]


async def _make_data(installation: Installation) -> None:
    async with customer_of(installation) as customer:
        for _ in range(10):
            job_id = await customer.create(await customer.upload())
            await customer.called_back(job_id)


async def _restart_workers(installation: Installation) -> None:
    """Start everything but the gateway again, so that nothing is warm from making data."""
    for process in installation.processes.values():
        if process is not installation.process("gateway"):
            await process.stop()
            await process.start()


async def _restart(installation: Installation, port: int) -> float:
    """Seconds to the first answer."""
    process = installation.process("gateway")
    await process.stop()
    headers = {"Authorization": f"Bearer {installation.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        began = time.perf_counter()
        starting = asyncio.create_task(process.start())
        seconds = await _until_answered(session, f"http://127.0.0.1:{port}/v1/jobs", began)
    await starting
    return seconds


async def _until_answered(session: aiohttp.ClientSession, url: str, began: float) -> float:
    async with asyncio.timeout(60):
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - began
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.005)


def _rows(size: str, memory: dict[str, float], cpu: dict[str, float], start: float) -> list[tuple[Cell, ...]]:
    ours = platform_only(memory)
    parts = list(ours) if len(ours) > 1 else []
    total = (size, sum(ours.values()), sum(platform_only(cpu).values()), start)
    servers = [name for name in SERVERS.values() if name in memory]
    return [total, *((f"{size}: {name}", memory[name], cpu[name], None) for name in (*parts, *servers))]
