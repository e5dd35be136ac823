"""What authentication and the audit log cost each request: the same gateway without one of them, in turn."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from contextlib import AsyncExitStack

from tests.bench.customers import customer_of
from tests.bench.figures import Aim, Cell, Table, at_most, percentile
from tests.bench.ground import Ground
from tests.bench.processes import Trees
from tests.bench.requests import CONNECTIONS, Candidate
from tests.bench.spared import WITHOUT
from tests.installation import Installation, Process

ROUNDS = 7
SECONDS = 2.0
POOL = "6"
"""Three gateways share the hundred connections of the server with everybody else."""
WHOLE = "with both"
GUARDS = {"without authentication": "authentication", "without the audit log": "audit"}
MOST_MICROSECONDS = 100

NOTE = f"""\
Reading a transcript over {CONNECTIONS} connections, rounds of {SECONDS:g} s in turn, medians of {ROUNDS}. Three processes of
the gateway on the same database and the same folder. Reads are in the audit log: they are noted at once and written a second
later, in the process that is measured; what PostgreSQL does then is not in these figures."""


async def measure(ground: Ground) -> list[Table]:
    """All three, in turn."""
    async with AsyncExitStack() as stack:
        installation = await stack.enter_async_context(
            ground.four(database_pool=POOL, scripted_delay="0", blobs_url=f"file://{ground.folder()}")
        )
        customer = await stack.enter_async_context(customer_of(installation))
        job_id = await customer.create(await customer.upload(), formats=["txt"])
        await customer.called_back(job_id)
        candidates = {WHOLE: _candidate(installation.processes["gateway"], installation)}
        for name, guard in GUARDS.items():
            spared = Process(
                names=("gateway",),
                environment={**installation.processes["gateway"].environment, WITHOUT: guard},
                folder=ground.folder(),
                module="tests.bench.spared",
            )
            stack.push_async_callback(spared.kill)
            await spared.start()
            candidates[name] = _candidate(spared, installation)
        for candidate in candidates.values():
            candidate.job_path = f"/v1/jobs/{job_id}/transcript"
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
            statistics.median(seen.rate for seen in candidate.rounds["read"]),
            statistics.median(percentile(seen.latencies_ms, 0.5) for seen in candidate.rounds["read"]),
            statistics.median(candidate.cpu["read"]),
        )
        for name, candidate in candidates.items()
    ]
    return Table(
        title="Cost of authentication and of the audit log",
        columns=("", "per second", "p50 ms", "its CPU µs"),
        rows=tuple(rows),
        note=NOTE,
        aims=tuple(_aim(guard, candidates[WHOLE], candidates[name]) for name, guard in GUARDS.items()),
    )


def _aim(guard: str, whole: Candidate, spared: Candidate) -> Aim:
    pairs = zip(whole.cpu["read"], spared.cpu["read"], strict=True)
    cost = statistics.median(with_ - without for with_, without in pairs)
    return at_most(f"CPU of {guard} for each request", cost, MOST_MICROSECONDS, "µs")
