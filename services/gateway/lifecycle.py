"""What happens to jobs after their creation: news from the services, and what customers ask for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog

from services.gateway import announcements
from services.gateway.choosing import Choosing, refusal
from services.gateway.entity_tags import check_match
from services.gateway.hearing import heard_otherwise
from services.gateway.jobs import (
    Job,
    NothingToRetry,
    RetryPlan,
    all_failed,
    answers,
    begun_again,
    made_from,
    plan_retry,
    report_failure,
)
from services.gateway.problems import JOB_CHANGED, Problem, check_kept, job_not_found
from services.gateway.quotas.enforcing import Quotas, Taken
from services.gateway.quotas.refusals import too_long_for_plan
from services.gateway.requests import RetryRequest
from services.gateway.scenarios import check_findings, check_mode, checked_inputs, solution_of
from services.gateway.store.jobs import JobStore
from services.gateway.store.transitions import Transitions
from services.gateway.store.usage import UsageStore
from services.gateway.turns.releasing import Turns
from services.gateway.usage.records import of_report, of_transcription
from services.gateway.vocabularies import Vocabularies
from services.gateway.wakeups import Wakeups
from shared import metrics
from shared.blobs import BlobNotFound, BlobStore, BlobUnavailable, job_prefix, source_key, transcript_key
from shared.errors import NotNow
from shared.outbox import Outbox
from shared.schemas.events import (
    DeliveryFinished,
    ReportProgressed,
    ReportReady,
    TranscriptionProgressed,
    TranscriptionState,
    TranscriptReady,
)
from shared.schemas.jobs import LONGER_THAN_HELD, Failure, JobOptions, JobState
from shared.schemas.solutions import Solution
from shared.schemas.transcripts import Cost
from shared.solutions import Solutions

UNEXPLAINED = Failure(
    code="transcription_failed", message="The transcription failed without a reason; retry the job.", retryable=True
)
DEADLINE = Failure(
    code="deadline_exceeded",
    message="The job was not finished before its deadline; retry it, or ask the operator.",
    retryable=True,
)

log = structlog.get_logger(__name__)


class _Media(msgspec.Struct):
    duration_ms: int


class _Engine(msgspec.Struct):
    provider: str
    model: str
    cost: Cost | None = None
    charged_before: bool = False


class _TranscriptFacts(msgspec.Struct):
    """The part of a transcript that a job shows."""

    media: _Media
    engine: _Engine
    language: str | None


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """Reads a job, decides by `jobs.py`, writes through a guarded transition, and tells who waits."""

    jobs: JobStore
    transitions: Transitions
    blobs: BlobStore
    outbox: Outbox
    wakeups: Wakeups
    solutions: Solutions
    choosing: Choosing
    quotas: Quotas
    ledger: UsageStore
    turns: Turns
    vocabularies: Vocabularies
    deadline: dt.timedelta
    erased: Callable[[UUID, int], Awaitable[None]]
    """Notes how many blobs of a deleted job went."""
    ended: Callable[[], None]
    """Called when a job has ended, or is gone: its batch may have come to its end."""

    async def cancel(self, tenant_id: UUID, job_id: UUID) -> Job:
        """End a job that is not finished; cancelling twice is cancelling once. Raises `Problem`."""
        job = await self._find(tenant_id, job_id)
        if await self.transitions.cancelled(job, announcements.cancelled(job)):
            self._changed(job.tenant_id, job.id, JobState.CANCELLED)
            return await self._find(tenant_id, job_id)
        job = await self._find(tenant_id, job_id)
        if job.state is not JobState.CANCELLED:
            raise Problem(409, "job_final", f"The job is {job.state} and cannot be cancelled any more.")
        return job

    async def retry(self, tenant_id: UUID, job_id: UUID, wishes: RetryRequest) -> Job:
        """Begin a finished job again, where it broke off, or make another report of its transcript. Raises `Problem`."""
        job = await self._find(tenant_id, job_id)
        if not job.state.final:
            raise Problem(409, "job_not_final", f"The job is still {job.state}; wait for its end, or cancel it first.")
        if job.revising:
            raise Problem(409, "job_revising", "The files of the edited transcript are being made; wait for their end.")
        solution = self._solution(job, wishes)
        wanted = await self._with_vocabularies(_wanted(job, wishes, solution), job, wishes)
        try:
            usual = () if solution is None else solution.artifacts
            plan = plan_retry(job, wanted, formats=wishes.formats, usual=usual, asked_anew=wishes.another_report)
        except NothingToRetry:
            detail = "The job is completed and has every artifact; ask for other formats, another engine or another solution."
            raise Problem(409, "nothing_to_retry", detail) from None
        check_kept(job.removed, made_from(plan.state))
        deadline_at = dt.datetime.now(dt.UTC) + self.deadline
        again = begun_again(job, plan, deadline_at=deadline_at)
        again, taken = await self._equipped(again, solution, plan)
        turn = self.turns.room.turn(again, await self.quotas.most_at_once(tenant_id), now=dt.datetime.now(dt.UTC))
        if not await self.transitions.retried(job, again, plan.state, announcements.submitted(again), turn):
            await self.quotas.give_back(taken)
            raise Problem(409, "job_changed", "The job changed meanwhile; look at it and try again.")
        self._changed(job.tenant_id, job.id, plan.state)
        return await self._find(tenant_id, job_id)

    async def another_report(self, job: Job) -> tuple[Job, Taken]:
        """The job as it begins another report in the same run, with what language models may be asked for it: nothing where
        what the tenant may use is used up, which keeps nobody from it."""
        options = msgspec.structs.replace(job.options, attempt=job.options.attempt + 1, llm=None)
        again = msgspec.structs.replace(job, options=options, deadline_at=dt.datetime.now(dt.UTC) + self.deadline)
        plan = RetryPlan(state=JobState.REPORTING, run=job.run, options=options)
        try:
            return await self._equipped(again, self._solution(job, RetryRequest()), plan)
        except Problem:
            return again, Taken()

    async def erase(self, tenant_id: UUID, job_id: UUID, *, if_match: str | None = None) -> None:
        """Delete a job, in the version that the requester knows, and everything about it. Raises `Problem`. The sweeper looks
        again until nothing is left."""
        job, gone = await self._find(tenant_id, job_id), False
        while not gone:
            check_match(if_match, job.version, code="job_changed", detail=JOB_CHANGED)
            gone = await self.transitions.erased(job, announcements.erased(job), unless_changed=if_match not in (None, "*"))
            if not gone:
                job = await self._find(tenant_id, job_id)
        self._changed(job.tenant_id, job.id, None)
        self.turns.wake()
        self.ended()
        log.info("job.erased", tenant_id=str(tenant_id), job_id=str(job_id))
        try:
            await self.erased(job_id, await self.blobs.delete_prefix(job_prefix(tenant_id, job_id)))
        except BlobUnavailable as error:
            log.warning("job.erasure_postponed", tenant_id=str(tenant_id), job_id=str(job_id), error=str(error))

    async def progressed(self, news: TranscriptionProgressed) -> None:
        """The transcriber tells how far it is, or that it gave up."""
        if news.state is TranscriptionState.FAILED:
            job = await self.jobs.find(news.tenant_id, news.job_id)
            if job is not None and job.run == news.run and not job.transcribed:
                await self._untranscribed(job, news.failure or UNEXPLAINED, news.duration_ms)
        elif news.state is not TranscriptionState.CANCELLED:
            moved = await self.transitions.progressed(news)
            if moved is not None:
                self._changed(news.tenant_id, news.job_id, moved.after if moved.after is not moved.before else None)

    async def transcribed(self, news: TranscriptReady) -> None:
        """The transcript of a run is stored."""
        job = await self.jobs.find(news.tenant_id, news.job_id)
        if job is None or job.run != news.run:
            return
        state = await self._transcribed(
            job,
            engine=news.engine,
            model=news.model,
            language=news.language,
            duration_ms=news.duration_ms,
            cost=news.cost,
            charged_before=news.charged_before,
        )
        if state is not None:
            self._changed(job.tenant_id, job.id, state if state is JobState.REPORTING else None)

    async def report_progressed(self, news: ReportProgressed) -> None:
        """The reporter tells how far it is."""
        if await self.transitions.report_progressed(news):
            self._changed(news.tenant_id, news.job_id, None)

    async def reported(self, news: ReportReady) -> None:
        """The report of a run is rendered: the job is completed, or failed when nothing could be."""
        job = await self.jobs.find(news.tenant_id, news.job_id)
        if job is None or job.run != news.run or not answers(job, news):
            return
        if job.revising:
            if await self.transitions.rendered_anew(job, news):
                self._changed(job.tenant_id, job.id, None)
        elif job.state.final:
            await self.quotas.allowances.used(job, news.usage)
            if (record := of_report(job, news)) is not None:
                await self.ledger.add(record)
        else:
            await self._end(job if job.transcribed else await self._catch_up(job), news)

    async def _untranscribed(self, job: Job, failure: Failure, duration_ms: int | None) -> None:
        """End a job, unless it was only longer than what was held for it: then it begins anew with what it needs."""
        if failure.code != LONGER_THAN_HELD or duration_ms is None or job.state.final:
            await self.fail(job, failure)
        elif (plan := await self.quotas.extend(job, duration_ms)) is not None:
            await self.fail(job, too_long_for_plan(plan, duration_ms=duration_ms))
        else:
            options = msgspec.structs.replace(job.options, audio_limit_ms=duration_ms)
            again = msgspec.structs.replace(job, run=job.run + 1, options=options)
            if not await self.transitions.retried(job, again, JobState.QUEUED, announcements.submitted(again), None):
                raise NotNow("The job changed while it was to begin anew with all of the minutes that it needs.")
            self._changed(job.tenant_id, job.id, JobState.QUEUED)

    async def _end(self, job: Job, news: ReportReady) -> None:
        now = dt.datetime.now(dt.UTC)
        if all_failed(news.artifacts):
            failure = report_failure(news.artifacts)
            event = announcements.failed(job, failure, at=now)
            if await self.transitions.failed(job, event, failure, report=news, record=of_report(job, news)):
                self._changed(job.tenant_id, job.id, JobState.FAILED)
        else:
            completed = announcements.completed(job, news.artifacts, at=now)
            if await self.transitions.completed(job, completed, report=news, record=of_report(job, news)):
                self._changed(job.tenant_id, job.id, JobState.COMPLETED)

    async def delivered(self, news: DeliveryFinished) -> None:
        """The webhook went out, or was given up."""
        if await self.transitions.delivered(news):
            self._changed(news.tenant_id, news.job_id, None)

    async def fail(self, job: Job, failure: Failure) -> bool:
        """End a job with its reason; whether it was still to be ended."""
        event = announcements.failed(job, failure, at=dt.datetime.now(dt.UTC))
        failed = await self.transitions.failed(job, event, failure)
        if failed:
            self._changed(job.tenant_id, job.id, JobState.FAILED)
            log.warning("job.failed", tenant_id=str(job.tenant_id), job_id=str(job.id), run=job.run, code=failure.code)
        return failed

    async def _transcribed(
        self,
        job: Job,
        *,
        engine: str,
        model: str,
        language: str | None,
        duration_ms: int,
        cost: Cost | None,
        charged_before: bool,
    ) -> JobState | None:
        """Take what a transcript says into the job and into the ledger. The size of a recording from a URL is known now."""
        size = job.source_size
        if size is None:
            with suppress(BlobNotFound):
                size = (await self.blobs.info(source_key(job.tenant_id, job.id))).size
        if charged_before:  # Its news may not have come here, as when the job had been retried meanwhile.
            charged_before = await self.ledger.knows_transcript(job.tenant_id, job.id, engine=engine, before=job.run)
        record = of_transcription(
            job,
            engine=engine,
            model=model,
            duration_ms=duration_ms,
            size=size,
            cost=cost,
            charged_before=charged_before,
        )
        return await self.transitions.transcribed(
            job,
            engine=engine,
            model=model,
            language=language,
            duration_ms=duration_ms,
            size=size,
            cost=cost,
            charged_before=charged_before,
            record=record,
        )

    async def _catch_up(self, job: Job) -> Job:
        """`report.ready` overtook `transcript.ready`: take what that would have said from the transcript itself."""
        try:
            data = await self.blobs.get(transcript_key(job.tenant_id, job.id, job.run))
        except BlobNotFound:
            return job
        facts = msgspec.json.decode(data, type=_TranscriptFacts)
        await self._transcribed(
            job,
            engine=facts.engine.provider,
            model=facts.engine.model,
            language=facts.language,
            duration_ms=facts.media.duration_ms,
            cost=facts.engine.cost,
            charged_before=facts.engine.charged_before,
        )
        return await self.jobs.find(job.tenant_id, job.id) or job

    def _solution(self, job: Job, wishes: RetryRequest) -> Solution | None:
        """The one wished for, or the job's, unless the installation no longer has it."""
        if wishes.solution is not None:
            return solution_of(self.solutions, wishes.solution)
        return self.solutions.get(job.options.solution)

    async def _with_vocabularies(self, options: JobOptions, job: Job, wishes: RetryRequest) -> JobOptions:
        """With the sets that are wished for, as they are now; those that the job has kept, where none are. Raises `Problem`."""
        if wishes.vocabularies is None:
            return options
        sets = await self.vocabularies.for_job(job.tenant_id, wishes.vocabularies, None)
        return msgspec.structs.replace(options, vocabularies=sets)

    async def _equipped(self, job: Job, solution: Solution | None, plan: RetryPlan) -> tuple[Job, Taken]:
        """The job with what it may use now. Raises `Problem` where it cannot be done."""
        choice, transcribes = await self.choosing.choice(job.tenant_id), plan.state is JobState.QUEUED
        if transcribes:
            job = await self.quotas.check(job, choice)
            if problem := refusal(job.options, choice, size=job.source_size):
                raise problem
        check_findings(job.options, choice)
        return await self.quotas.take(job, solution, choice, size=job.source_size, transcribes=transcribes)

    async def _find(self, tenant_id: UUID, job_id: UUID) -> Job:
        job = await self.jobs.find(tenant_id, job_id)
        if job is None:
            raise job_not_found()
        return job

    def _changed(self, tenant_id: UUID, job_id: UUID, entered: JobState | None) -> None:
        self.wakeups.tell(tenant_id, job_id)
        self.outbox.wake()
        if entered is not None:
            metrics.JOBS.labels(entered).inc()
            if entered.final or entered is JobState.QUEUED:
                self.turns.wake()
            if entered.final:
                self.ended()


def _wanted(job: Job, wishes: RetryRequest, solution: Solution | None) -> JobOptions:
    """The job's options with what is to be different, formats aside. Raises `Problem` for what the solution does not have."""
    options = heard_otherwise(job.options, wishes)
    if solution is None or not wishes.another_report:
        return options
    check_mode(solution, wishes.report_mode)
    mode = wishes.report_mode or options.report_mode
    known = {one.id for one in solution.inputs}
    kept = {name: value for name, value in options.inputs.items() if name in known}
    return msgspec.structs.replace(
        options,
        solution=solution.id,
        report_language=wishes.report_language or options.report_language,
        report_mode=mode if mode in solution.writers else None,
        inputs=checked_inputs(solution, kept if wishes.inputs is None else wishes.inputs),
    )
