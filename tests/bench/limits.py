"""What the limit of requests costs each of them: the same gateway with and without, in turn."""

from __future__ import annotations

from contextlib import AsyncExitStack

from tests.bench.figures import Table, at_most
from tests.bench.ground import Ground
from tests.bench.requests import CONNECTIONS, SECONDS, candidate_of, compare_reads, cost, costs, one_job
from tests.installation import Process

ROUNDS = 7
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
            name: candidate_of(process, installation)
            for name, process in ((WITHOUT, installation.processes["gateway"]), (WITH, limited))
        }
        await compare_reads(candidates, await one_job(candidates[WITHOUT]), rounds=ROUNDS)
    aim = at_most("CPU of the limit for each request", cost(candidates[WITH], candidates[WITHOUT]), 50, "µs")
    return [costs("Cost of the limit of requests", candidates, note=NOTE, aims=(aim,))]
