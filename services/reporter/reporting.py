"""From a transcript to a report and its artifacts: blobs in, blobs out, under keys that a repeat finds again.

Each artifact succeeds or fails by itself. Only an unreachable store or bus fails the whole, and is tried again. What a
language model is asked is worked out in a render process, which is given back while the model is asked, and told the replies
when it, or another, begins again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TypeAlias
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import structlog

from services.reporter.analysis.modes import asks_llm
from services.reporter.artifacts import (
    MEDIA_TYPES,
    TRANSCRIPT_MISSING,
    all_failed,
    failed,
    failure_of,
    file_name,
    format_of,
    no_recording,
    rendered,
)
from services.reporter.chats import Reply, Terms
from services.reporter.language_model import LanguageModel
from services.reporter.places import Places
from services.reporter.progress import Progress
from services.reporter.protocol import Asking, Assignment
from services.reporter.turns import Turns
from services.reporter.workers import Lease, RenderFailed, Workers
from shared import blobs, metrics
from shared.blobs import BlobNotFound, BlobStore
from shared.bus import Bus, Envelope
from shared.errors import JobError
from shared.schemas.events import ReportReady, TranscriptReady, TranscriptRevised
from shared.schemas.jobs import ArtifactFormat, ArtifactResult, ArtifactState, FileFormat, ReportMode
from shared.schemas.reports import Usage
from shared.schemas.solutions import Solution
from shared.schemas.transcripts import RedactionRecord
from shared.solutions import Solutions, find

Transcribed: TypeAlias = TranscriptReady | TranscriptRevised
"""What a report is made for: a new transcript, or one that was edited."""

AT_THE_DESKS = 1
"""Reports that are fetched or stored while the render processes work on others."""

_NAMESPACE = uuid5(NAMESPACE_URL, "audio2txt:report.ready")

log = structlog.get_logger(__name__)


class _RedactionOnly(msgspec.Struct):
    """The part of a transcript that tells where the redacted recording lies."""

    redaction: RedactionRecord | None = None


class _Authorship(msgspec.Struct):
    """The part of a report that tells who wrote it."""

    mode: ReportMode | None = None
    model: str | None = None
    usage: Usage | None = None
    notes: tuple[str, ...] = ()


class Reporter:
    """Handles `transcript.ready` and `transcript.revised`."""

    def __init__(self, *, blobs: BlobStore, bus: Bus, workers: Workers, solutions: Solutions, model: LanguageModel) -> None:
        self._blobs = blobs
        self._bus = bus
        self._workers = workers
        self._solutions = solutions
        self._model = model
        self._places = Places()
        self._desks = Turns(workers.count + AT_THE_DESKS)

    async def report(self, event: TranscriptReady) -> None:
        """Render and store what the job asked for, then say so. Raises `BlobUnavailable`, `BusUnavailable` or `NotNow`."""
        await self._handle(event)

    async def revise(self, event: TranscriptRevised) -> None:
        """Carry the report that is there over to an edited transcript, and render it anew. Raises like `report`."""
        await self._handle(event)

    async def _handle(self, event: Transcribed) -> None:
        try:
            solution = find(self._solutions, event.options.solution)
        except JobError as error:
            names = [f"transcript.{file_format}" for file_format in event.options.formats or tuple(ArtifactFormat)]
            await self._announce(event, all_failed(names, error.failure), _Authorship())
            return
        terms = self._model.terms(solution, event.options.llm)
        asks = isinstance(event, TranscriptReady) and isinstance(terms, Terms) and asks_llm(event.options, solution)
        with self._places.take(event.tenant_id, llm=asks):
            await self._report(event, solution, terms)

    async def _report(self, event: Transcribed, solution: Solution, terms: Terms | str) -> None:
        began = time.monotonic()
        formats = tuple(dict.fromkeys(event.options.formats or solution.artifacts))
        order = _Order(event=event, solution=solution, terms=terms, formats=formats, progress=Progress(self._bus, event))
        authorship = _Authorship()
        try:
            files, results = await self._write_and_render(order)
        except BlobNotFound:
            results = all_failed([file_name(one, solution) for one in formats], TRANSCRIPT_MISSING)
        except RenderFailed as error:
            results = all_failed([file_name(one, solution) for one in formats], failure_of(error))
        else:
            authorship = msgspec.json.decode(files[order.report_key], type=_Authorship)
            await self._store(files)
            if event.options.redaction is not None and event.options.redaction.audio:
                results.append(await self._redacted_recording(event.transcript_key))
        await self._announce(event, results, authorship)
        log.info(
            "report.ready",
            artifacts=len(results),
            failed=[artifact.name for artifact in results if artifact.state is ArtifactState.FAILED],
            mode=authorship.mode,
            notes=list(authorship.notes),
            seconds=round(time.monotonic() - began, 3),
        )

    async def _announce(self, event: Transcribed, artifacts: Sequence[ArtifactResult], authorship: _Authorship) -> None:
        ready = ReportReady(
            tenant_id=event.tenant_id,
            job_id=event.job_id,
            run=event.run,
            event_id=_event_id(event, artifacts),
            traceparent=event.traceparent,
            report_key=blobs.report_key(event.tenant_id, event.job_id, event.run, _revision(event)),
            artifacts=tuple(artifacts),
            attempt=event.options.attempt,
            revision=_revision(event),
            mode=authorship.mode,
            model=authorship.model,
            usage=authorship.usage,
        )
        await self._bus.publish(Envelope.of(ready))

    async def _write_and_render(self, order: _Order) -> tuple[dict[str, bytes], list[ArtifactResult]]:
        """The files to store by key, the report document among them, and what to say of each artifact.
        Raises `RenderFailed` when there can be none at all, and `BlobNotFound` when the transcript is gone."""
        replies: dict[str, Reply] = {}
        inquiry = None
        while True:
            async with self._desks.take(order.event.tenant_id):
                assignment = await self._assignment(order, replies)
                async with self._workers.lend(assignment) as lease:
                    opened = await lease.open()
                    if not isinstance(opened, Asking):
                        files, results = await _render(lease, order)
                        return {order.report_key: opened, **files}, results
            assert isinstance(order.terms, Terms), "nobody asks without terms"
            assert isinstance(order.event, TranscriptReady), "nobody is asked about an edited transcript"
            inquiry = inquiry or self._model.inquiry(order.event, order.terms)
            order.progress.begin_round(len(opened.prompts))
            replies |= await self._model.replies(inquiry, opened.prompts, order.progress.answered)

    async def _assignment(self, order: _Order, replies: dict[str, Reply]) -> Assignment:
        event = order.event
        there = await self._report_there(event) if isinstance(event, TranscriptRevised) else None
        return Assignment(
            job_id=event.job_id,
            run=event.run,
            options=event.options,
            solution=order.solution,
            transcript_key=event.transcript_key,
            transcript=await self._blobs.get(event.transcript_key),
            report=there,
            llm=order.terms,
            replies=replies,
        )

    async def _report_there(self, event: TranscriptRevised) -> bytes:
        """The report to go by; where the revision before came to none, that of the last one which did."""
        about = (event.tenant_id, event.job_id, event.run)
        earlier = (blobs.report_key(*about, revision) for revision in reversed(range(_revision(event))))
        for key in (event.report_key, *earlier):
            with suppress(BlobNotFound):
                return await self._blobs.get(key)
        raise BlobNotFound(event.report_key)

    async def _redacted_recording(self, transcript_key: str) -> ArtifactResult:
        """It was stored with the transcript, and is only announced here."""
        record = msgspec.json.decode(await self._blobs.get(transcript_key), type=_RedactionOnly).redaction
        if record is None or record.audio_key is None or record.audio_media_type is None:
            return no_recording("redacted.mp3", MEDIA_TYPES[FileFormat.MP3])
        name = record.audio_key.rpartition("/")[2]
        try:
            size, sha256 = await self._measure(record.audio_key)
        except BlobNotFound:
            return no_recording(name, record.audio_media_type)
        return ArtifactResult(
            name=name,
            format=format_of(name),
            state=ArtifactState.READY,
            media_type=record.audio_media_type,
            key=record.audio_key,
            size=size,
            sha256=sha256,
        )

    async def _measure(self, key: str) -> tuple[int, str]:
        size, digest = 0, hashlib.sha256()
        async with aclosing(self._blobs.stream(key)) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                digest.update(chunk)
        return size, digest.hexdigest()

    async def _store(self, files: Mapping[str, bytes]) -> None:
        try:
            async with asyncio.TaskGroup() as stores:
                for key, data in files.items():
                    stores.create_task(self._blobs.put(key, data))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None


@dataclass(frozen=True, kw_only=True)
class _Order:
    """What is to be made of a transcript."""

    event: Transcribed
    solution: Solution
    terms: Terms | str
    formats: tuple[ArtifactFormat, ...]
    progress: Progress

    @property
    def report_key(self) -> str:
        return blobs.report_key(self.event.tenant_id, self.event.job_id, self.event.run, _revision(self.event))


async def _render(lease: Lease, order: _Order) -> tuple[dict[str, bytes], list[ArtifactResult]]:
    """The artifacts by key, and what to say of each."""
    event, files, results = order.event, dict[str, bytes](), list[ArtifactResult]()
    for done, file_format in enumerate(order.formats):
        await order.progress.rendered(done, len(order.formats))
        name = file_name(file_format, order.solution)
        try:
            data = await _timed_render(lease, file_format)
        except RenderFailed as error:
            results.append(failed(name, failure_of(error)))
            continue
        key = blobs.artifact_key(event.tenant_id, event.job_id, event.run, name, _revision(event))
        files[key] = data
        results.append(rendered(name, key, data))
    return files, results


async def _timed_render(lease: Lease, file_format: ArtifactFormat) -> bytes:
    outcome = ArtifactState.FAILED
    try:
        with metrics.RENDER_SECONDS.labels(file_format).time():
            done = await lease.render(file_format)
        outcome = ArtifactState.READY
    finally:
        metrics.ARTIFACTS.labels(file_format, outcome).inc()
    if done.substituted:
        log.warning("render.substituted", format=file_format, characters=done.substituted)
    return done.data


def _revision(event: Transcribed) -> int:
    return 0 if event.options.revision is None else event.options.revision.number


def _event_id(event: Transcribed, artifacts: Sequence[ArtifactResult]) -> UUID:
    """The same for a repeat with the same outcome, so that it can be recognised."""
    outcomes = [artifact.sha256 or (artifact.failure and artifact.failure.code) for artifact in artifacts]
    return uuid5(_NAMESPACE, f"{event.job_id}:{event.run}:{event.options.attempt}:{_revision(event)}:{outcomes}")
