"""What authentication and the audit log cost each request: the same gateway without one of them, in turn."""

from __future__ import annotations

from contextlib import AsyncExitStack

from tests.bench.customers import customer_of
from tests.bench.figures import Aim, Table, at_most
from tests.bench.ground import Ground
from tests.bench.requests import CONNECTIONS, SECONDS, Candidate, candidate_of, compare_reads, cost, costs
from tests.bench.spared import WITHOUT
from tests.installation import Process

ROUNDS = 7
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
        candidates = {WHOLE: candidate_of(installation.processes["gateway"], installation)}
        for name, guard in GUARDS.items():
            spared = Process(
                names=("gateway",),
                environment={**installation.processes["gateway"].environment, WITHOUT: guard},
                folder=ground.folder(),
                module="tests.bench.spared",
            )
            stack.push_async_callback(spared.kill)
            await spared.start()
            candidates[name] = candidate_of(spared, installation)
        await compare_reads(candidates, f"/v1/jobs/{job_id}/transcript", rounds=ROUNDS)
    aims = tuple(_aim(guard, candidates[WHOLE], candidates[name]) for name, guard in GUARDS.items())
    return [costs("Cost of authentication and of the audit log", candidates, note=NOTE, aims=aims)]


def _aim(guard: str, whole: Candidate, spared: Candidate) -> Aim:
    return at_most(f"CPU of {guard} for each request", cost(whole, spared), MOST_MICROSECONDS, "µs")
