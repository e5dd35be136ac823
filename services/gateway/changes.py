"""What customers change about a job without touching its work: its title, its tags and its metadata."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec
from msgspec import UNSET

from services.gateway.entity_tags import check_match
from services.gateway.jobs import Job
from services.gateway.problems import JOB_CHANGED, Problem, job_not_found
from services.gateway.requests import JobChange, checked_metadata, cleaned_lines
from services.gateway.store.changes import ChangeStore
from services.gateway.store.jobs import JobStore
from services.gateway.texts import clean_line
from services.gateway.wakeups import Wakeups

_ATTEMPTS = 5
"""News of the work may come between reading a job and changing it."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Makes them."""

    jobs: JobStore
    store: ChangeStore
    wakeups: Wakeups

    async def change(self, tenant_id: UUID, job_id: UUID, wish: JobChange, *, if_match: str | None) -> Job:
        """Change what is given, and leave the rest. Raises `Problem`."""
        for _ in range(_ATTEMPTS):
            job = await self.jobs.find(tenant_id, job_id)
            if job is None:
                raise job_not_found()
            check_match(if_match, job.version, code="job_changed", detail=JOB_CHANGED)
            again = _changed(job, wish)
            if again == job:
                return job
            if await self.store.change(job, again):
                self.wakeups.tell(tenant_id, job_id)
                return msgspec.structs.replace(again, version=job.version + 1)
        raise Problem(409, "job_changed", "The job is changing all the time; try again.", job_id=str(job_id))


def _changed(job: Job, wish: JobChange) -> Job:
    options = job.options
    if wish.title is not UNSET:
        options = msgspec.structs.replace(options, title=None if wish.title is None else clean_line(wish.title))
    return msgspec.structs.replace(
        job,
        options=options,
        tags=job.tags if wish.tags is UNSET else cleaned_lines("/tags", wish.tags),
        metadata=job.metadata if wish.metadata is UNSET else checked_metadata(wish.metadata),
    )
