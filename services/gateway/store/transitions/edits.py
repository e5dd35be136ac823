"""How the transcript of a completed job is edited."""

from __future__ import annotations

from services.gateway.audit import Action, entry_of
from services.gateway.jobs import Job
from services.gateway.store.revisions import Revision
from services.gateway.store.transitions.moves import TOUCH, Moves
from shared.schemas.events import Event, ReportReady


class Edits(Moves):
    """Revisions of a transcript, and the files that follow them."""

    async def revised(self, job: Job, revision: Revision, event: Event) -> bool:
        """The transcript of a completed job was edited, in the revision that `job` has. Of two at once, one comes too late."""
        return await self._move(
            f"""
            update gateway.jobs set {TOUCH}, revision = $8, revision_key = $9, search_at = now()
            where id = $4 and tenant_id = $5 and run = $6 and state = 'completed' and revision = $7
              and coalesce((options ->> 'attempt')::int, 1) = $14 and not removed ?| array['transcript', 'report']
            """,
            event,
            *(job.id, job.tenant_id, job.run, job.revision, revision.number, revision.key),
            *(revision.segments, revision.speakers, revision.restored, revision.created_at, job.options.attempt),
            also=""", revision as (
                insert into gateway.revisions (tenant_id, job_id, run, number, key, segments, speakers, restored, created_at)
                select $5, id, $6, $8, $9, $10, $11, $12, $13 from moved
            )""",
            entry=entry_of(
                Action.TRANSCRIPT_EDITED,
                job.tenant_id,
                job.id,
                before={"revision": job.revision},
                after={
                    "revision": revision.number,
                    "segments": revision.segments,
                    "speakers": revision.speakers,
                    "restored": revision.restored,
                },
            ),
        )

    async def rendered_anew(self, job: Job, report: ReportReady) -> bool:
        """The files of an edited transcript take the place of those before. The news of it counts once."""
        version = await self._pool.fetchval(
            f"""
            update gateway.jobs set {TOUCH}, artifacts = $5, report_event_id = $6, reported_revision = $4
            where id = $1 and tenant_id = $2 and run = $3 and state = 'completed' and revision = $4 and reported_revision < $4
            returning version
            """,
            *(job.id, job.tenant_id, job.run, report.revision, report.artifacts, report.event_id),
        )
        return version is not None
