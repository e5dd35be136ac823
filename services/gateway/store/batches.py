"""Batches, and what became of their recordings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

import msgspec

from services.gateway.cursors import Cursor
from services.gateway.store import patiently
from shared.database import Pool
from shared.schemas.jobs import JobState


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one recording: a job, or a problem."""

    job_id: UUID | None = None
    code: str | None = None
    detail: str | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.batches`."""

    id: UUID
    tenant_id: UUID
    key: str | None
    """Its Idempotency-Key; what is stored is a digest of it, which does as well."""
    fingerprint: bytes
    size: int
    results: tuple[Result, ...] | None = None
    created_at: dt.datetime
    title: str | None = None
    """Of all jobs without a title of their own; null once none of its jobs is left."""
    metadata: dict[str, str] = {}
    ended_at: dt.datetime | None = None
    """When its last job ended first."""

    @property
    def job_ids(self) -> list[UUID]:
        """Its jobs."""
        return [result.job_id for result in self.results or () if result.job_id is not None]

    @property
    def made(self) -> list[UUID]:
        """The jobs that were made for it, without those that stood in the way of others."""
        return [result.job_id for result in self.results or () if result.code is None and result.job_id is not None]

    @property
    def refused(self) -> int:
        """Recordings that did not become jobs."""
        return sum(result.code is not None for result in self.results or ())


_NAMES = tuple(field.name for field in msgspec.structs.fields(Batch))
COLUMNS = ", ".join(_NAMES)


class BatchStore:
    """Rows of `gateway.batches`, always asked for by tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(self, batch: Batch) -> Batch:
        """Enter a batch; or the one that the same key has begun before."""
        row = await patiently(
            self._pool.fetchrow(
                f"""
                insert into gateway.batches ({COLUMNS})
                values ($1, $2, encode(sha256(convert_to($3::text, 'utf8')), 'hex'), $4, $5, $6, $7, $8, $9, $10)
                on conflict (tenant_id, key) do update set key = excluded.key returning {COLUMNS}
                """,
                *msgspec.structs.astuple(batch),
            )
        )
        return msgspec.convert(dict(row), Batch)

    async def finish(self, batch: Batch, results: Sequence[Result]) -> Batch:
        """Note what became of each; what another request noted before stays."""
        row = await patiently(
            self._pool.fetchrow(
                f"""
                update gateway.batches set results = coalesce(results, $3), due = true where tenant_id = $1 and id = $2
                returning {COLUMNS}
                """,
                *(batch.tenant_id, batch.id, results),
            )
        )
        return msgspec.convert(dict(row), Batch)

    async def find(self, tenant_id: UUID, batch_id: UUID) -> Batch | None:
        """One batch of the tenant."""
        row = await patiently(
            self._pool.fetchrow(f"select {COLUMNS} from gateway.batches where tenant_id = $1 and id = $2", tenant_id, batch_id)
        )
        return None if row is None else msgspec.convert(dict(row), Batch)

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[Batch]:
        """The tenant's newest batches, those after the cursor."""
        rows = await patiently(
            self._pool.fetch(
                f"""
                select {COLUMNS} from gateway.batches
                where tenant_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3))
                order by created_at desc, id desc limit $4
                """,
                *(tenant_id, after and after.created_at, after and after.id, limit),
            )
        )
        return [msgspec.convert(dict(row), Batch) for row in rows]

    async def states(self, batches: Sequence[Batch]) -> dict[UUID, JobState]:
        """How the jobs of these batches of one tenant stand; those that were deleted are left out."""
        ids = [job_id for batch in batches for job_id in batch.job_ids]
        if not ids:
            return {}
        rows = await patiently(
            self._pool.fetch(
                "select id, state from gateway.jobs where tenant_id = $1 and id = any($2::uuid[])", batches[0].tenant_id, ids
            )
        )
        return {row["id"]: JobState(row["state"]) for row in rows}

    async def open_jobs(self, tenant_id: UUID, batch_id: UUID) -> list[UUID]:
        """The jobs that the batch made and that have not ended."""
        rows = await patiently(
            self._pool.fetch(
                """
                select id from gateway.jobs
                where tenant_id = $1 and batch_id = $2 and state in ('queued', 'transcribing', 'reporting')
                """,
                *(tenant_id, batch_id),
            )
        )
        return [row["id"] for row in rows]
