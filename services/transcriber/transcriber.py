"""Takes one leased transcription as far as it goes: audio, the engine's answer, the transcript, the end."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import msgspec
import structlog

from services.transcriber.answering import Answering
from services.transcriber.chinese import wanted_script
from services.transcriber.clearing import left_by
from services.transcriber.composing import Provenance, Writing, compose
from services.transcriber.engines import (
    AnsweringEngine,
    Engine,
    EngineCrashed,
    Heard,
    InHouseEngine,
    KeyRefused,
    Pending,
    RentedEngine,
    Report,
    Throttled,
)
from services.transcriber.engines.registry import Engines
from services.transcriber.kept_answers import KeptAnswers
from services.transcriber.leftovers import LeftoverStore
from services.transcriber.lengths import Lengths, LongerThanHeld
from services.transcriber.outcomes import OVERDUE, engine_failed, failed, internal_error, progressed, ready
from services.transcriber.renting import Renting, Tasks, is_submitted
from services.transcriber.sources import Sources
from services.transcriber.store import LeaseLost, Outcome, Transcription, TranscriptionStore
from services.transcriber.store.submissions import SubmissionStore, Unfinished
from shared.blobs import BlobStore, attachment_key, raw_key, transcript_key
from shared.database import Pool, is_outage, transaction
from shared.engines import KeyTerms
from shared.errors import JobError, RetryableError
from shared.logs import bound_job
from shared.metrics import AUDIO_SECONDS, TRANSCRIPTIONS
from shared.outbox import Outbox
from shared.retry import backoff
from shared.schemas.events import TranscriptionState
from shared.schemas.jobs import Failure, Script
from shared.schemas.transcripts import Transcript

MOST_CRASHES = 3
"""Breakdowns in a row, without progress between them, after which a transcription is given up."""

log = structlog.get_logger(__name__)


class Transcriber:
    """Decides the fate of everything that can happen to one transcription."""

    def __init__(
        self,
        *,
        pool: Pool,
        store: TranscriptionStore,
        leftovers: LeftoverStore,
        outbox: Outbox,
        blobs: BlobStore,
        engines: Engines,
        sources: Sources,
        lengths: Lengths,
        tasks: Tasks,
        submissions: SubmissionStore,
        renting: Renting,
        answering: Answering,
        kept: KeptAnswers,
        chinese_script: Script,
    ) -> None:
        self._pool = pool
        self._store = store
        self._leftovers = leftovers
        self._outbox = outbox
        self._blobs = blobs
        self._engines = engines
        self._sources = sources
        self._lengths = lengths
        self._tasks = tasks
        self._submissions = submissions
        self._renting = renting
        self._answering = answering
        self._kept = kept
        self._chinese_script = chinese_script

    async def work(self, row: Transcription) -> None:
        """Go on with a transcription we hold. When this returns, it has ended, or the lease is given back or lost."""
        with bound_job(tenant_id=row.tenant_id, job_id=row.job_id, traceparent=row.traceparent):
            clock = asyncio.timeout((row.deadline_at - dt.datetime.now(dt.UTC)).total_seconds())
            try:
                async with clock:
                    await self._transcribe(row)
            except Exception as error:
                await self._settle(row, error, overdue=clock.expired())

    async def end_overdue(self, row: Transcription) -> None:
        """End a transcription we hold because its deadline has passed."""
        with bound_job(tenant_id=row.tenant_id, job_id=row.job_id, traceparent=row.traceparent):
            await self._fail(row, OVERDUE)

    async def tell(self, row: Transcription, pending: Pending) -> None:
        """Tell how far the provider of a transcription is that we hold."""
        await self._advance(row, TranscriptionState.PROCESSING, progress=pending.progress, duration_ms=pending.duration_ms)

    async def settle(self, row: Transcription, error: Exception) -> None:
        """Decide what becomes of a transcription we hold after an error of its engine."""
        with bound_job(tenant_id=row.tenant_id, job_id=row.job_id, traceparent=row.traceparent):
            await self._settle(row, error, overdue=False)

    async def _settle(self, row: Transcription, error: Exception, *, overdue: bool) -> None:
        if overdue:
            await self._fail(row, OVERDUE)
        elif isinstance(error, LeaseLost):
            log.info("transcription.lease_lost", run=row.run)
            await self._store.postpone(row.key, 0.0, outages=row.outages)  # a callback may have overtaken whoever still has it
        elif isinstance(error, LongerThanHeld):
            await self._fail(msgspec.structs.replace(row, duration_ms=error.duration_ms), error.failure)
        elif isinstance(error, JobError):
            await self._fail(row, error.failure)
        elif isinstance(error, Throttled | KeyRefused):  # its account rests, and with it all of its tasks
            await self._store.postpone(row.key, 0.0, outages=row.outages)
        elif (isinstance(error, RetryableError) and not isinstance(error, EngineCrashed)) or is_outage(error):
            log.warning("transcription.postponed", run=row.run, outages=row.outages + 1, error=repr(error))
            await self._store.postpone(row.key, backoff(row.outages + 1), outages=row.outages + 1)
        else:
            await self._crashed(row, error)

    async def _crashed(self, row: Transcription, error: Exception) -> None:
        crashes = await self._store.crashed(row.key)
        if crashes is None:
            return
        is_engine = isinstance(error, EngineCrashed)
        log.error(
            "transcription.crashed", run=row.run, crashes=crashes, error=repr(error), exc_info=None if is_engine else error
        )
        if crashes >= MOST_CRASHES:
            await self._fail(row, engine_failed(row.engine, crashes) if is_engine else internal_error(row.engine))
        else:
            await self._store.postpone(row.key, backoff(crashes), outages=row.outages)

    async def _fail(self, row: Transcription, failure: Failure) -> None:
        if await self._end(row, TranscriptionState.FAILED, failed(row, failure)):
            log.info("transcription.failed", run=row.run, engine=row.engine, code=failure.code)
            TRANSCRIPTIONS.labels(row.engine, failure.code).inc()

    async def _transcribe(self, row: Transcription) -> None:
        engine = self._engines[row.engine]
        raw = await self._answer(row, engine)
        if raw is None:
            return
        heard = await self._store.heard(row.key)
        if heard is None:
            raise LeaseLost
        given_to = await self._kept.given_to(heard)
        attachments = await self._attach(given_to, engine, raw)
        said = await self._kept.read(heard, engine, raw)
        terms = await self._tasks.key_terms(row, engine)
        charged_before = await self._kept.charged_before(heard)
        provenance = replace(_provenance(heard, given_to, raw, attachments), charged_before=charged_before)
        transcript, document = await asyncio.to_thread(
            _compose, heard, said, provenance, terms=terms, chinese_script=self._chinese_script
        )
        await self._blobs.put(transcript_key(row.tenant_id, row.job_id, row.run), document)
        allowed = msgspec.structs.replace(row, options=await self._tasks.to_report_on(row))
        if await self._end(row, TranscriptionState.DONE, ready(allowed, transcript)):
            log.info("transcription.done", run=row.run, engine=row.engine, duration_ms=transcript.media.duration_ms)
            TRANSCRIPTIONS.labels(row.engine, "done").inc()
            AUDIO_SECONDS.labels(row.engine).inc(transcript.media.duration_ms / 1000)

    async def _answer(self, row: Transcription, engine: Engine) -> bytes | None:
        """The engine's raw answer, stored; null when it is not there yet."""
        key = raw_key(row.tenant_id, row.job_id, row.run)
        if row.state is TranscriptionState.STORING:
            return await self._blobs.get(key)
        if row.state is TranscriptionState.QUEUED:
            await self._advance(row, TranscriptionState.PREPARING)
        if not is_submitted(row):
            terms = await self._tasks.key_terms(row, engine)
            if (kept := await self._kept.take_over(row, engine, terms.terms)) is not None:
                return kept
        if not isinstance(engine, RentedEngine) or row.prepared is None:
            await self._sources.ensure(row)
        if not is_submitted(row):
            await self._lengths.check(row.source_key, row.options.audio_limit_ms)
        raw = await self._ask(row, engine)
        if raw is not None:
            await self._blobs.put(key, raw)
        return raw

    async def _ask(self, row: Transcription, engine: Engine) -> bytes | None:
        task, report = await self._tasks.to_work_on(row, engine), self._report(row)
        permit = partial(self._tasks.permit, row, engine)
        match engine:
            case InHouseEngine():
                return await engine.transcribe(task, report)
            case AnsweringEngine():
                async with self._renting.asking(task):
                    return await self._answering.answer(row, task, engine, report, permit=permit)
            case RentedEngine():
                provider_id = await self._renting.hand_over(row, task, engine, permit=permit)
                await report(0.0)
                if engine.first_poll:
                    return await self._wait(row, Pending(seconds=engine.first_poll))
                answer = await self._renting.ask(task, provider_id, engine)
                return await self._wait(row, answer) if isinstance(answer, Pending) else answer
            case _:
                raise TypeError(f"the engine {engine.name} has none of the shapes")

    async def _wait(self, row: Transcription, pending: Pending) -> bytes | None:
        """Leave it to the poller: there is no answer yet."""
        later = Unfinished(key=row.key, seconds=pending.seconds or 0.0, duration_ms=pending.duration_ms)
        await self._submissions.unfinished([later])
        return None

    async def _attach(self, row: Transcription, engine: Engine, raw: bytes) -> Sequence[str]:
        """Store the files that come with the answer that a provider has given to a run; their blob keys."""
        if row.attachments is not None or not isinstance(engine, RentedEngine):
            return row.attachments or ()
        assert row.provider_id is not None
        task, keys = await self._tasks.to_ask_for(row, engine), []
        for attachment in await engine.attachments(task, row.provider_id, raw):
            keys.append(attachment_key(row.tenant_id, row.job_id, row.run, attachment.name))
            async with self._blobs.writer(keys[-1]) as writer:
                async for chunk in attachment.chunks():
                    await writer.write(chunk)
                await writer.commit()
        await self._kept.attached(row, keys)
        return keys

    def _report(self, row: Transcription) -> Report:
        async def report(progress: float, *, duration_ms: int | None = None) -> None:
            await self._advance(row, TranscriptionState.PROCESSING, progress=progress, duration_ms=duration_ms)

        return report

    async def _advance(
        self, row: Transcription, state: TranscriptionState, *, progress: float = 0.0, duration_ms: int | None = None
    ) -> None:
        async with transaction(self._pool) as connection:
            due = await self._store.advance(connection, row.key, state, progress=progress, duration_ms=duration_ms)
            if due is None:
                raise LeaseLost
            if due:
                await self._outbox.append(connection, progressed(row, state, progress, duration_ms or row.duration_ms))
        if due:
            self._outbox.wake()

    async def _end(self, row: Transcription, state: TranscriptionState, outcome: Outcome) -> bool:
        async with transaction(self._pool) as connection:
            ended = await self._store.end(connection, row.key, state, outcome)
            if ended is None:
                return False
            await self._outbox.append(connection, outcome)
            await self._leftovers.add(connection, *left_by(ended, self._engines))
        self._outbox.wake()
        return True


