from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Collection
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from services.reporter.language_model import LanguageModel
from services.reporter.protocol import Answer, Failed, Render, Request
from services.reporter.reporting import Reporter
from services.reporter.settings import LlmSettings
from services.reporter.worker import Session
from services.reporter.workers import Workers
from shared.blobs import (
    BlobInfo,
    BlobNotFound,
    BlobStore,
    BlobUnavailable,
    artifact_key,
    attachment_key,
    report_key,
    revised_key,
    transcript_key,
)
from shared.bus import Bus, BusUnavailable, Envelope
from shared.schemas.events import ReportReady, TranscriptReady, TranscriptRevised
from shared.schemas.jobs import ArtifactFormat, ArtifactResult, ArtifactState, FileFormat, JobOptions, Redaction, Revision
from shared.schemas.reports import Report
from shared.schemas.transcripts import RedactionRecord, Transcript
from shared.solutions import load_solutions
from tests.speech import JOB, TENANT, conversation, transcript

KEY = transcript_key(TENANT, JOB, 1)
MEETING = transcript(conversation(("A", "Good morning."), ("B", "大家早。")))


class Store:
    """Blobs in a dictionary. `down` holds the keys that cannot be written now."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {KEY: msgspec.json.encode(MEETING)}
        self.down: set[str] = set()

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        for byte in await self.get(key):
            yield bytes([byte])

    async def get(self, key: str) -> bytes:
        if key not in self.kept:
            raise BlobNotFound(key)
        return self.kept[key]

    async def put(self, key: str, data: bytes) -> BlobInfo:
        if key in self.down:
            raise BlobUnavailable("the store is full")
        await asyncio.sleep(0)
        self.kept[key] = data
        return BlobInfo(key=key, size=len(data), etag="1")


class Line:
    """A bus that keeps what was published, or is down."""

    def __init__(self) -> None:
        self.sent: list[Envelope] = []
        self.down = False

    async def publish(self, envelope: Envelope) -> None:
        if self.down:
            raise BusUnavailable("no broker")
        self.sent.append(envelope)


class Process:
    """A render process without the process. It dies or errs over the formats it is told to."""

    def __init__(self, dies_over: Collection[ArtifactFormat], errs_over: Collection[ArtifactFormat]) -> None:
        self._session = Session()
        self._dies_over, self._errs_over = dies_over, errs_over
        self.alive = True

    async def ask(self, request: Request) -> Answer:
        await asyncio.sleep(0)
        if isinstance(request, Render) and request.format in self._dies_over:
            raise asyncio.IncompleteReadError(b"", 8)
        if isinstance(request, Render) and request.format in self._errs_over:
            return Failed(code="render_failed", where="KeyError in pdf.py:1")
        return self._session.answer(request)

    def end(self) -> None:
        self.alive = False

    kill = end

    async def wait(self) -> None:
        assert not self.alive


class Desk:
    """A reporter with everything around it."""

    def __init__(self, dies_over: Collection[ArtifactFormat] = (), errs_over: Collection[ArtifactFormat] = ()) -> None:
        self.store, self.bus = Store(), Line()
        self.started: list[Process] = []

        async def start() -> Process:
            self.started.append(Process(dies_over, errs_over))
            return self.started[-1]

        self.workers = Workers(start=start, count=1, seconds=5, idle_seconds=60)
        self._reporter = Reporter(
            blobs=cast("BlobStore", self.store),
            bus=cast("Bus", self.bus),
            workers=self.workers,
            solutions=load_solutions(),
            model=LanguageModel(settings=LlmSettings(), blobs=cast("BlobStore", self.store)),
        )

    async def report(self, **options: Any) -> ReportReady:
        event = TranscriptReady(
            tenant_id=TENANT,
            job_id=JOB,
            options=JobOptions(**options),
            transcript_key=KEY,
            raw_key="raw",
            engine="scripted",
            model="s1",
            language="en",
            duration_ms=8000,
            traceparent="00-11111111111111111111111111111111-2222222222222222-01",
        )
        await self._reporter.report(event)
        return msgspec.json.decode(self.bus.sent[-1].payload, type=ReportReady)

    async def revise(self, number: int, revised: Transcript, *, reported: int = 0, **options: Any) -> ReportReady:
        """Edit the transcript, whose revision `reported` was the last to be reported on."""
        key = edited_key(number)
        self.store.kept[key] = msgspec.json.encode(revised)
        event = TranscriptRevised(
            tenant_id=TENANT,
            job_id=JOB,
            options=JobOptions(**options, revision=Revision(number=number, key=key)),
            transcript_key=key,
            report_key=report_key(TENANT, JOB, 1, reported),
        )
        await self._reporter.revise(event)
        return msgspec.json.decode(self.bus.sent[-1].payload, type=ReportReady)


def _states(ready: ReportReady) -> dict[str, str]:
    return {artifact.name: artifact.failure.code if artifact.failure else artifact.state for artifact in ready.artifacts}


async def test_a_transcript_becomes_every_artifact_of_its_solution() -> None:
    """Each is stored under the job's own key, and announced with its size and digest."""
    desk = Desk()
    ready = await desk.report(title="Weekly meeting")
    assert [artifact.name for artifact in ready.artifacts] == [
        f"transcript.{format_}" for format_ in ("md", "txt", "json", "srt", "vtt", "pdf", "docx")
    ]
    for artifact in ready.artifacts:
        assert artifact.key == artifact_key(TENANT, JOB, 1, artifact.name)
        data = desk.store.kept[artifact.key]
        assert (artifact.state, artifact.size, artifact.sha256) == (
            ArtifactState.READY,
            len(data),
            hashlib.sha256(data).hexdigest(),
        )
    assert desk.store.kept[artifact_key(TENANT, JOB, 1, "transcript.txt")].startswith(b"Weekly meeting\n")
    assert (ready.tenant_id, ready.job_id, ready.run, ready.report_key) == (TENANT, JOB, 1, report_key(TENANT, JOB, 1))
    assert ready.traceparent == "00-11111111111111111111111111111111-2222222222222222-01"


