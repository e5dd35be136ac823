"""The moves of jobs: guarded updates, each with its event in the same statement.

No row back means that somebody else was there first or that the news is old; the caller leaves it at that.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from services.gateway.audit import Action, Fact, entry_of
from services.gateway.jobs import Job, made_anew, made_from, overtaken, sources
from services.gateway.store import patiently
from services.gateway.store.allowances import SETTLE, amount_of
from services.gateway.store.audit import noting
from services.gateway.store.jobs import Turn
from services.gateway.store.minutes import RELEASE as RELEASE_MINUTES
from services.gateway.store.minutes import SETTLE as SETTLE_MINUTES
from services.gateway.store.revisions import Revision
from services.gateway.store.usage import UsageRecord, recording
from shared.database import Pool
from shared.outbox import row_of
from shared.schemas.events import DeliveryFinished, Event, ReportProgressed, ReportReady, TranscriptionProgressed
from shared.schemas.jobs import Failure, JobState
from shared.schemas.privacy import Part
from shared.schemas.transcripts import Cost

_STIRRED = "batch as (update gateway.batches b set due = true from moved where b.tenant_id = $5 and b.id = moved.batch_id)"
"""What happened to a job may be the end of its batch."""

_TOUCH = "version = version + 1, updated_at = now(), announced = 0"


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """From which state to which, perhaps the same."""

    before: JobState
    after: JobState


class SpeakerErasure(msgspec.Struct, frozen=True, kw_only=True):
    """The order to erase a person's words from a job."""

    id: UUID
    keys: tuple[str, ...]
    """The blobs that have to go."""
    segments: int
    speaker_id: str
    removed: dict[Part, dt.datetime]


