"""What every change of a job is: a guarded update, with its event in the same statement."""

from __future__ import annotations

from services.gateway.audit import Fact
from services.gateway.jobs import Job
from services.gateway.store import patiently
from services.gateway.store.audit import noting
from shared.database import Pool
from shared.outbox import row_of
from shared.schemas.events import Event

STIRRED = "batch as (update gateway.batches b set due = true from moved where b.tenant_id = $5 and b.id = moved.batch_id)"
"""What happened to a job may be the end of its batch."""

TOUCH = "version = version + 1, updated_at = now(), announced = 0"


class Moves:
    """Changes rows of `gateway.jobs`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def _move(
        self,
        change: str,
        event: Event,
        *arguments: object,
        also: str = "",
        entry: str | None = None,
        unless_waiting: bool = False,
    ) -> bool:
        """Run the change (whose parameters start at $4). When it changed a row, put the event into the outbox (unless the job
        now waits for its turn), and the entry into the audit log."""
        row = row_of(event)
        told = "turn_at is null" if unless_waiting else "true"
        if entry is not None:
            also += f", {noting('moved', 4 + len(arguments))}"
            arguments = (*arguments, entry)
        moved = await patiently(
            self._pool.fetchval(
                f"""
                with moved as (
                    {change} returning id, state, transcribed_run is not distinct from run as transcribed, turn_at, batch_id
                ), event as (
                    insert into gateway.outbox (message_id, routing_key, payload)
                    select $1, $2, $3 from moved where {told}
                ){also}
                select id from moved
                """,
                *(row.message_id, row.routing_key, row.payload),
                *arguments,
            )
        )
        return moved is not None


def facts(job: Job) -> dict[str, Fact]:
    """What the audit log keeps of a job."""
    options = job.options
    return {"state": job.state.value, "run": job.run, "solution": options.solution, "engine": options.engine}
