"""How a job goes, or somebody's words in it."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from services.gateway.audit import Action, entry_of
from services.gateway.jobs import Job
from services.gateway.store.allowances import SETTLE
from services.gateway.store.minutes import RELEASE as RELEASE_MINUTES
from services.gateway.store.transitions.moves import STIRRED, TOUCH, Moves, facts
from shared.outbox import row_of
from shared.schemas.events import Event
from shared.schemas.jobs import JobState
from shared.schemas.privacy import Part


class SpeakerErasure(msgspec.Struct, frozen=True, kw_only=True):
    """The order to erase a person's words from a job."""

    id: UUID
    keys: tuple[str, ...]
    """The blobs that have to go."""
    segments: int
    speaker_id: str
    removed: dict[Part, dt.datetime]


class JobErasures(Moves):
    """What is erased, and the orders to empty the store of it."""

    async def erased(self, job: Job, event: Event, *, unless_changed: bool = False) -> bool:
        """The row goes; what may still lie in the store is remembered until it is gone. What language models were allowed for
        a report that was begun stays on the account, since nobody will tell what was used; so do the minutes of a recording
        that was begun. False when there is no such job, or, `unless_changed`, when it is not any more as `job` says."""
        settled = SETTLE.format(attempt="$6", when="not moved.transcribed", tokens=0, cost=0)
        return await self._move(
            """
            delete from gateway.jobs where id = $4 and tenant_id = $5 and ($7::int is null or version = $7)
            """,
            event,
            *(job.id, job.tenant_id, job.options.attempt, job.version if unless_changed else None),
            also=f""", upload as (delete from gateway.uploads using moved where uploads.id = moved.id),
            revisions as (delete from gateway.revisions using moved where job_id = moved.id),
            erasure as (insert into gateway.erasures (job_id, tenant_id) select $4, $5 from moved),
            ordered as (
                insert into gateway.erasure_orders (id, tenant_id, kind, job_id) select $4, $5, 'job', $4 from moved
                on conflict (id) do nothing
            ),
            {settled}, unsettled as (
                delete from gateway.llm_allowances using moved
                where job_id = moved.id and (moved.transcribed or attempt <> $6)
            ), {RELEASE_MINUTES.format(ended="true", unused="moved.state = 'queued'")}, {STIRRED}""",
            entry=entry_of(Action.JOB_DELETED, job.tenant_id, job.id, before=facts(job)),
        )

    async def speaker_erased(self, job: Job, again: Job, order: SpeakerErasure, submitted: Event, told: Event) -> bool:
        """Somebody's words go: the transcript without them takes the place of all there were, and everything that was made of
        the recording is made anew from it. Rounds leave the order to the request for a minute. False when the job changed
        meanwhile."""
        erased = row_of(told)
        return await self._move(
            f"""
            update gateway.jobs set {TOUCH}, state = 'reporting', options = $7, deadline_at = $8, finished_at = null,
                failure = null, revision = $9, revision_key = $10, reported_revision = 0, artifacts = '[]',
                report_progress = null, report_mode = null, report_model = null, report_usage = null,
                callback_state = null, callback_attempts = 0, callback_status = null,
                removed = removed - array['report'] || $11::jsonb, search_at = now()
            where id = $4 and tenant_id = $5 and run = $6 and revision = $12 and state = any($13::text[])
              and coalesce((options ->> 'attempt')::int, 1) = $14 and not removed ? 'transcript'
              and (state <> 'completed' or revision <= reported_revision)
            """,
            submitted,
            *(job.id, job.tenant_id, job.run, again.options, again.deadline_at, again.revision, again.revision_key),
            *(order.removed, job.revision, [state for state in JobState if state.final], job.options.attempt),
            *(order.id, order.keys, order.segments, erased.message_id, erased.routing_key, erased.payload, order.speaker_id),
            also=""", revisions as (
                delete from gateway.revisions using moved where job_id = moved.id
            ), passages as (
                delete from gateway.passages using moved where job_id = moved.id and place < 0
            ), revision as (
                insert into gateway.revisions (tenant_id, job_id, run, number, key, segments, speakers, created_at)
                select $5, id, $6, $9, $10, $17, 1, now() from moved
            ), told as (
                insert into gateway.outbox (message_id, routing_key, payload) select $18, $19, $20 from moved
            ), ordered as (
                insert into gateway.erasure_orders
                    (id, tenant_id, kind, job_id, run, keys, segments, speaker_id, document, next_at)
                select $15, $5, 'speaker', id, $6, $16, $17, $21, $10, now() + interval '1 minute' from moved
            )""",
            entry=entry_of(
                Action.SPEAKER_ERASED, job.tenant_id, job.id, after={"segments": order.segments, "revision": again.revision}
            ),
        )
