"""Which batches have come to their end, and which have no jobs left. Over all tenants."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import msgspec

from services.gateway.store.batches import COLUMNS, Batch
from shared.database import Connection, Pool, transaction
from shared.schemas.jobs import JobState


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A batch whose last job has ended."""

    batch: Batch
    states: dict[JobState, int]
    """Its jobs, all of them final; those that were deleted are left out."""


class BatchEndStore:
    """Rows of `gateway.batches` that are due."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def any_due(self) -> bool:
        """Whether there is anything to look at."""
        due: bool = await self._pool.fetchval("select exists (select from gateway.batches where due)")
        return due

    def looking(self) -> AbstractAsyncContextManager[Connection]:
        """A transaction for the rest."""
        return transaction(self._pool)

    async def due(self, connection: Connection, *, most: int) -> list[UUID]:
        """Take some that are due and that nobody else looks at. Statements that come later in the transaction see all that
        made them due, and whoever wants to make them due again waits for its end: so no end is overlooked."""
        rows = await connection.fetch(
            """
            with taken as (select id from gateway.batches where due limit $1 for update skip locked)
            update gateway.batches b set due = false from taken where b.id = taken.id returning b.id
            """,
            most,
        )
        return [row["id"] for row in rows]

    async def end(self, connection: Connection, ids: Sequence[UUID]) -> list[Ended]:
        """Note the end of those of these that have come to it just now."""
        rows = await connection.fetch(
            f"""
            update gateway.batches b set ended_at = now()
            where id = any($1::uuid[]) and ended_at is null and results is not null and not exists (
                select from gateway.jobs j where j.tenant_id = b.tenant_id and j.batch_id = b.id and state = any($2::text[])
            )
            returning {COLUMNS}, (
                select coalesce(jsonb_object_agg(state, jobs), '{{}}') from (
                    select state, count(*) as jobs from gateway.jobs j
                    where j.tenant_id = b.tenant_id and j.batch_id = b.id group by state
                ) counted
            ) as states
            """,
            *(ids, [state for state in JobState if not state.final]),
        )
        return [
            Ended(batch=msgspec.convert(values, Batch), states=msgspec.convert(states, dict[JobState, int]))
            for values, states in ((dict(row), row["states"]) for row in rows)
        ]

    async def forget_words(self, connection: Connection, ids: Sequence[UUID]) -> list[Batch]:
        """Take title and metadata from those of these that have ended and have no job any more; returns those it did so to."""
        rows = await connection.fetch(
            f"""
            update gateway.batches b set title = null, metadata = '{{}}'
            where id = any($1::uuid[]) and ended_at is not null and (title is not null or metadata <> '{{}}') and not exists (
                select from gateway.jobs j where j.tenant_id = b.tenant_id and j.batch_id = b.id
            )
            returning {COLUMNS}
            """,
            ids,
        )
        return [msgspec.convert(dict(row), Batch) for row in rows]