async def test_the_report_document_is_stored_beside_them() -> None:
    """It names its transcript by key and digest."""
    desk = Desk()
    await desk.report(title="T")
    report = msgspec.json.decode(desk.store.kept[report_key(TENANT, JOB, 1)], type=Report)
    assert (report.title, report.solution.id, report.facts.words) == ("T", "verbatim", 5)
    assert (report.transcript.key, report.transcript.sha256) == (KEY, hashlib.sha256(desk.store.kept[KEY]).hexdigest())


async def test_only_the_formats_asked_for_are_rendered_once_each() -> None:
    """The order's own formats go before the solution's."""
    ready = await Desk().report(formats=(ArtifactFormat.SRT, ArtifactFormat.TEXT, ArtifactFormat.SRT))
    assert list(_states(ready)) == ["transcript.srt", "transcript.txt"]


async def test_a_repeat_is_recognised_and_changes_nothing() -> None:
    """The same bytes under the same keys, announced under the same id."""
    desk = Desk()
    first = await desk.report()
    kept = dict(desk.store.kept)
    second = await desk.report()
    assert (first.event_id, first.artifacts) == (second.event_id, second.artifacts)
    assert desk.store.kept == kept


async def test_a_failing_renderer_fails_its_artifact_only() -> None:
    """The others are stored, and the failure has a reason without a word of what was said."""
    desk = Desk(errs_over={ArtifactFormat.PDF})
    ready = await desk.report()
    assert _states(ready) == {
        "transcript.md": "ready",
        "transcript.txt": "ready",
        "transcript.json": "ready",
        "transcript.srt": "ready",
        "transcript.vtt": "ready",
        "transcript.pdf": "render_failed",
        "transcript.docx": "ready",
    }
    [failed] = [artifact for artifact in ready.artifacts if artifact.failure]
    assert failed.key is None
    assert failed.failure is not None
    assert not failed.failure.retryable
    assert artifact_key(TENANT, JOB, 1, "transcript.pdf") not in desk.store.kept


