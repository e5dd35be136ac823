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
_ORDER = "created_at desc, job_id desc, place desc"
_SORTED = 5000
"""Passages whose places are fetched and sorted for one page."""
_WINDOW = 5000
"""Passages that are looked through for one page where more of them have the words: at the least one in a few hundred."""


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


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """Passages that may answer, in the order of results, and where to go on when these are used up."""

    passages: tuple[FoundPassage, ...]
    following: PassageCursor | None


class SearchStore:
    """Reads the index, always of one tenant."""

    def __init__(self, *, pool: Pool, index: Pool) -> None:
        """`index` finds places only; what stands there is read by `pool`, behind the wall between tenants, where PostgreSQL
        uses no index of tokens."""
        self._pool = pool
        self._index = index

    async def candidates(
        self, tenant_id: UUID, tokens: Sequence[int], where: SearchFilter, *, after: PassageCursor | None, limit: int
    ) -> Candidates:
        """The newest jobs' passages that have all tokens, those after the cursor; in a job, by their order."""
        places, following = await patiently(self._places(_Wanted(tenant_id, tokens, where, after), limit=limit))
        if not places:
            return Candidates(passages=(), following=following)
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
                [place.created_at for place in places],
                [place.id for place in places],
                [place.place for place in places],
            )
        )
        return Candidates(passages=tuple(msgspec.convert(dict(row), FoundPassage) for row in rows), following=following)

    async def _places(self, wanted: _Wanted, *, limit: int) -> tuple[list[PassageCursor], PassageCursor | None]:
        """By the index of tokens, where that finds no more than can be sorted; else in the order of results, so far as that
        comes to in a moment. PostgreSQL would choose between the two by a guess, and be wrong about words it does not know."""
        async with transaction(self._index) as connection:
            await connection.execute(
                "set local plan_cache_mode = force_custom_plan; set local enable_seqscan = off; "
                "set local enable_indexscan = off; set local enable_indexonlyscan = off"
            )
            rows = await connection.fetch(wanted.by_token(most=_SORTED, limit=limit), *wanted.values)
            if not rows or rows[0]["found"] <= _SORTED:
                places = list(map(_cursor, rows))
                return places, places[-1] if len(places) == limit else None
            await connection.execute("set local enable_indexscan = on; set local enable_bitmapscan = off")
            places = list(map(_cursor, await connection.fetch(wanted.in_order(window=_WINDOW, limit=limit), *wanted.values)))
            if len(places) == limit:
                return places, places[-1]
            last = await connection.fetchrow(wanted.end_of(window=_WINDOW), *wanted.values)
            return places, None if last is None else _cursor(last)


class _Wanted:
    """The statements of one search."""

    def __init__(self, tenant_id: UUID, tokens: Sequence[int], where: SearchFilter, after: PassageCursor | None) -> None:
        self.values: list[object] = [tenant_id, tokens]
        conditions = ["tenant_id = $1"]
        if after is not None:
            cursor = ", ".join(map(self._place, (after.created_at, after.id, after.place)))
            conditions.append(f"(created_at, job_id, place) < ({cursor})")
        if where.titles_only:
            conditions.append("place = 0")
        if where.job_id is not None:
            conditions.append(f"job_id = {self._place(where.job_id)}")
        if where.created_after is not None:
            conditions.append(f"created_at >= {self._place(where.created_after)}")
        if where.created_before is not None:
            conditions.append(f"created_at < {self._place(where.created_before)}")
        self._conditions = " and ".join(conditions)

    def by_token(self, *, most: int, limit: int) -> str:
        """Those that have the tokens, and how many were found, which ends beyond `most`."""
        return f"""
            with having_them as materialized (
                select created_at, job_id, place from gateway.passages
                where {self._conditions} and tokens @> $2::int[] limit {most + 1}
            )
            select *, (select count(*) from having_them) as found from having_them order by {_ORDER} limit {limit}
        """

    def in_order(self, *, window: int, limit: int) -> str:
        """Of the next `window` passages those that have the tokens."""
        return f"""
            select created_at, job_id, place from (
                select created_at, job_id, place, tokens from gateway.passages where {self._conditions}
                order by {_ORDER} limit {window}
            ) next
            where tokens @> $2::int[] order by {_ORDER} limit {limit}
        """

    def end_of(self, *, window: int) -> str:
        """The last of the next `window` passages, unless there are fewer."""
        return f"""
            select created_at, job_id, place from gateway.passages where {self._conditions} and $2::int[] is not null
            order by {_ORDER} offset {window - 1} limit 1
        """

    def _place(self, value: object) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def _cursor(row: asyncpg.Record) -> PassageCursor:
    return PassageCursor(created_at=row["created_at"], id=row["job_id"], place=row["place"])
