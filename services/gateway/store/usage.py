"""The ledger of what tenants have used: rows are only ever added."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from uuid import UUID

import msgspec

from services.gateway.cursors import Cursor
from services.gateway.store import patiently
from shared.database import Pool


class Kind(enum.StrEnum):
    """What something was used for."""

    TRANSCRIPTION = "transcription"
    REPORT = "report"


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.usage_records`."""

    id: UUID
    tenant_id: UUID
    at: dt.datetime
    job_id: UUID
    kind: Kind
    run: int
    attempt: int
    solution: str
    engine: str | None
    """The speech engine; null for reports."""
    model: str
    audio_ms: int = 0
    stored_bytes: int = 0
    """Of the recording."""
    tokens: int = 0
    """Of language models, prompts and answers, without those that an earlier attempt was charged for."""
    amount: Decimal | None = None
    """Null where no price is known."""
    currency: str | None = None

    @property
    def created_at(self) -> dt.datetime:
        """What lists are ordered by."""
        return self.at


_COLUMNS = ", ".join(field.name for field in msgspec.structs.fields(UsageRecord))


_AT_ONCE = 1000
"""Records that are read at a time."""
_TYPED = """
    id uuid, tenant_id uuid, at timestamptz, job_id uuid, kind text, run int, attempt int, solution text, engine text,
    model text, audio_ms bigint, stored_bytes bigint, tokens bigint, amount numeric, currency text
"""
"""The same with their types."""


def recording(source: str, place: int) -> str:
    """A part of a `with` that adds the record in parameter `place`, where there is one and `source` has a row; a record that
    is there already stays as it is."""
    return f"""recorded as (
        insert into gateway.usage_records ({_COLUMNS})
        select record.* from {source}, jsonb_to_record(${place}::jsonb) as record ({_TYPED})
        where ${place}::jsonb is not null
        on conflict (job_id, kind, run, attempt) do nothing
    )"""


class UsageStore:
    """Rows of `gateway.usage_records`, always asked for by tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, record: UsageRecord) -> None:
        """Add a record of what happened to no job any more, unless it is there."""
        await patiently(self._pool.execute(f"with moved as (select), {recording('moved', 1)} select from moved", record))

    async def knows_transcript(self, tenant_id: UUID, job_id: UUID, *, engine: str, before: int) -> bool:
        """Whether a run of the job before this one was transcribed by the engine, and is on record."""
        known: bool = await patiently(
            self._pool.fetchval(
                """
                select exists (
                    select from gateway.usage_records
                    where tenant_id = $1 and job_id = $2 and kind = 'transcription' and engine = $3 and run < $4
                )
                """,
                *(tenant_id, job_id, engine, before),
            )
        )
        return known

    async def page(
        self, tenant_id: UUID, *, since: dt.datetime, until: dt.datetime, after: Cursor | None, limit: int
    ) -> list[UsageRecord]:
        """The tenant's newest records of a time, those after the cursor. The time's end is where a list without one begins: a
        condition that may be none would keep the database from going there by its index."""
        begin = min(filter(None, (after, Cursor(created_at=until, id=UUID(int=0)))), key=lambda one: (one.created_at, one.id))
        rows = await patiently(
            self._pool.fetch(
                f"""
                select {_COLUMNS} from gateway.usage_records
                where tenant_id = $1 and at >= $2 and (at, id) < ($3, $4) order by at desc, id desc limit $5
                """,
                *(tenant_id, since, begin.created_at, begin.id, limit),
            )
        )
        return [msgspec.convert(dict(row), UsageRecord) for row in rows]

    async def sums(self, tenant_id: UUID, *, since: dt.datetime, until: dt.datetime) -> list[Mapping[str, object]]:
        """What the records of each day (UTC) that are alike come to, day by day."""
        rows = await patiently(
            self._pool.fetch(
                """
                select (at at time zone 'UTC')::date as day, kind, solution, engine, model, currency, count(*) as records,
                    sum(audio_ms)::bigint as audio_ms, sum(stored_bytes)::bigint as stored_bytes,
                    sum(tokens)::bigint as tokens, sum(amount) as amount
                from gateway.usage_records where tenant_id = $1 and at >= $2 and at < $3
                group by 1, 2, 3, 4, 5, 6, amount is null order by 1, 2 desc, 4, 5, 3
                """,
                *(tenant_id, since, until),
            )
        )
        return [dict(row) for row in rows]

    async def walk(self, tenant_id: UUID, *, since: dt.datetime, until: dt.datetime) -> AsyncIterator[UsageRecord]:
        """The tenant's records of a time, the newest first."""
        after: Cursor | None = None
        while rows := await self.page(tenant_id, since=since, until=until, after=after, limit=_AT_ONCE):
            for row in rows:
                yield row
            after = Cursor(created_at=rows[-1].at, id=rows[-1].id)