def _provenance(row: Transcription, given_to: Transcription, raw: bytes, attachments: Sequence[str]) -> Provenance:
    """Of the answer that a run reads: the one it was given, or an earlier one."""
    assert given_to.started_at is not None
    assert given_to.heard_at is not None
    return Provenance(
        job_id=row.job_id,
        run=row.run,
        provider=row.engine,
        provider_id=given_to.provider_id,
        raw_key=raw_key(row.tenant_id, row.job_id, row.run),
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        started_at=given_to.started_at,
        heard_at=given_to.heard_at,
        redaction=row.options.redaction,
        attachments=tuple(attachments),
    )


def _compose(
    row: Transcription, heard: Heard, provenance: Provenance, *, terms: KeyTerms, chinese_script: Script
) -> tuple[Transcript, bytes]:
    if not any(passage.words for passage in heard.passages):
        raise JobError(
            "no_speech",
            "No speech can be heard in the recording; check that it is the right one and not silent, or try another engine.",
        )
    transcript = compose(
        replace(heard, notes=(*heard.notes, *terms.notes)),
        provenance,
        Writing(
            script=wanted_script(row.options, heard.language, chinese_script),
            terms=terms.wanted,
            vocabularies=row.options.vocabularies,
        ),
    )
    return transcript, msgspec.json.encode(transcript)
