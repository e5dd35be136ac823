"""What the transcriber, the reporter and the notifier tell of a job."""

from __future__ import annotations

import msgspec

from services.gateway.jobs import Heard, Job, overtaken, sources
from services.gateway.store.minutes import SETTLE as SETTLE_MINUTES
from services.gateway.store.transitions.moves import TOUCH, Moves
from services.gateway.store.usage import UsageRecord, recording
from shared.schemas.events import DeliveryFinished, ReportProgressed, TranscriptionProgressed
from shared.schemas.jobs import JobState


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """From which state to which, perhaps the same."""

    before: JobState
    after: JobState


class Progress(Moves):
    """News of a run."""

    async def progressed(self, news: TranscriptionProgressed) -> Moved | None:
        """Forward inside one run: a later state, or more progress in the same. What it waits for, the newest news says."""
        row = await self._pool.fetchrow(
            f"""
            update gateway.jobs job set {TOUCH},
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

    async def transcribed(self, job: Job, heard: Heard, record: UsageRecord) -> JobState | None:
        """The transcript of the run is stored, and what it cost is on the account. Known even to a job that ended, whose retry
        then need not pay again. What was charged before takes none of the month's minutes."""
        charged = SETTLE_MINUTES.format(run="$3", tenant="$2", ms="$12")
        state = await self._pool.fetchval(
            f"""
            with moved as (
                update gateway.jobs set {TOUCH}, state = case when state = any($4::text[]) then 'reporting' else state end,
                    transcribed_run = run, transcription_state = 'done', transcription_progress = 1, report_progress = null,
                    search_at = now(), transcribed_at = now(),
                    engine = $5, model = $6, detected_language = $7, duration_ms = $8::bigint, cost = $9,
                    source_size = coalesce(source_size, $10)
                where id = $1 and tenant_id = $2 and run = $3 and transcribed_run is distinct from run
                returning id, state
            ), {charged}, {recording("moved", 11)}
            select state from moved
            """,
            *(job.id, job.tenant_id, job.run, sources(JobState.REPORTING), heard.engine, heard.model, heard.language),
            *(heard.duration_ms, heard.cost, heard.size, record, 0 if heard.charged_before else heard.duration_ms),
        )
        return None if state is None else JobState(state)

    async def report_progressed(self, news: ReportProgressed) -> bool:
        """Forward inside one attempt at the report. Whether it was news."""
        version = await self._pool.fetchval(
            f"""
            update gateway.jobs set {TOUCH}, report_progress = $5
            where id = $1 and tenant_id = $2 and run = $3 and state = 'reporting'
              and coalesce((options ->> 'attempt')::int, 1) = $4 and $5 > coalesce(report_progress, -1)
            returning version
            """,
            *(news.job_id, news.tenant_id, news.run, news.attempt, news.progress),
        )
        return version is not None

    async def delivered(self, news: DeliveryFinished) -> bool:
        """The last delivery of the run counts, by the notifier's clock."""
        version = await self._pool.fetchval(
            f"""
            update gateway.jobs set {TOUCH},
                callback_state = $4, callback_attempts = $5, callback_status = $6, callback_at = $7
            where id = $1 and tenant_id = $2 and run = $3 and callback_url is not null
              and (callback_at is null or callback_at < $7)
            returning version
            """,
            *(news.job_id, news.tenant_id, news.run, news.state, news.attempts, news.status, news.occurred_at),
        )
        return version is not None