async def test_a_dying_process_fails_one_artifact_and_is_replaced() -> None:
    """Those before and after it are rendered."""
    desk = Desk(dies_over={ArtifactFormat.JSON})
    ready = await desk.report()
    assert [name for name, state in _states(ready).items() if state != "ready"] == ["transcript.json"]
    assert _states(ready)["transcript.json"] == "render_crashed"
    assert [process.alive for process in desk.started] == [False, True]


async def test_a_process_serves_one_report_after_the_other() -> None:
    """It is kept warm between them, and ends with the service."""
    desk = Desk()
    for _ in range(3):
        await desk.report()
    [process] = desk.started
    assert process.alive
    await desk.workers.close()
    assert not process.alive


async def test_a_process_that_died_while_idle_is_not_asked() -> None:
    """The next report gets a new one and loses nothing."""
    desk = Desk()
    await desk.report()
    desk.started[0].kill()
    assert set(_states(await desk.report()).values()) == {"ready"}
    assert len(desk.started) == 2


async def test_a_missing_transcript_ends_the_job_with_a_reason() -> None:
    """Nothing is rendered, nothing is tried again, and the customer learns why."""
    desk = Desk()
    del desk.store.kept[KEY]
    ready = await desk.report(formats=(ArtifactFormat.PDF, ArtifactFormat.TEXT))
    assert _states(ready) == {"transcript.pdf": "transcript_missing", "transcript.txt": "transcript_missing"}
    assert desk.store.kept == {}


@pytest.mark.parametrize("stored", [b"", b"{", b'{"schema":"audio2txt.transcript/9"}', b"\xff\xfe"])
async def test_an_unreadable_transcript_ends_the_job_with_a_reason(stored: bytes) -> None:
    """Whatever it is that lies there."""
    desk = Desk()
    desk.store.kept[KEY] = stored
    assert set(_states(await desk.report()).values()) == {"transcript_unreadable"}


async def test_an_unknown_solution_ends_the_job_with_a_reason() -> None:
    """Never with another template in its place."""
    ready = await Desk().report(solution="gone_since", formats=(ArtifactFormat.TEXT,))
    assert _states(ready) == {"transcript.txt": "unknown_solution"}


async def test_a_full_store_is_tried_again_later() -> None:
    """Nothing is announced before everything is safe; the bus redelivers."""
    desk = Desk()
    desk.store.down = {artifact_key(TENANT, JOB, 1, "transcript.pdf")}
    with pytest.raises(BlobUnavailable, match="full"):
        await desk.report()
    assert desk.bus.sent == []
    desk.store.down.clear()
    assert set(_states(await desk.report()).values()) == {"ready"}


async def test_a_broken_bus_is_tried_again_later() -> None:
    """The handler fails, so that the transcript is delivered again."""
    desk = Desk()
    desk.bus.down = True
    with pytest.raises(BusUnavailable):
        await desk.report()


async def test_another_run_has_other_keys_and_another_id() -> None:
    """A retried transcription never overwrites what an earlier run made."""
    ids: set[UUID] = set()
    for text in ("first", "second"):
        desk = Desk()
        changed = msgspec.structs.replace(MEETING, segments=(msgspec.structs.replace(MEETING.segments[0], text=text),))
        desk.store.kept[KEY] = msgspec.json.encode(changed)
        ids.add((await desk.report(formats=(ArtifactFormat.JSON,))).event_id)
        assert msgspec.json.decode(desk.store.kept[artifact_key(TENANT, JOB, 1, "transcript.json")], type=Transcript) == changed
    assert len(ids) == 2


REDACTED = attachment_key(TENANT, JOB, 1, "redacted.mp3")


def _redacted_meeting(audio_key: str | None) -> bytes:
    record = RedactionRecord(
        categories=("person_name",), substitute="hash", audio_key=audio_key, audio_media_type=audio_key and "audio/mpeg"
    )
    return msgspec.json.encode(msgspec.structs.replace(MEETING, redaction=record))


