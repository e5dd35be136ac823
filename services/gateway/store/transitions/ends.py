"""How a job ends, and begins again."""

from __future__ import annotations

from services.gateway.audit import Action, entry_of
from services.gateway.jobs import Job, sources
from services.gateway.retrying import made_anew, made_from
from services.gateway.store.allowances import SETTLE, amount_of
from services.gateway.store.jobs import Turn
from services.gateway.store.minutes import RELEASE as RELEASE_MINUTES
from services.gateway.store.transitions.moves import STIRRED, TOUCH, Moves, facts
from services.gateway.store.usage import UsageRecord, recording
from shared.schemas.events import Event, ReportReady
from shared.schemas.jobs import Failure, JobState


class Ends(Moves):
    """The end of a run, and the beginning of the next."""

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
        entry = entry_of(Action.JOB_CANCELLED, job.tenant_id, job.id, before=facts(job), after=after)
        return await self._end(job, JobState.CANCELLED, event, entry=entry)

    async def retried(self, job: Job, again: Job, state: JobState, event: Event, turn: Turn | None) -> bool:
        """A job that ended begins again, as `again`; one that is to be transcribed again may have to wait for its `turn`; null
        leaves it in the place that it has. What it has is kept until something newer replaces it."""
        return await self._move(
            f"""
            update gateway.jobs set {TOUCH}, state = $8, run = $9,
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
                Action.JOB_RETRIED, job.tenant_id, job.id, before=facts(job), after=facts(again) | {"state": state.value}
            ),
        )

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
            update gateway.jobs set {TOUCH}, state = $7, finished_at = now(), failure = $9, turn_at = null,
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
            {recording("moved", 19)}, {STIRRED}""",
            entry=entry,
        )
