"""Jobs created and read per second over HTTP, beside the same routes in bare Litestar and in FastAPI."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx

from tests.bench.figures import Aim, Table, at_least, percentile
from tests.bench.ground import Ground
from tests.bench.jobs import BODY
from tests.bench.load import Requests, Seen, run
from tests.bench.processes import Trees, spent
from tests.installation import Installation, Process

CONNECTIONS = 32
ROUNDS = 5
SECONDS = 2.0
POOL = 12
"""Connections to the database of each, the gateway's for the system aside: the server has 60."""
OURS, LITESTAR, FASTAPI = "Audio2txt", "bare Litestar", "FastAPI"
FRAMEWORKS = {LITESTAR: "litestar", FASTAPI: "fastapi"}

NOTE = f"""\
{CONNECTIONS} connections, rounds of {SECONDS:g} s in turn, medians of {ROUNDS}. The others look the key up in a dict, check the
body, write or read one row, and do nothing else; ours checks what the key may do, the plan and the rate, writes the event with
the job, keeps tenants apart in PostgreSQL, and counts, logs and names every request. All are served by one uvicorn process
each, on the same PostgreSQL."""


@dataclass
class Candidate:
    """One server, and what its rounds came to."""

    url: str
    key: str
    trees: Trees
    job_path: str = ""
    rounds: dict[str, list[Seen]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    """Microseconds of its own process for each request."""

    async def measure(self, what: str, *, seconds: float = SECONDS, keep: bool = True) -> None:
        """One round."""
        path, body = ("/v1/jobs", BODY) if what == "create" else (self.job_path, None)
        before = self.trees.cpu_seconds()
        seen = await run(Requests(url=self.url + path, api_key=self.key, body=body, connections=CONNECTIONS, seconds=seconds))
        if keep:
            used = sum(spent(before, self.trees.cpu_seconds()).values())
            self.rounds.setdefault(what, []).append(seen)
            self.cpu.setdefault(what, []).append(used * 1e6 / seen.done)


async def measure(ground: Ground) -> list[Table]:
    """Creating and reading, each candidate in turn."""
    async with AsyncExitStack() as stack:
        installation = await stack.enter_async_context(ground.four(database_pool=str(POOL)))
        await installation.processes["transcriber"].stop()
        candidates = {OURS: candidate_of(installation.processes["gateway"], installation)}
        for name, framework in FRAMEWORKS.items():
            candidates[name] = await stack.enter_async_context(_framework(framework, installation))
        for candidate in candidates.values():
            candidate.job_path = await one_job(candidate)
        for what in ("create", "read"):
            for candidate in candidates.values():
                await candidate.measure(what, seconds=0.5, keep=False)
            for _ in range(ROUNDS):
                for candidate in candidates.values():
                    await candidate.measure(what)
    return [_table("Jobs created", "create", candidates), _table("Jobs read", "read", candidates)]


def candidate_of(process: Process, installation: Installation) -> Candidate:
    """One process of the gateway."""
    return Candidate(url=process.url, key=installation.api_key, trees=Trees({"gateway": process.pid}))


async def compare_reads(candidates: Mapping[str, Candidate], path: str, *, rounds: int) -> None:
    """Read one path of each, in turn."""
    for candidate in candidates.values():
        candidate.job_path = path
        await candidate.measure("read", seconds=0.5, keep=False)
    for _ in range(rounds):
        for candidate in candidates.values():
            await candidate.measure("read")


def costs(title: str, candidates: Mapping[str, Candidate], *, note: str, aims: tuple[Aim, ...]) -> Table:
    """What reading comes to with and without something."""
    rows = [
        (
            name,
            statistics.median(seen.rate for seen in candidate.rounds["read"]),
            statistics.median(percentile(seen.latencies_ms, 0.5) for seen in candidate.rounds["read"]),
            statistics.median(candidate.cpu["read"]),
        )
        for name, candidate in candidates.items()
    ]
    return Table(title=title, columns=("", "per second", "p50 ms", "its CPU µs"), rows=tuple(rows), note=note, aims=aims)


def cost(whole: Candidate, spared: Candidate) -> float:
    """Microseconds of CPU that one spends on each request more than the other."""
    pairs = zip(whole.cpu["read"], spared.cpu["read"], strict=True)
    return statistics.median(with_ - without for with_, without in pairs)


@asynccontextmanager
async def _framework(framework: str, installation: Installation) -> AsyncIterator[Candidate]:
    """A process that serves the routes with a framework alone."""
    database = installation.settings["AUDIO2TXT_DATABASE_URL"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.frameworks", framework, database, installation.api_key, str(POOL)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        yield Candidate(url=url, key=installation.api_key, trees=Trees({framework: process.pid}))
    finally:
        process.stdin.close()
        await process.wait()


async def one_job(candidate: Candidate) -> str:
    """Create the job that is read; returns its path."""
    headers = {"Authorization": f"Bearer {candidate.key}"}
    async with httpx.AsyncClient(base_url=candidate.url, headers=headers) as client:
        answer = await client.post("/v1/jobs", json=json.loads(BODY))
        answer.raise_for_status()
        return f"/v1/jobs/{answer.json()['id']}"


def _table(title: str, what: str, candidates: Mapping[str, Candidate]) -> Table:
    rows = [
        (name, *_figures(candidate.rounds[what]), statistics.median(candidate.cpu[what]))
        for name, candidate in candidates.items()
    ]
    return Table(
        title=title,
        columns=("", "per second", "p50 ms", "p99 ms", "its CPU µs"),
        rows=tuple(rows),
        note=NOTE,
        aims=tuple(_aim(what, name, candidates) for name in FRAMEWORKS),
    )


def _aim(what: str, name: str, candidates: Mapping[str, Candidate]) -> Aim:
    pairs = zip(candidates[OURS].rounds[what], candidates[name].rounds[what], strict=True)
    ratio = statistics.median(ours.rate / theirs.rate for ours, theirs in pairs)
    return at_least(f"{what}: ours / {name}", ratio, 0.5, "")


def _figures(rounds: list[Seen]) -> tuple[float, float, float]:
    return (
        statistics.median(seen.rate for seen in rounds),
        statistics.median(percentile(seen.latencies_ms, 0.5) for seen in rounds),
        statistics.median(percentile(seen.latencies_ms, 0.99) for seen in rounds),
    )
