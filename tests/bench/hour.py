"""Many jobs of an hour's transcript each: how many a second, and what CPU each costs where."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import msgspec

from tests.bench.customers import Customer, customer_of
from tests.bench.figures import Aim, Cell, Table, at_most
from tests.bench.ground import FOUR, ONE, Ground, platform_only, trees
from tests.bench.processes import SERVERS, spent
from tests.installation import Installation

JOBS = 20
AT_ONCE = 16
BASIC = ("txt", "md", "pdf")
EVERY = (*BASIC, "json", "srt", "vtt")
NOTE = f"""\
{JOBS} jobs, {AT_ONCE} at a time, from create to webhook; the recordings are uploaded before. The engine answers at once with
an hour of two speakers in English and some Chinese. Messaging and storage is what remains for a minute's transcript as
plain text, whose parsing and rendering are next to nothing. CPU time, user and system, of the whole process trees; the load
and the webhooks' receiver are not counted."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of job, in one size."""

    per_second: float
    platform_ms: float
    """CPU time of our processes and their children per job."""
    servers_ms: Mapping[str, float]


async def measure(ground: Ground) -> list[Table]:
    """Both sizes, an hour with few formats and with all of them, and next to nothing."""
    rows: list[tuple[Cell, ...]] = []
    aims: list[Aim] = []
    for size in (ONE, FOUR):
        async with ground.sized(size, scripted_delay="0", scripted_seconds="60") as installation:
            least = await _cost(installation, ("txt",))
        async with ground.sized(size, scripted_delay="0", scripted_seconds="3600") as installation:
            basic = await _cost(installation, BASIC)
            every = await _cost(installation, EVERY)
        rows += [
            _row(f"{size}: hour, {', '.join(BASIC)}", basic),
            _row(f"{size}: hour, all six formats", every),
            _row(f"{size}: minute, txt", least),
        ]
        aims += [
            at_most(f"CPU of an hour's job, {size}", basic.platform_ms, 60, "ms"),
            at_most(f"of it messaging and storage, {size}", least.platform_ms, 20, "ms"),
        ]
    columns = ("", "jobs/s", "platform CPU ms/job", *(f"{name} ms/job" for name in SERVERS.values()))
    return [Table(title="Jobs of an hour", columns=columns, rows=tuple(rows), note=NOTE, aims=tuple(aims))]


async def _cost(installation: Installation, formats: tuple[str, ...]) -> Cost:
    async with customer_of(installation) as customer:
        await _run(customer, [await customer.upload() for _ in range(4)], formats)
        uploads = [await customer.upload() for _ in range(JOBS)]
        tree = trees(installation)
        before, began = tree.cpu_seconds(), time.perf_counter()
        await _run(customer, uploads, formats)
        seconds = time.perf_counter() - began
        cpu = {name: value * 1000 / JOBS for name, value in spent(before, tree.cpu_seconds()).items()}
    servers = {name: cpu.get(name, 0.0) for name in SERVERS.values()}
    return Cost(per_second=JOBS / seconds, platform_ms=sum(platform_only(cpu).values()), servers_ms=servers)


async def _run(customer: Customer, uploads: list[str], formats: tuple[str, ...]) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(upload_id: str) -> None:
        async with places:
            await customer.called_back(await customer.create(upload_id, formats=formats))

    await asyncio.gather(*map(one, uploads))


def _row(name: str, cost: Cost) -> tuple[Cell, ...]:
    return (name, cost.per_second, cost.platform_ms, *(value or None for value in cost.servers_ms.values()))
