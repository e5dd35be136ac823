"""Changes of what a job is called and sorted by, whatever its work is at."""

from __future__ import annotations

from uuid import UUID

from services.gateway.audit import Action, Fact, entry_of
from services.gateway.jobs import Job
from services.gateway.labels import labels_of
from services.gateway.store import patiently
from services.gateway.store.audit import noting
from shared.database import Pool

_CHANGE = f"""
    with changed as (
        update gateway.jobs set version = version + 1, updated_at = now(), search_at = now(),
            options = options || jsonb_build_object('title', $4::text), tags = $5, metadata = $6
        where tenant_id = $1 and id = $2 and version = $3 returning id, tenant_id, created_at
    ), former as (
        delete from gateway.job_labels l using changed where l.job_id = changed.id and l.label <> all($7::bytea[])
    ), present as (
        insert into gateway.job_labels (tenant_id, label, created_at, job_id)
        select tenant_id, label, created_at, id from changed, unnest($7::bytea[]) as label on conflict do nothing
    ), {noting("changed", 8)}
    select id from changed
"""


class ChangeStore:
    """Writes them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def change(self, job: Job, again: Job) -> bool:
        """Write title, tags and metadata of the job as it is to be; False when it changed meanwhile."""
        entry = entry_of(Action.JOB_CHANGED, job.tenant_id, job.id, before=_facts(job), after=_facts(again))
        changed: UUID | None = await patiently(
            self._pool.fetchval(
                _CHANGE,
                *(job.tenant_id, job.id, job.version, again.options.title, list(again.tags), again.metadata),
                *(labels_of(again.tags, again.metadata), entry),
            )
        )
        return changed is not None


def _facts(job: Job) -> dict[str, Fact]:
    """What the audit log keeps: which entries of the metadata there are, and not what they say."""
    return {"title": job.options.title, "tags": job.tags, "metadata": tuple(sorted(job.metadata))}
