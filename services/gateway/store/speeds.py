"""How fast a tenant's jobs were done lately, and what is before one that waits."""

from __future__ import annotations

from uuid import UUID

import msgspec

from services.gateway.jobs import Job
from services.gateway.store import patiently
from shared.database import Pool

LOOKED_THROUGH = 500
OBSERVED = 50


class Speeds(msgspec.Struct, frozen=True, kw_only=True):
    """Medians over the tenant's last jobs, at most 50; null where nothing was observed."""

    jobs: int
    ratio: float | None
    """Time of transcribing for each of audio."""
    report_ms: float | None
    typical_ms: float | None
    """Length of a recording."""
    bytes_a_ms: float | None
    hourly: float | None
    """Price of an hour of audio."""
    currency: str | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The tenant's jobs that have not ended, seen from one of them, or from one that is not made yet."""

    in_work: int
    transcribing: int
    queued_before: int
    """Begun and not yet transcribed, before it."""
    waiting_before: int
    """Waiting for their turn, before it."""


class SpeedStore:
    """Looks at the newest rows of `gateway.jobs`, always of one tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, tenant_id: UUID, engine: str | None) -> Speeds:
        """How fast this engine was, or any."""
        row = await patiently(
            self._pool.fetchrow(
                f"""
                with newest as (
                    select * from gateway.jobs where tenant_id = $1 order by created_at desc, id desc limit {LOOKED_THROUGH}
                ), observed as (
                    select *, extract(epoch from transcribed_at - began_at)::float8 * 1000 as work_ms,
                        case when state = 'completed' then extract(epoch from finished_at - transcribed_at)::float8 * 1000 end
                            as rest_ms
                    from newest
                    where began_at is not null and transcribed_at is not null and duration_ms > 0
                      and ($2::text is null or engine = $2)
                    limit {OBSERVED}
                )
                select count(*) as jobs,
                    percentile_cont(0.5) within group (order by work_ms / duration_ms) as ratio,
                    percentile_cont(0.5) within group (order by rest_ms) as report_ms,
                    percentile_cont(0.5) within group (order by duration_ms) as typical_ms,
                    percentile_cont(0.5) within group (order by source_size::float8 / duration_ms) as bytes_a_ms,
                    percentile_cont(0.5) within group (order by
                        (cost ->> 'amount')::float8 * 3600000 / nullif((cost ->> 'billed_ms')::float8, 0)) as hourly,
                    min(cost ->> 'currency') as currency
                from observed
                """,
                *(tenant_id, engine),
            )
        )
        return msgspec.convert(dict(row), Speeds)

    async def line(self, tenant_id: UUID, job: Job | None) -> Line:
        """What is before a job, or before one that would be made now."""
        row = await patiently(
            self._pool.fetchrow(
                """
                select count(*) filter (where turn_at is null) as in_work,
                    count(*) filter (where state = 'transcribing') as transcribing,
                    count(*) filter (where turn_at is null and state = 'queued'
                                     and ($2::timestamptz is null or created_at < $2)) as queued_before,
                    count(*) filter (where turn_at is not null and coalesce(start_after <= now(), true)
                                     and ($3::timestamptz is null or turn_at < $3)) as waiting_before
                from gateway.jobs where tenant_id = $1 and state in ('queued', 'transcribing', 'reporting')
                """,
                *(tenant_id, job and job.created_at, job and job.turn_at),
            )
        )
        return msgspec.convert(dict(row), Line)
