"""Reads which edited transcripts there are. They are added by `Transitions.revised`."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from services.gateway.store import patiently
from shared.database import Pool


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.revisions`."""

    number: int
    key: str
    segments: int
    """How many were changed."""
    speakers: int
    restored: int | None = None
    """The revision that was gone back to."""
    created_at: dt.datetime


_COLUMNS = ", ".join(field.name for field in msgspec.structs.fields(Revision))


class RevisionStore:
    """Rows of `gateway.revisions`, of jobs that are known to be the requester's."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of(self, job_id: UUID, run: int) -> list[Revision]:
        """All of one run, the newest first."""
        rows = await patiently(
            self._pool.fetch(
                f"select {_COLUMNS} from gateway.revisions where job_id = $1 and run = $2 order by number desc", job_id, run
            )
        )
        return [msgspec.convert(dict(row), Revision) for row in rows]

    async def find(self, job_id: UUID, run: int, number: int | None) -> Revision | None:
        """One of a run; without a number, the newest."""
        row = await patiently(
            self._pool.fetchrow(
                f"""
                select {_COLUMNS} from gateway.revisions where job_id = $1 and run = $2 and ($3::int is null or number = $3)
                order by number desc limit 1
                """,
                *(job_id, run, number),
            )
        )
        return None if row is None else msgspec.convert(dict(row), Revision)

    async def is_erased(self, tenant_id: UUID, job_id: UUID, key: str) -> bool:
        """Whether somebody's words are being erased from this transcript, which has to go for it."""
        erased: bool = await patiently(
            self._pool.fetchval(
                """
                select exists (
                    select from gateway.erasure_orders
                    where tenant_id = $1 and job_id = $2 and kind = 'speaker' and certified_at is null and $3 = any(keys)
                )
                """,
                *(tenant_id, job_id, key),
            )
        )
        return erased
