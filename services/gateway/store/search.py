"""The search index: passages of titles and transcripts, and which jobs are to be entered anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from services.gateway.cursors import PassageCursor
from services.gateway.jobs import Job
from services.gateway.store import patiently
from services.gateway.store.jobs import COLUMNS, job_of
from shared.database import Pool, transaction

_KEYS = "tenant_id, created_at, job_id, place"


class SegmentPlace(msgspec.Struct, frozen=True, array_like=True):
    """A segment of the transcript: a line of its passage."""

    id: str
    start_ms: int
    end_ms: int


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """What is found: a title (place 0), or some segments that follow one another, one in each line of `text`."""

    place: int
    text: str
    segments: tuple[SegmentPlace, ...]
    tokens: Sequence[int] = ()


class FoundPassage(Passage, frozen=True, kw_only=True):
    """A passage, and what is shown of its job."""

    job_id: UUID
    created_at: dt.datetime
    title: str | None
    file_name: str | None
    duration_ms: int | None

    @property
    def cursor(self) -> PassageCursor:
        """Where the next page begins when this is the last of one."""
        return PassageCursor(created_at=self.created_at, id=self.job_id, place=self.place)


@dataclass(frozen=True, kw_only=True)
class SearchFilter:
    """Where is looked. Null is everywhere."""

    titles_only: bool = False
    job_id: UUID | None = None
    created_after: dt.datetime | None = None
    created_before: dt.datetime | None = None


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be entered, and until when it is this process's to do."""

    job: Job
    until: dt.datetime


class SearchIndex:
    """Keeps the index true. Over all tenants, safe to run on several processes at once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self, *, seconds: float, most: int) -> list[Due]:
        """Jobs that are to be entered; other processes leave them alone for so long."""
        columns = ", ".join(f"job.{name}" for name in COLUMNS)
        rows = await self._pool.fetch(
            f"""
            update gateway.jobs job set search_at = now() + make_interval(secs => $1)
            from (
                select id from gateway.jobs where search_at <= now() order by search_at limit $2 for update skip locked
            ) due
            where job.id = due.id returning {columns}, job.search_at
            """,
            *(seconds, most),
        )
        return [Due(job=job_of(row), until=row["search_at"]) for row in rows]

    async def enter(self, due: Due, passages: Sequence[Passage]) -> bool:
        """Let these be the job's passages; False when it changed meanwhile, or is gone."""
        job = due.job
        async with transaction(self._pool) as connection:
            kept = await connection.fetchval(
                "update gateway.jobs set search_at = null where id = $1 and search_at = $2 returning id", job.id, due.until
            )
            if kept is None:
                return False
            await connection.execute("delete from gateway.passages where job_id = $1", job.id)
            await connection.executemany(
                f"insert into gateway.passages ({_KEYS}, text, segments, tokens) values ($1, $2, $3, $4, $5, $6, $7)",
                [
                    (job.tenant_id, job.created_at, job.id, one.place, one.text, one.segments, list(one.tokens))
                    for one in passages
                ],
            )
        return True

    async def rebuild(self, tenant_id: UUID | None) -> int:
        """Have every job of a tenant, or of all, entered anew; returns how many."""
        status: str = await self._pool.execute(
            "update gateway.jobs set search_at = now() where $1::uuid is null or tenant_id = $1", tenant_id, timeout=600
        )
        return int(status.rpartition(" ")[2])

    async def waiting(self) -> int:
        """How many jobs are to be entered."""
        count: int = await self._pool.fetchval("select count(*) from gateway.jobs where search_at is not null")
        return count


class SearchStore:
    """Reads the index, always of one tenant."""

    def __init__(self, *, pool: Pool, index: Pool) -> None:
        """`index` finds places only; what stands there is read by `pool`, behind the wall between tenants, where PostgreSQL
        uses no index of tokens."""
        self._pool = pool
        self._index = index

    async def candidates(
        self, tenant_id: UUID, tokens: Sequence[int], where: SearchFilter, *, after: PassageCursor | None, limit: int
    ) -> list[FoundPassage]:
        """The newest jobs' passages that have all tokens, those after the cursor; in a job, by their order."""
        places = await patiently(self._places(tenant_id, tokens, where, after=after, limit=limit))
        if not places:
            return []
        rows = await patiently(
            self._pool.fetch(
                """
                select p.place, p.text, p.segments, p.job_id, p.created_at,
                    job.options ->> 'title' as title, job.file_name, job.duration_ms
                from unnest($2::timestamptz[], $3::uuid[], $4::int[]) as found (created_at, job_id, place)
                join gateway.passages p using (created_at, job_id, place) join gateway.jobs job on job.id = p.job_id
                where p.tenant_id = $1 order by p.created_at desc, p.job_id desc, p.place desc
                """,
                tenant_id,
                *(list(column) for column in zip(*places, strict=True)),
            )
        )
        return [msgspec.convert(dict(row), FoundPassage) for row in rows]

    async def _places(
        self, tenant_id: UUID, tokens: Sequence[int], where: SearchFilter, *, after: PassageCursor | None, limit: int
    ) -> list[asyncpg.Record]:
        values: list[object] = [tenant_id, tokens]
        conditions = ["tenant_id = $1", "tokens @> $2::int[]"]

        def place(value: object) -> str:
            values.append(value)
            return f"${len(values)}"

        if after is not None:
            cursor = ", ".join(map(place, (after.created_at, after.id, after.place)))
            conditions.append(f"(created_at, job_id, place) < ({cursor})")
        if where.titles_only:
            conditions.append("place = 0")
        if where.job_id is not None:
            conditions.append(f"job_id = {place(where.job_id)}")
        if where.created_after is not None:
            conditions.append(f"created_at >= {place(where.created_after)}")
        if where.created_before is not None:
            conditions.append(f"created_at < {place(where.created_before)}")
        async with transaction(self._index) as connection:
            # A word that is everywhere is looked for in the order of results, a rare one in the index of tokens.
            await connection.execute("set local plan_cache_mode = force_custom_plan")
            rows: list[asyncpg.Record] = await connection.fetch(
                f"""
                select created_at, job_id, place from gateway.passages where {" and ".join(conditions)}
                order by created_at desc, job_id desc, place desc limit {place(limit)}
                """,
                *values,
            )
            return rows
