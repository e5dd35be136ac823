"""What the limit of requests costs each of them: the same gateway with and without, in turn."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from contextlib import AsyncExitStack

from tests.bench.figures import Aim, Cell, Table, at_most, percentile
from tests.bench.ground import Ground
from tests.bench.load import Seen
from tests.bench.processes import Trees
from tests.bench.requests import CONNECTIONS, Candidate, one_job
from tests.installation import Installation, Process

ROUNDS = 7
SECONDS = 2.0
MOST = 10_000_000
"""Requests a minute: counted, and never reached."""
POOL = "8"
"""Two gateways share the hundred connections of the server with everybody else."""
WITHOUT, WITH = "without", "with the limit"
LIMITS = {f"AUDIO2TXT_RATE_{name}_PER_MINUTE": str(MOST) for name in ("READS", "WRITES", "UPLOADS", "REFUSALS")}

NOTE = f"""\
Reading a job over {CONNECTIONS} connections, rounds of {SECONDS:g} s in turn, medians of {ROUNDS}. Two processes of the gateway
on the same database; one counts every request against a limit of {MOST:,} a minute and says so in the answer, the other counts
none."""


async def measure(ground: Ground) -> list[Table]:
    """Both, in turn."""
    async with AsyncExitStack() as stack:
        installation = await stack.enter_async_context(ground.four(database_pool=POOL))
        limited = Process(
            names=("gateway",),
            environment={**installation.processes["gateway"].environment, **LIMITS},
            folder=ground.folder(),
        )
        stack.push_async_callback(limited.kill)
        await limited.start()
        candidates = {
            name: _candidate(process, installation)
            for name, process in ((WITHOUT, installation.processes["gateway"]), (WITH, limited))
        }
        path = await one_job(candidates[WITHOUT])
        for candidate in candidates.values():
            candidate.job_path = path
            await candidate.measure("read", seconds=0.5, keep=False)
        for _ in range(ROUNDS):
            for candidate in candidates.values():
                await candidate.measure("read", seconds=SECONDS)
    return [_table(candidates)]


def _candidate(process: Process, installation: Installation) -> Candidate:
    return Candidate(url=process.url, key=installation.api_key, trees=Trees({"gateway": process.pid}))


def _table(candidates: Mapping[str, Candidate]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            _median_rate(candidate.rounds["read"]),
            _median_ms(candidate.rounds["read"]),
            statistics.median(candidate.cpu["read"]),
        )
        for name, candidate in candidates.items()
    ]
    return Table(
        title="Cost of the limit of requests",
        columns=("", "per second", "p50 ms", "its CPU µs"),
        rows=tuple(rows),
        note=NOTE,
        aims=(_aim(candidates),),
    )


def _aim(candidates: Mapping[str, Candidate]) -> Aim:
    pairs = zip(candidates[WITH].cpu["read"], candidates[WITHOUT].cpu["read"], strict=True)
    return at_most(
        "CPU of the limit for each request", statistics.median(with_ - without for with_, without in pairs), 50, "µs"
    )


def _median_rate(rounds: list[Seen]) -> float:
    return statistics.median(seen.rate for seen in rounds)


def _median_ms(rounds: list[Seen]) -> float:
    return statistics.median(percentile(seen.latencies_ms, 0.5) for seen in rounds)
