"""What customers ask for about jobs that are there, and how a job fails."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog

from services.gateway import announcements
from services.gateway.choosing import Choosing, refusal
from services.gateway.entity_tags import check_match
from services.gateway.hearing import heard_otherwise
from services.gateway.jobs import Job
from services.gateway.problems import JOB_CHANGED, Problem, check_kept, job_not_found
from services.gateway.quotas.enforcing import Quotas, Taken
from services.gateway.requests import RetryRequest
from services.gateway.retrying import NothingToRetry, RetryPlan, begun_again, made_from, plan_retry
from services.gateway.scenarios import check_findings, check_mode, checked_inputs, solution_of
from services.gateway.store.jobs import JobStore
from services.gateway.store.transitions import Transitions
from services.gateway.turns.releasing import Turns
from services.gateway.vocabularies import Vocabularies
from services.gateway.wakeups import Wakeups
from shared import metrics
from shared.blobs import BlobStore, BlobUnavailable, job_prefix
from shared.outbox import Outbox
from shared.schemas.jobs import Failure, JobOptions, JobState
from shared.schemas.solutions import Solution
from shared.solutions import Solutions

DEADLINE = Failure(
    code="deadline_exceeded",
    message="The job was not finished before its deadline; retry it, or ask the operator.",
    retryable=True,
)

log = structlog.get_logger(__name__)


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
            self.changed(job.tenant_id, job.id, JobState.CANCELLED)
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
        self.changed(job.tenant_id, job.id, plan.state)
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
        self.changed(job.tenant_id, job.id, None)
        self.turns.wake()
        self.ended()
        log.info("job.erased", tenant_id=str(tenant_id), job_id=str(job_id))
        try:
            await self.erased(job_id, await self.blobs.delete_prefix(job_prefix(tenant_id, job_id)))
        except BlobUnavailable as error:
            log.warning("job.erasure_postponed", tenant_id=str(tenant_id), job_id=str(job_id), error=str(error))

    async def fail(self, job: Job, failure: Failure) -> bool:
        """End a job with its reason; whether it was still to be ended."""
        event = announcements.failed(job, failure, at=dt.datetime.now(dt.UTC))
        failed = await self.transitions.failed(job, event, failure)
        if failed:
            self.changed(job.tenant_id, job.id, JobState.FAILED)
            log.warning("job.failed", tenant_id=str(job.tenant_id), job_id=str(job.id), run=job.run, code=failure.code)
        return failed

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

    def changed(self, tenant_id: UUID, job_id: UUID, entered: JobState | None) -> None:
        """Tell whoever waits for a job, or for what it leaves, of a change that is committed; `entered` is a new state."""
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