async def test_a_redacted_recording_is_a_file_of_the_job() -> None:
    """It comes with the documents, without being copied, when the job asked for it."""
    desk = Desk()
    desk.store.kept |= {KEY: _redacted_meeting(REDACTED), REDACTED: b"music"}
    ready = await desk.report(formats=("txt",), redaction=Redaction(categories=("person_name",), audio=True))
    assert ready.artifacts[1:] == (
        ArtifactResult(
            name="redacted.mp3",
            format=FileFormat.MP3,
            state=ArtifactState.READY,
            media_type="audio/mpeg",
            key=REDACTED,
            size=5,
            sha256=hashlib.sha256(b"music").hexdigest(),
        ),
    )
    without = await desk.report(formats=("txt",), redaction=Redaction(categories=("person_name",)))
    assert [artifact.name for artifact in without.artifacts] == ["transcript.txt"]


@pytest.mark.parametrize("audio_key", [REDACTED, None])
async def test_a_redacted_recording_that_is_not_there_is_missed(audio_key: str | None) -> None:
    """The documents are delivered, and the job says what is missing and what to do."""
    desk = Desk()
    desk.store.kept[KEY] = _redacted_meeting(audio_key)
    ready = await desk.report(formats=("txt",), redaction=Redaction(categories=("person_name",), audio=True))
    assert _states(ready) == {"transcript.txt": "ready", "redacted.mp3": "redacted_recording_missing"}


async def test_an_edited_transcript_has_files_of_its_own() -> None:
    """Those of the revision before stay as they are, for whoever reads them now."""
    desk = Desk()
    before = await desk.report(title="T", formats=(ArtifactFormat.TEXT,))
    kept = dict(desk.store.kept)
    segments = (msgspec.structs.replace(MEETING.segments[0], text="Good evening, all of you.", edited=1), *MEETING.segments[1:])
    edited = msgspec.structs.replace(MEETING, segments=segments, revision=1, revised_at=MEETING.created_at)
    ready = await desk.revise(1, edited, title="T", formats=(ArtifactFormat.TEXT,))
    assert (ready.revision, ready.attempt, ready.report_key) == (1, 1, report_key(TENANT, JOB, 1, 1))
    (file,) = ready.artifacts
    assert file.key == artifact_key(TENANT, JOB, 1, "transcript.txt", 1)
    text = desk.store.kept[file.key].decode()
    assert "Good evening, all of you." in text
    assert "Edited by hand: 1 of the 2 passages" in text
    assert {key: desk.store.kept[key] for key in kept} == kept
    assert ready.event_id != before.event_id
    report = msgspec.json.decode(desk.store.kept[ready.report_key], type=Report)
    assert (report.transcript.revision, report.transcript.key) == (1, edited_key(1))
    assert report.facts.speakers[0].words == len(segments[0].text.split())


async def test_an_edit_after_one_that_came_to_nothing_goes_by_the_report_before() -> None:
    """The revision between broke the render process, and left no report."""
    desk = Desk()
    await desk.report(solution="meeting_minutes", formats=(ArtifactFormat.MARKDOWN,))
    edited = msgspec.structs.replace(MEETING, revision=2, revised_at=MEETING.created_at)
    ready = await desk.revise(2, edited, reported=1, solution="meeting_minutes", formats=(ArtifactFormat.MARKDOWN,))
    assert _states(ready) == {"report.md": "ready"}


async def test_an_edit_without_a_report_to_go_by_fails_its_files() -> None:
    """As where the transcript itself is gone."""
    ready = await Desk().revise(1, MEETING, formats=(ArtifactFormat.TEXT,))
    assert _states(ready) == {"transcript.txt": "transcript_missing"}


def edited_key(number: int) -> str:
    """Where the desk keeps an edited transcript."""
    return revised_key(TENANT, JOB, 1, UUID(int=number))
