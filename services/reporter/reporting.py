"""From a transcript to a report and its artifacts: blobs in, blobs out, under keys that a repeat finds again.

Each artifact succeeds or fails by itself. Only an unreachable store or bus fails the whole, and is tried again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import structlog

from services.reporter.protocol import Assignment
from services.reporter.workers import Lease, RenderFailed, Workers
from shared import blobs, metrics
from shared.blobs import BlobNotFound, BlobStore
from shared.bus import Bus, Envelope
from shared.errors import JobError
from shared.schemas.events import ReportReady, TranscriptReady
from shared.schemas.jobs import ArtifactFormat, ArtifactResult, ArtifactState, Failure, FileFormat
from shared.schemas.solutions import Solution
from shared.schemas.transcripts import RedactionRecord
from shared.solutions import Solutions, find

_NAMESPACE = uuid5(NAMESPACE_URL, "audio2txt:report.ready")

MEDIA_TYPES = {
    FileFormat.MARKDOWN: "text/markdown; charset=utf-8",
    FileFormat.TEXT: "text/plain; charset=utf-8",
    FileFormat.JSON: "application/json",
    FileFormat.SRT: "application/x-subrip",
    FileFormat.VTT: "text/vtt; charset=utf-8",
    FileFormat.PDF: "application/pdf",
    FileFormat.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    FileFormat.MP3: "audio/mpeg",
}

TRANSCRIPT_MISSING = Failure(
    code="transcript_missing",
    message="The transcript is no longer in the store, so there is nothing to render; transcribe the recording again.",
)

REDACTED_RECORDING_MISSING = Failure(
    code="redacted_recording_missing",
    message="There is no recording from which the redacted words were removed; transcribe the recording again.",
)

log = structlog.get_logger(__name__)


class _RedactionOnly(msgspec.Struct):
    """The part of a transcript that tells where the redacted recording lies."""

    redaction: RedactionRecord | None = None


class Reporter:
    """Handles `transcript.ready`."""

    def __init__(self, *, blobs: BlobStore, bus: Bus, workers: Workers, solutions: Solutions) -> None:
        self._blobs = blobs
        self._bus = bus
        self._workers = workers
        self._solutions = solutions

    async def report(self, event: TranscriptReady) -> None:
        """Render and store what the job asked for, then say so. Raises `BlobUnavailable` or `BusUnavailable`."""
        began = time.monotonic()
        artifacts = await self._artifacts(event)
        ready = ReportReady(
            tenant_id=event.tenant_id,
            job_id=event.job_id,
            run=event.run,
            event_id=_event_id(event, artifacts),
            traceparent=event.traceparent,
            report_key=blobs.report_key(event.tenant_id, event.job_id, event.run),
            artifacts=tuple(artifacts),
            attempt=event.options.attempt,
        )
        await self._bus.publish(Envelope.of(ready))
        log.info(
            "report.ready",
            artifacts=len(artifacts),
            failed=[artifact.name for artifact in artifacts if artifact.state is ArtifactState.FAILED],
            seconds=round(time.monotonic() - began, 3),
        )

    async def _artifacts(self, event: TranscriptReady) -> list[ArtifactResult]:
        """Every artifact asked for, stored, or with the reason why there is none."""
        try:
            solution = find(self._solutions, event.options.solution)
        except JobError as error:
            return _all_failed(event.options.formats or tuple(ArtifactFormat), error.failure)
        formats = tuple(dict.fromkeys(event.options.formats or solution.artifacts))
        try:
            transcript = await self._blobs.get(event.transcript_key)
        except BlobNotFound:
            return _all_failed(formats, TRANSCRIPT_MISSING)
        try:
            files, results = await self._render(_assignment(event, solution, transcript), event, formats)
        except RenderFailed as error:
            return _all_failed(formats, _failure(error))
        await self._store(files)
        if event.options.redaction is not None and event.options.redaction.audio:
            results.append(await self._redacted_recording(transcript))
        return results

    async def _redacted_recording(self, transcript: bytes) -> ArtifactResult:
        """It was stored with the transcript, and is only announced here."""
        record = msgspec.json.decode(transcript, type=_RedactionOnly).redaction
        if record is None or record.audio_key is None or record.audio_media_type is None:
            return _no_recording("redacted.mp3", MEDIA_TYPES[FileFormat.MP3])
        name = record.audio_key.rpartition("/")[2]
        try:
            size, sha256 = await self._measure(record.audio_key)
        except BlobNotFound:
            return _no_recording(name, record.audio_media_type)
        return ArtifactResult(
            name=name,
            format=_format_of(name),
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

    async def _render(
        self, assignment: Assignment, event: TranscriptReady, formats: Sequence[ArtifactFormat]
    ) -> tuple[dict[str, bytes], list[ArtifactResult]]:
        """The files to store by key, the report document among them, and what to say of each artifact.
        Raises `RenderFailed` when there can be none at all."""
        async with self._workers.lend(assignment) as lease:
            files = {blobs.report_key(event.tenant_id, event.job_id, event.run): await lease.open()}
            results = []
            for file_format in formats:
                try:
                    data = await _timed_render(lease, file_format)
                except RenderFailed as error:
                    results.append(_failed(file_format, _failure(error)))
                    continue
                key = blobs.artifact_key(event.tenant_id, event.job_id, event.run, _name(file_format))
                files[key] = data
                results.append(_ready(file_format, key, data))
        return files, results

    async def _store(self, files: Mapping[str, bytes]) -> None:
        try:
            async with asyncio.TaskGroup() as stores:
                for key, data in files.items():
                    stores.create_task(self._blobs.put(key, data))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None


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


def _assignment(event: TranscriptReady, solution: Solution, transcript: bytes) -> Assignment:
    return Assignment(
        job_id=event.job_id,
        run=event.run,
        options=event.options,
        solution=solution,
        transcript_key=event.transcript_key,
        transcript=transcript,
    )


def _name(file_format: ArtifactFormat) -> str:
    return f"transcript.{file_format}"


def _format_of(name: str) -> FileFormat:
    return FileFormat(name.rpartition(".")[2])


def _no_recording(name: str, media_type: str) -> ArtifactResult:
    return ArtifactResult(
        name=name,
        format=_format_of(name),
        state=ArtifactState.FAILED,
        media_type=media_type,
        failure=REDACTED_RECORDING_MISSING,
    )


def _ready(file_format: ArtifactFormat, key: str, data: bytes) -> ArtifactResult:
    return ArtifactResult(
        name=_name(file_format),
        format=FileFormat(file_format),
        state=ArtifactState.READY,
        media_type=MEDIA_TYPES[FileFormat(file_format)],
        key=key,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _failed(file_format: ArtifactFormat, failure: Failure) -> ArtifactResult:
    return ArtifactResult(
        name=_name(file_format),
        format=FileFormat(file_format),
        state=ArtifactState.FAILED,
        media_type=MEDIA_TYPES[FileFormat(file_format)],
        failure=failure,
    )


def _all_failed(formats: Sequence[ArtifactFormat], failure: Failure) -> list[ArtifactResult]:
    for file_format in formats:
        metrics.ARTIFACTS.labels(file_format, ArtifactState.FAILED).inc()
    return [_failed(file_format, failure) for file_format in formats]


def _failure(error: RenderFailed) -> Failure:
    return Failure(code=error.code, message=str(error), retryable=error.code in ("render_timeout", "render_crashed"))


def _event_id(event: TranscriptReady, artifacts: Sequence[ArtifactResult]) -> UUID:
    """The same for a repeat with the same outcome, so that it can be recognised."""
    outcomes = [artifact.sha256 or (artifact.failure and artifact.failure.code) for artifact in artifacts]
    return uuid5(_NAMESPACE, f"{event.job_id}:{event.run}:{event.options.attempt}:{outcomes}")
