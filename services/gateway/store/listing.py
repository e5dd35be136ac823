"""Lists of jobs: the newest first, filtered, page by page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from services.gateway.cursors import Cursor
from services.gateway.jobs import Job
from services.gateway.labels import metadata_label, tag_label
from services.gateway.store import patiently
from services.gateway.store.jobs import SHOWN, job_of
from shared.database import Pool, transaction
from shared.schemas.jobs import JobState


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs are asked for: those that are all of this. Null is any."""

    state: JobState | None = None
    solution: str | None = None
    language: str | None = None
    """Of the transcript; `zh` is every kind of Chinese."""
    tags: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    """Entries as in `case:2024-117`."""
    batch_id: UUID | None = None
    created_after: dt.datetime | None = None
    """Not before this time."""
    created_before: dt.datetime | None = None

    @property
    def labels(self) -> list[bytes]:
        """What the jobs must be labelled with."""
        return [*map(tag_label, self.tags), *map(metadata_label, self.metadata)]


class JobList:
    """Pages of `gateway.jobs`, always of one tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def page(self, tenant_id: UUID, wanted: JobFilter, *, after: Cursor | None, limit: int) -> list[Job]:
        """The tenant's newest jobs of this kind, those after the cursor."""
        query = _Query(tenant_id)
        conditions = " and ".join(query.conditions(wanted, after))
        statement = f"""
            select {SHOWN} from {query.source} where {conditions}
            order by {query.first}.created_at desc, {query.first}.{query.id} desc limit {query.place(limit)}
        """
        return list(map(job_of, await patiently(self._planned(statement, query.values))))

    async def _planned(self, statement: str, values: Sequence[object]) -> list[asyncpg.Record]:
        """A plan for any values would not know which of two tags is the rare one, and look up every job with the other."""
        async with transaction(self._pool) as connection:
            await connection.execute("set local plan_cache_mode = force_custom_plan")
            rows: list[asyncpg.Record] = await connection.fetch(statement, *values)
            return rows


class _Query:
    """Only what is asked for stands in the statement, so that its plan can go by it; a filter that is there with `or` would
    keep the database from using its index. With labels, the list is theirs, and the jobs are looked up."""

    def __init__(self, tenant_id: UUID) -> None:
        self.values: list[object] = [tenant_id]
        self.source = "gateway.jobs job"
        self.first, self.id = "job", "id"

    def place(self, value: object) -> str:
        """The parameter that stands for a value."""
        self.values.append(value)
        return f"${len(self.values)}"

    def conditions(self, wanted: JobFilter, after: Cursor | None) -> Iterator[str]:
        """What must be true."""
        if labels := wanted.labels:
            self.first, self.id = "label0", "job_id"
            yield from self._labelled(labels)
        yield f"{self.first}.tenant_id = $1"
        if after is not None:
            cursor = f"({self.place(after.created_at)}, {self.place(after.id)})"
            yield f"({self.first}.created_at, {self.first}.{self.id}) < {cursor}"
        if wanted.created_after is not None:
            yield f"{self.first}.created_at >= {self.place(wanted.created_after)}"
        if wanted.created_before is not None:
            yield f"{self.first}.created_at < {self.place(wanted.created_before)}"
        yield from self._described(wanted)

    def _described(self, wanted: JobFilter) -> Iterator[str]:
        if wanted.batch_id is not None:
            yield f"job.batch_id = {self.place(wanted.batch_id)}"
        if wanted.state is not None:
            yield f"job.state = {self.place(wanted.state)}"
        if wanted.solution is not None:
            yield f"job.solution = {self.place(wanted.solution)}"
        if wanted.language is not None:
            yield f"job.spoken = {self.place(wanted.language.partition('-')[0])}"
            if "-" in wanted.language:
                place = self.place(wanted.language)
                yield f"(job.detected_language = {place} or starts_with(job.detected_language, {place} || '-'))"

    def _labelled(self, labels: list[bytes]) -> Iterator[str]:
        self.source = "gateway.job_labels label0"
        for number, label in enumerate(labels):
            if number:
                name = f"label{number}"
                self.source += f" join gateway.job_labels {name} using (tenant_id, created_at, job_id)"
            yield f"label{number}.label = {self.place(label)}"
        self.source += " join gateway.jobs job on job.tenant_id = label0.tenant_id and job.id = label0.job_id"
