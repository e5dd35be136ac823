"""Edits of transcripts: each makes a new document, and has the files made anew from it. Nothing that was is overwritten."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog

from services.gateway import announcements
from services.gateway.editing import differences, edited, restored
from services.gateway.edits import TranscriptEdits
from services.gateway.entity_tags import check_match, etag_of
from services.gateway.jobs import Job
from services.gateway.problems import Problem, check_kept, job_not_found
from services.gateway.store.jobs import JobStore
from services.gateway.store.revisions import Revision, RevisionStore
from services.gateway.store.transitions import Transitions
from services.gateway.wakeups import Wakeups
from shared.blobs import BlobNotFound, BlobStore, report_key, revised_key, transcript_key
from shared.outbox import Outbox
from shared.schemas.ids import new_id
from shared.schemas.jobs import JobState
from shared.schemas.privacy import Part
from shared.schemas.transcripts import Transcript

_CHANGED = "The transcript was edited meanwhile; fetch it again and repeat your edit."
_TRANSCRIPTS = msgspec.json.Decoder(Transcript)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A new revision, and what to name when the next edit is made of it."""

    revision: Revision
    etag: str


@dataclass(frozen=True, kw_only=True)
class _Document:
    """The bytes of a new revision, and how many segments and speakers' names are others than before."""

    data: bytes
    segments: int
    speakers: int


@dataclass(frozen=True, kw_only=True)
class Revisions:
    """Makes them, and finds them."""

    jobs: JobStore
    store: RevisionStore
    transitions: Transitions
    blobs: BlobStore
    outbox: Outbox
    wakeups: Wakeups

    async def revise(self, tenant_id: UUID, job_id: UUID, edits: TranscriptEdits, *, if_match: str | None) -> Made:
        """Edit the transcript of a completed job, in the revision that the requester knows. Raises `Problem`."""
        job = await self._editable(tenant_id, job_id)
        data = await self._current(job, if_match)
        at = dt.datetime.now(dt.UTC)
        after = await asyncio.to_thread(_edit, data, edits, at)
        return await self._make(job, after, at=at)

    async def restore(self, tenant_id: UUID, job_id: UUID, number: int, *, if_match: str | None) -> Made:
        """Make a new revision that says what an earlier one said. Raises `Problem`."""
        job = await self._editable(tenant_id, job_id)
        if number == job.revision:
            raise Problem(422, "nothing_changed", f"The transcript is at revision {number}; nothing was changed.")
        current = await self._current(job, if_match)
        key = await self.transcript_key(job, job.run, number)
        earlier = await self._get(key)
        at = dt.datetime.now(dt.UTC)
        after = await asyncio.to_thread(_restore, current, earlier, at)
        return await self._make(job, after, at=at, restored=number)

    async def transcript_key(self, job: Job, run: int, number: int | None = None) -> str:
        """Where a run's transcript lies, the newest or the one that is asked for. Raises `Problem`, also for one whose words
        were erased, though it may lie there a little longer."""
        key = await self._key_of(job, run, number)
        if await self.store.is_erased(job.tenant_id, job.id, key):
            raise _no_revision(run, number or 0)
        return key

    async def _key_of(self, job: Job, run: int, number: int | None) -> str:
        base = transcript_key(job.tenant_id, job.id, run)
        if number == 0:
            return base
        if run == job.run and number in (None, job.revision):
            return job.revision_key or base
        found = await self.store.find(job.id, run, number)
        if found is None and number is not None:
            raise _no_revision(run, number)
        return base if found is None else found.key

    async def report_key(self, job: Job, run: int) -> str:
        """Where a run's report lies: of the newest revision whose files were made."""
        if run == job.run:
            return report_key(job.tenant_id, job.id, run, job.reported_revision)
        found = await self.store.find(job.id, run, None)
        return report_key(job.tenant_id, job.id, run, 0 if found is None else found.number)

    async def _editable(self, tenant_id: UUID, job_id: UUID) -> Job:
        job = await self.jobs.find(tenant_id, job_id)
        if job is None:
            raise job_not_found()
        if job.state is not JobState.COMPLETED:
            detail = f"A transcript can be edited once its job is completed; this one is {job.state}."
            raise Problem(409, "job_not_completed", detail)
        check_kept(job.removed, Part.TRANSCRIPT, Part.REPORT)
        return job

    async def _current(self, job: Job, if_match: str | None) -> bytes:
        """The transcript as it is, where the requester knows it so."""
        key = await self.transcript_key(job, job.run)
        if if_match is None:
            detail = "Send If-Match with the ETag of the transcript that you edit, so that nobody's edits are lost."
            raise Problem(428, "precondition_required", detail)
        try:
            info = await self.blobs.info(key)
        except BlobNotFound:
            raise _gone() from None
        check_match(if_match, info.etag, code="transcript_changed", detail=_CHANGED)
        return await self._get(key)

    async def _get(self, key: str) -> bytes:
        try:
            return await self.blobs.get(key)
        except BlobNotFound:
            raise _gone() from None

    async def _make(self, job: Job, new: _Document, *, at: dt.datetime, restored: int | None = None) -> Made:
        revision = Revision(
            number=job.revision + 1,
            key=revised_key(job.tenant_id, job.id, job.run, new_id()),
            segments=new.segments,
            speakers=new.speakers,
            restored=restored,
            created_at=at,
        )
        info = await self.blobs.put(revision.key, new.data)
        again = msgspec.structs.replace(job, revision=revision.number, revision_key=revision.key)
        if not await self.transitions.revised(job, revision, announcements.revised(again)):
            await self.blobs.delete(revision.key)
            raise _changed()
        self.wakeups.tell(job.tenant_id, job.id)
        self.outbox.wake()
        log.info("transcript.revised", tenant_id=str(job.tenant_id), job_id=str(job.id), revision=revision.number)
        return Made(revision=revision, etag=etag_of(info.etag))


def _edit(data: bytes, edits: TranscriptEdits, at: dt.datetime) -> _Document:
    before = _TRANSCRIPTS.decode(data)
    return _document(before, edited(before, edits, at=at))


def _restore(current: bytes, earlier: bytes, at: dt.datetime) -> _Document:
    before = _TRANSCRIPTS.decode(current)
    return _document(before, restored(before, _TRANSCRIPTS.decode(earlier), at=at))


def _document(before: Transcript, after: Transcript) -> _Document:
    segments, speakers = differences(before, after)
    return _Document(data=msgspec.json.encode(after), segments=segments, speakers=speakers)


def _no_revision(run: int, number: int) -> Problem:
    return Problem(404, "revision_not_found", f"The transcript of run {run} has no revision {number}.")


def _changed() -> Problem:
    return Problem(412, "transcript_changed", _CHANGED)


def _gone() -> Problem:
    return Problem(404, "transcript_not_found", "The transcript is no longer in the store.")