class Transitions:
    """Every way in which a row of `gateway.jobs` changes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def progressed(self, news: TranscriptionProgressed) -> Moved | None:
        """Forward inside one run: a later state, or more progress in the same. What it waits for, the newest news says."""
        row = await self._pool.fetchrow(
            f"""
            update gateway.jobs job set {_TOUCH},
                state = case when old.forward and $4 <> 'queued' then 'transcribing' else job.state end,
                transcription_state = case when old.forward then $4 else job.transcription_state end,
                transcription_progress = case when old.forward then coalesce($5, job.transcription_progress)
                    else job.transcription_progress end,
                engine = $6, duration_ms = coalesce($7, job.duration_ms),
                transcription_waiting = case when old.newest then $9 else job.transcription_waiting end,
                transcription_told_at = greatest(job.transcription_told_at, $10),
                began_at = case when old.forward and $4 <> 'queued' then coalesce(job.began_at, now()) else job.began_at end
            from (
                select id, state, forward, newest from gateway.jobs cross join lateral (
                    select transcription_state = any($8::text[])
                               or transcription_state = $4 and coalesce($5 > coalesce(transcription_progress, -1), false),
                           coalesce(transcription_told_at < $10, true)
                ) as compared (forward, newest)
                where id = $1 and tenant_id = $2 and run = $3 and state in ('queued', 'transcribing') and (forward or newest)
                for update of jobs
            ) old
            where job.id = old.id
            returning old.state as before, job.state as after
            """,
            *(news.job_id, news.tenant_id, news.run, news.state, news.progress, news.engine, news.duration_ms),
            *(overtaken(news.state), news.waiting, news.occurred_at),
        )
        return None if row is None else msgspec.convert(dict(row), Moved)

    async def transcribed(
        self,
        job: Job,
        *,
        engine: str,
        model: str,
        language: str | None,
        duration_ms: int,
        size: int | None,
        cost: Cost | None,
        charged_before: bool,
        record: UsageRecord,
    ) -> JobState | None:
        """The transcript of the run is stored, and what it cost is on the account. Known even to a job that ended, whose retry
        then need not pay again. What was charged before takes none of the month's minutes."""
        charged = SETTLE_MINUTES.format(run="$3", tenant="$2", ms="$12")
        state = await self._pool.fetchval(
            f"""
            with moved as (
                update gateway.jobs set {_TOUCH}, state = case when state = any($4::text[]) then 'reporting' else state end,
                    transcribed_run = run, transcription_state = 'done', transcription_progress = 1, report_progress = null,
                    search_at = now(), transcribed_at = now(),
                    engine = $5, model = $6, detected_language = $7, duration_ms = $8::bigint, cost = $9,
                    source_size = coalesce(source_size, $10)
                where id = $1 and tenant_id = $2 and run = $3 and transcribed_run is distinct from run
                returning id, state
            ), {charged}, {recording("moved", 11)}
            select state from moved
            """,
            *(job.id, job.tenant_id, job.run, sources(JobState.REPORTING), engine, model, language, duration_ms, cost),
            *(size, record, 0 if charged_before else duration_ms),
        )
        return None if state is None else JobState(state)

    async def report_progressed(self, news: ReportProgressed) -> bool:
        """Forward inside one attempt at the report. Whether it was news."""
        version = await self._pool.fetchval(
            f"""
            update gateway.jobs set {_TOUCH}, report_progress = $5
            where id = $1 and tenant_id = $2 and run = $3 and state = 'reporting'
              and coalesce((options ->> 'attempt')::int, 1) = $4 and $5 > coalesce(report_progress, -1)
            returning version
            """,
            *(news.job_id, news.tenant_id, news.run, news.attempt, news.progress),
        )
        return version is not None

    async def completed(self, job: Job, event: Event, *, report: ReportReady, record: UsageRecord | None = None) -> bool:
        """The report of the run is rendered; the news of it counts once."""
        return await self._end(job, JobState.COMPLETED, event, report=report, record=record)

    async def failed(
        self,
        job: Job,
        event: Event,
        failure: Failure,
        *,
        report: ReportReady | None = None,
        record: UsageRecord | None = None,
    ) -> bool:
        """The run came to nothing; a report that failed shows its artifacts' reasons."""
        return await self._end(job, JobState.FAILED, event, failure=failure, report=report, record=record)

    async def cancelled(self, job: Job, event: Event) -> bool:
        """The customer wants no more of it."""
        after = {"state": JobState.CANCELLED.value}
        entry = entry_of(Action.JOB_CANCELLED, job.tenant_id, job.id, before=_facts(job), after=after)
        return await self._end(job, JobState.CANCELLED, event, entry=entry)

    async def retried(self, job: Job, again: Job, state: JobState, event: Event, turn: Turn | None) -> bool:
        """A job that ended begins again, as `again`; one that is to be transcribed again may have to wait for its `turn`; null
        leaves it in the place that it has. What it has is kept until something newer replaces it."""
        return await self._move(
            f"""
            update gateway.jobs set {_TOUCH}, state = $8, run = $9,
                options = $10::jsonb || jsonb_build_object('title', options -> 'title'), deadline_at = $11,
                finished_at = null, failure = null, callback_state = null, callback_attempts = 0, callback_status = null,
                transcription_state = case when run = $9 then transcription_state else 'queued' end,
                transcription_progress = case when run = $9 then transcription_progress end,
                transcription_waiting = null, transcription_told_at = null, report_progress = null,
                began_at = case when run = $9 then began_at end, transcribed_at = case when run = $9 then transcribed_at end,
                revision = $14, revision_key = $15, reported_revision = $16, removed = removed - $17::text[],
                turn_at = case when $8 <> 'queued' or $19::timestamptz is null then null
                    when start_after > now() then $19::timestamptz
                    when $20::int is null and $21::int is null or gateway.may_start($5, $20, $21) then null
                    else $19 end
            where id = $4 and tenant_id = $5 and run = $6 and state = $7 and coalesce((options ->> 'attempt')::int, 1) = $12
              and revision = $13 and not removed ? $18
            """,
            event,
            *(job.id, job.tenant_id, job.run, job.state, state, again.run, again.options, again.deadline_at),
            *(job.options.attempt, job.revision, again.revision, again.revision_key, again.reported_revision),
            *(sorted(made_anew(state)), made_from(state)),
            *(turn and turn.at, turn and turn.each, turn and turn.whole),
            unless_waiting=True,
            entry=entry_of(
                Action.JOB_RETRIED, job.tenant_id, job.id, before=_facts(job), after=_facts(again) | {"state": state.value}
            ),
        )

    async def revised(self, job: Job, revision: Revision, event: Event) -> bool:
        """The transcript of a completed job was edited, in the revision that `job` has. Of two at once, one comes too late."""
        return await self._move(
            f"""
            update gateway.jobs set {_TOUCH}, revision = $8, revision_key = $9, search_at = now()
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
            update gateway.jobs set {_TOUCH}, artifacts = $5, report_event_id = $6, reported_revision = $4
            where id = $1 and tenant_id = $2 and run = $3 and state = 'completed' and revision = $4 and reported_revision < $4
            returning version
            """,
            *(job.id, job.tenant_id, job.run, report.revision, report.artifacts, report.event_id),
        )
        return version is not None

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
            ), {RELEASE_MINUTES.format(ended="true", unused="moved.state = 'queued'")}, {_STIRRED}""",
            entry=entry_of(Action.JOB_DELETED, job.tenant_id, job.id, before=_facts(job)),
        )

    async def speaker_erased(self, job: Job, again: Job, order: SpeakerErasure, submitted: Event, told: Event) -> bool:
        """Somebody's words go: the transcript without them takes the place of all there were, and everything that was made of
        the recording is made anew from it. Rounds leave the order to the request for a minute. False when the job changed
        meanwhile."""
        erased = row_of(told)
        return await self._move(
            f"""
            update gateway.jobs set {_TOUCH}, state = 'reporting', options = $7, deadline_at = $8, finished_at = null,
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

    async def delivered(self, news: DeliveryFinished) -> bool:
        """The last delivery of the run counts, by the notifier's clock."""
        version = await self._pool.fetchval(
            f"""
            update gateway.jobs set {_TOUCH},
                callback_state = $4, callback_attempts = $5, callback_status = $6, callback_at = $7
            where id = $1 and tenant_id = $2 and run = $3 and callback_url is not null
              and (callback_at is null or callback_at < $7)
            returning version
            """,
            *(news.job_id, news.tenant_id, news.run, news.state, news.attempts, news.status, news.occurred_at),
        )
        return version is not None

    async def _end(
        self,
        job: Job,
        state: JobState,
        event: Event,
        *,
        failure: Failure | None = None,
        report: ReportReady | None = None,
        record: UsageRecord | None = None,
        entry: str | None = None,
    ) -> bool:
        """What language models used takes the place of what they were allowed; they were not asked before the transcript."""
        used = amount_of(None if report is None else report.usage)
        settled = SETTLE.format(
            attempt="$15", when="($10::uuid is not null or not moved.transcribed)", tokens="$16", cost="$17"
        )
        return await self._move(
            f"""
            update gateway.jobs set {_TOUCH}, state = $7, finished_at = now(), failure = $9, turn_at = null,
                report_event_id = coalesce($10::uuid, report_event_id),
                artifacts = case when $10::uuid is null then artifacts else $11 end,
                report_mode = case when $10::uuid is null then report_mode else $12 end,
                report_model = case when $10::uuid is null then report_model else $13 end,
                report_usage = case when $10::uuid is null then report_usage else $14 end,
                reported_revision = case when $10::uuid is null then reported_revision else $18 end
            where id = $4 and tenant_id = $5 and run = $6 and state = any($8::text[])
              and ($10::uuid is null or report_event_id is distinct from $10)
            """,
            event,
            *(job.id, job.tenant_id, job.run, state, sources(state), failure),
            *(report and report.event_id, report.artifacts if report else ()),
            *(report and report.mode, report and report.model, report and report.usage),
            *(job.options.attempt, used.tokens, used.cost_usd, report.revision if report else 0),
            *(record,),
            also=f""", {settled}, {RELEASE_MINUTES.format(ended="not moved.transcribed", unused="true")},
            {recording("moved", 19)}, {_STIRRED}""",
            entry=entry,
        )

    async def _move(
        self,
        change: str,
        event: Event,
        *arguments: object,
        also: str = "",
        entry: str | None = None,
        unless_waiting: bool = False,
    ) -> bool:
        """Run the change (whose parameters start at $4). When it changed a row, put the event into the outbox (unless the job
        now waits for its turn), and the entry into the audit log."""
        row = row_of(event)
        told = "turn_at is null" if unless_waiting else "true"
        if entry is not None:
            also += f", {noting('moved', 4 + len(arguments))}"
            arguments = (*arguments, entry)
        moved = await patiently(
            self._pool.fetchval(
                f"""
                with moved as (
                    {change} returning id, state, transcribed_run is not distinct from run as transcribed, turn_at, batch_id
                ), event as (
                    insert into gateway.outbox (message_id, routing_key, payload)
                    select $1, $2, $3 from moved where {told}
                ){also}
                select id from moved
                """,
                *(row.message_id, row.routing_key, row.payload),
                *arguments,
            )
        )
        return moved is not None


def _facts(job: Job) -> dict[str, Fact]:
    """What the audit log keeps of a job."""
    options = job.options
    return {"state": job.state.value, "run": job.run, "solution": options.solution, "engine": options.engine}
