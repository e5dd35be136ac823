"""What the other services tell about jobs: how far they are, and what came of them. Repeats and old news change nothing."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from services.gateway import announcements
from services.gateway.jobs import Heard, Job, all_failed, answers, report_failure
from services.gateway.lifecycle import Lifecycle
from services.gateway.quotas.enforcing import Quotas
from services.gateway.quotas.refusals import too_long_for_plan
from services.gateway.store.jobs import JobStore
from services.gateway.store.transitions import Transitions
from services.gateway.store.usage import UsageStore
from services.gateway.usage.records import of_report, of_transcription
from shared.blobs import BlobNotFound, BlobStore, source_key, transcript_key
from shared.errors import NotNow
from shared.schemas.events import (
    DeliveryFinished,
    ReportProgressed,
    ReportReady,
    TranscriptionProgressed,
    TranscriptionState,
    TranscriptReady,
)
from shared.schemas.jobs import LONGER_THAN_HELD, Failure, JobState
from shared.schemas.transcripts import Cost

UNEXPLAINED = Failure(
    code="transcription_failed", message="The transcription failed without a reason; retry the job.", retryable=True
)


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
class News:
    """Reads a job, decides by `jobs.py`, and writes through a guarded transition."""

    jobs: JobStore
    transitions: Transitions
    blobs: BlobStore
    quotas: Quotas
    ledger: UsageStore
    lifecycle: Lifecycle

    async def progressed(self, news: TranscriptionProgressed) -> None:
        """The transcriber tells how far it is, or that it gave up."""
        if news.state is TranscriptionState.FAILED:
            job = await self.jobs.find(news.tenant_id, news.job_id)
            if job is not None and job.run == news.run and not job.transcribed:
                await self._untranscribed(job, news.failure or UNEXPLAINED, news.duration_ms)
        elif news.state is not TranscriptionState.CANCELLED:
            moved = await self.transitions.progressed(news)
            if moved is not None:
                self.lifecycle.changed(news.tenant_id, news.job_id, moved.after if moved.after is not moved.before else None)

    async def transcribed(self, news: TranscriptReady) -> None:
        """The transcript of a run is stored."""
        job = await self.jobs.find(news.tenant_id, news.job_id)
        if job is None or job.run != news.run:
            return
        state = await self._transcribed(job, msgspec.convert(news, Heard, from_attributes=True))
        if state is not None:
            self.lifecycle.changed(job.tenant_id, job.id, state if state is JobState.REPORTING else None)

    async def report_progressed(self, news: ReportProgressed) -> None:
        """The reporter tells how far it is."""
        if await self.transitions.report_progressed(news):
            self.lifecycle.changed(news.tenant_id, news.job_id, None)

    async def reported(self, news: ReportReady) -> None:
        """The report of a run is rendered: the job is completed, or failed when nothing could be."""
        job = await self.jobs.find(news.tenant_id, news.job_id)
        if job is None or job.run != news.run or not answers(job, news):
            return
        if job.revising:
            if await self.transitions.rendered_anew(job, news):
                self.lifecycle.changed(job.tenant_id, job.id, None)
        elif job.state.final:
            await self.quotas.allowances.used(job, news.usage)
            if (record := of_report(job, news)) is not None:
                await self.ledger.add(record)
        else:
            await self._end(job if job.transcribed else await self._catch_up(job), news)

    async def _untranscribed(self, job: Job, failure: Failure, duration_ms: int | None) -> None:
        """End a job, unless it was only longer than what was held for it: then it begins anew with what it needs."""
        if failure.code != LONGER_THAN_HELD or duration_ms is None or job.state.final:
            await self.lifecycle.fail(job, failure)
        elif (plan := await self.quotas.extend(job, duration_ms)) is not None:
            await self.lifecycle.fail(job, too_long_for_plan(plan, duration_ms=duration_ms))
        else:
            options = msgspec.structs.replace(job.options, audio_limit_ms=duration_ms)
            again = msgspec.structs.replace(job, run=job.run + 1, options=options)
            if not await self.transitions.retried(job, again, JobState.QUEUED, announcements.submitted(again), None):
                raise NotNow("The job changed while it was to begin anew with all of the minutes that it needs.")
            self.lifecycle.changed(job.tenant_id, job.id, JobState.QUEUED)

    async def _end(self, job: Job, news: ReportReady) -> None:
        now = dt.datetime.now(dt.UTC)
        if all_failed(news.artifacts):
            failure = report_failure(news.artifacts)
            event = announcements.failed(job, failure, at=now)
            if await self.transitions.failed(job, event, failure, report=news, record=of_report(job, news)):
                self.lifecycle.changed(job.tenant_id, job.id, JobState.FAILED)
        else:
            completed = announcements.completed(job, news.artifacts, at=now)
            if await self.transitions.completed(job, completed, report=news, record=of_report(job, news)):
                self.lifecycle.changed(job.tenant_id, job.id, JobState.COMPLETED)

    async def delivered(self, news: DeliveryFinished) -> None:
        """The webhook went out, or was given up."""
        if await self.transitions.delivered(news):
            self.lifecycle.changed(news.tenant_id, news.job_id, None)

    async def _transcribed(self, job: Job, heard: Heard) -> JobState | None:
        """Take what a transcript says into the job and into the ledger. The size of a recording from a URL is known now."""
        size, charged_before = job.source_size, heard.charged_before
        if size is None:
            with suppress(BlobNotFound):
                size = (await self.blobs.info(source_key(job.tenant_id, job.id))).size
        if charged_before:  # Its news may not have come here, as when the job had been retried meanwhile.
            charged_before = await self.ledger.knows_transcript(job.tenant_id, job.id, engine=heard.engine, before=job.run)
        heard = msgspec.structs.replace(heard, size=size, charged_before=charged_before)
        return await self.transitions.transcribed(job, heard, of_transcription(job, heard))

    async def _catch_up(self, job: Job) -> Job:
        """`report.ready` overtook `transcript.ready`: take what that would have said from the transcript itself."""
        try:
            data = await self.blobs.get(transcript_key(job.tenant_id, job.id, job.run))
        except BlobNotFound:
            return job
        facts = msgspec.json.decode(data, type=_TranscriptFacts)
        heard = Heard(
            engine=facts.engine.provider,
            model=facts.engine.model,
            language=facts.language,
            duration_ms=facts.media.duration_ms,
            cost=facts.engine.cost,
            charged_before=facts.engine.charged_before,
        )
        await self._transcribed(job, heard)
        return await self.jobs.find(job.tenant_id, job.id) or job
