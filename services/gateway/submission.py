"""Makes jobs of requests: checks what is asked for, and creates each job once."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec

from services.gateway import announcements
from services.gateway.choosing import Choosing, refusal
from services.gateway.hearing import checked_language, checked_speakers
from services.gateway.jobs import Job, as_submitted
from services.gateway.problems import FieldError, Problem, invalid, refused
from services.gateway.quotas.enforcing import Quotas, Taken
from services.gateway.requests import (
    Duplicates,
    JobRequest,
    JobSettings,
    checked_metadata,
    cleaned_lines,
)
from services.gateway.scenarios import check_findings, check_mode, checked_inputs, solution_of, with_wishes
from services.gateway.store.jobs import JobStore, KeyTaken, TooManyWaiting, Turn
from services.gateway.store.uploads import Upload, UploadState, UploadStore
from services.gateway.texts import clean_line, title_of
from services.gateway.turns.releasing import Turns
from services.gateway.vocabularies import Vocabularies
from services.gateway.wakeups import Wakeups
from shared import metrics
from shared.egress import EgressPolicy, EgressRefused, check_url
from shared.outbox import row_of
from shared.schemas.ids import new_id
from shared.schemas.jobs import JobOptions, JobState, Redaction
from shared.solutions import Solutions

LATEST_START = dt.timedelta(days=90)

_IDEMPOTENCY_KEY = re.compile(r'"([ -~]{1,255})"|([!#-~][ -~]{0,254})')


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """The job a request made, or made earlier."""

    job: Job
    replayed: bool
    reused: bool = False
    """Whether it is an earlier job of the same recording."""


@dataclass(frozen=True, kw_only=True)
class Submissions:
    """The one way in which jobs come to be."""

    jobs: JobStore
    uploads: UploadStore
    solutions: Solutions
    egress: EgressPolicy
    choosing: Choosing
    quotas: Quotas
    vocabularies: Vocabularies
    deadline: dt.timedelta
    wakeups: Wakeups
    turns: Turns
    wake: Callable[[], None]

    def check(self, request: JobSettings) -> JobOptions:
        """The options of a job; raises `Problem` 422 naming what is not accepted."""
        solution = solution_of(self.solutions, request.solution)
        check_mode(solution, request.report_mode)
        if request.callback_url is not None:
            self._check_url("/callback_url", request.callback_url)
        return JobOptions(
            language=checked_language(request.language),
            engine=request.engine,
            solution=solution.id,
            formats=None if request.formats is None else tuple(dict.fromkeys(request.formats)),
            title=None if request.title is None else clean_line(request.title),
            speakers=checked_speakers(request.speakers),
            vocabulary=cleaned_lines("/vocabulary", request.vocabulary),
            channels=request.channels,
            redaction=request.redaction and msgspec.convert(request.redaction, Redaction, from_attributes=True),
            analyses=tuple(dict.fromkeys(request.analyses)),
            script=request.script,
            report_language=request.report_language,
            report_mode=request.report_mode,
            inputs=checked_inputs(solution, request.inputs),
        )

    async def submit(
        self,
        tenant_id: UUID,
        request: JobRequest,
        *,
        key: str | None,
        traceparent: str | None,
        content: str | None = None,
        batch_id: UUID | None = None,
    ) -> Submitted:
        """Create the job, or find the one that the same request with the same key created. `content` is the SHA-256 of a
        file that came with the request. Raises `Problem`."""
        job = self._draft(tenant_id, request, traceparent, batch_id)
        upload = None if request.upload_id is None else await self.uploads.find(tenant_id, request.upload_id)
        if upload is not None:
            job = _named_after(upload, job)
        fingerprint = None if key is None else fingerprint_of(request, content=content)
        try:
            job, taken = await self._equipped(job, request, upload)
        except Problem as problem:
            return await self._explain(job, key, fingerprint, problem)
        try:
            created, duplicate = await self._create(job, key, fingerprint, policy=request.duplicates, upload=upload)
        except TooManyWaiting as many:
            await self.quotas.give_back(taken)
            too_many = await self.quotas.too_many_waiting(job.tenant_id, many.waiting)
            return await self._explain(job, key, fingerprint, too_many)
        if created is None or duplicate:
            await self.quotas.give_back(taken)
        if created is None or (duplicate and request.duplicates is Duplicates.REFUSE):
            return await self._explain(job, key, fingerprint, None if created is None else _duplicate_of(created))
        if duplicate:
            return Submitted(job=created, replayed=False, reused=True)
        self.wakeups.tell(created.tenant_id, created.id)
        if created.turn_at is None:
            self.wake()
        else:
            self.turns.wake()
        metrics.JOBS.labels(JobState.QUEUED).inc()
        return Submitted(job=created, replayed=False)

    async def _equipped(self, job: Job, request: JobRequest, upload: Upload | None) -> tuple[Job, Taken]:
        """The job with its vocabularies, its solution's wishes and what it may use. Raises `Problem`: 402, 403, 422."""
        solution = self.solutions[job.options.solution]
        size, media_type = (None, None) if upload is None else (upload.size, upload.media_type)
        choice = await self.choosing.choice(job.tenant_id)
        job = await self.quotas.check(job, choice)
        options = with_wishes(job.options, solution, choice, size=size)
        sets = await self.vocabularies.for_job(job.tenant_id, request.vocabularies, solution)
        options = msgspec.structs.replace(options, vocabularies=sets)
        if problem := refusal(options, choice, size=size):
            raise problem
        check_findings(options, choice)
        job = msgspec.structs.replace(job, options=options, media_type=media_type)
        return await self.quotas.take(job, solution, choice, size=size, transcribes=True)

    async def _create(
        self, job: Job, key: str | None, fingerprint: bytes | None, *, policy: Duplicates, upload: Upload | None
    ) -> tuple[Job | None, bool]:
        """The job, or the one to be taken for it, and whether it is such a one; null when nothing can be created."""
        event, turn = row_of(announcements.submitted(job)), await self._turn(job)
        sha256 = None if upload is None else upload.sha256
        most_waiting = await self.quotas.most_waiting(job.tenant_id)
        try:
            match policy:
                case Duplicates.REUSE | Duplicates.REFUSE if sha256 is not None:
                    reuse = policy is Duplicates.REUSE
                    return await self.jobs.create_or_find(
                        job,
                        event,
                        turn,
                        sha256=sha256,
                        key=key,
                        fingerprint=fingerprint,
                        stands_in=lambda other: not reuse or same_wishes(other.options, job.options),
                        take=reuse,
                        most_waiting=most_waiting,
                    )
                case Duplicates.ALLOW | Duplicates.REUSE | Duplicates.REFUSE:
                    created = await self.jobs.create(
                        job, event, turn, key=key, fingerprint=fingerprint, most_waiting=most_waiting
                    )
                    return created, False
        except KeyTaken:
            return None, False

    async def _turn(self, job: Job) -> Turn:
        return self.turns.room.turn(job, await self.quotas.most_at_once(job.tenant_id), now=job.created_at)

    def _draft(self, tenant_id: UUID, request: JobRequest, traceparent: str | None, batch_id: UUID | None) -> Job:
        options = self.check(request)
        now = dt.datetime.now(dt.UTC)
        start_after = _checked_start(request.start_after, now)
        return Job(
            id=self._job_id(request),
            tenant_id=tenant_id,
            options=options,
            metadata=checked_metadata(request.metadata),
            tags=cleaned_lines("/tags", request.tags),
            priority=request.priority,
            start_after=start_after,
            batch_id=batch_id,
            callback_url=request.callback_url,
            traceparent=traceparent,
            source_url=request.audio_url,
            created_at=now,
            updated_at=now,
            deadline_at=(start_after or now) + self.deadline,
        )

    def _job_id(self, request: JobRequest) -> UUID:
        match request.upload_id, request.audio_url:
            case None, None:
                raise invalid("", "source_missing", "Give upload_id (from POST /v1/uploads) or audio_url.")
            case None, str(url):
                self._check_url("/audio_url", url)
                if request.duplicates is not Duplicates.ALLOW:
                    detail = "Duplicates can be told of uploads only: what lies at audio_url is not known before it is fetched."
                    raise invalid("/duplicates", "recording_unknown", detail)
                return new_id()
            case UUID() as upload_id, None:
                return upload_id
            case _:
                raise invalid("", "source_ambiguous", "Give upload_id or audio_url, not both.")

    def _check_url(self, pointer: str, url: str) -> None:
        try:
            check_url(url, self.egress)
        except EgressRefused as error:
            raise refused(pointer, error.failure) from None

    async def _explain(self, job: Job, key: str | None, fingerprint: bytes | None, problem: Problem | None) -> Submitted:
        """Nothing was created: the key was used before, the job cannot be done, or the upload is not there."""
        earlier = None if key is None else await self.jobs.earlier(job.tenant_id, key)
        if earlier is not None:
            if earlier.fingerprint != fingerprint:
                detail = "This Idempotency-Key was used for a different request; use a new key for a new request."
                raise Problem(422, "idempotency_key_reused", detail, job_id=str(earlier.job_id))
            return await self._replay(job.tenant_id, earlier.job_id)
        if problem is not None:
            raise problem
        upload = await self.uploads.find(job.tenant_id, job.id)
        if upload is not None and upload.state is UploadState.USED:
            detail = f"The upload became the job {job.id}; upload the file again for another one."
            raise Problem(409, "upload_used", detail, job_id=str(job.id))
        if upload is not None and upload.state is UploadState.RECEIVING:
            raise Problem(409, "upload_unfinished", "The upload is not whole yet; send the rest of it, or wait for its answer.")
        raise invalid(
            "/upload_id", "upload_not_found", "There is no upload with this id, or it has expired; upload the file again."
        )

    async def _replay(self, tenant_id: UUID, job_id: UUID) -> Submitted:
        job = await self.jobs.find(tenant_id, job_id)
        if job is None:
            detail = "The job that this Idempotency-Key made was deleted; use a new key for a new job."
            raise Problem(410, "job_erased", detail, job_id=str(job_id))
        return Submitted(job=as_submitted(job), replayed=True)


def parse_idempotency_key(header: str | None) -> str | None:
    """The key, bare or as a quoted string; raises `Problem` 400 when it is not 1 to 255 printable characters."""
    if header is None:
        return None
    match = _IDEMPOTENCY_KEY.fullmatch(header)
    if match is None:
        detail = "Idempotency-Key must be 1 to 255 printable ASCII characters."
        raise Problem(400, "invalid_header", detail, errors=[FieldError(pointer="Idempotency-Key", message=detail)])
    return match[1] or match[2]


def fingerprint_of(request: JobRequest, *, content: str | None) -> bytes:
    """Tells whether two requests are the same: what they ask for in canonical form, and the SHA-256 of
    the file that came along (whose upload has a new id each time)."""
    asked = request if content is None else msgspec.structs.replace(request, upload_id=None)
    canonical_form = msgspec.json.encode(asked, order="deterministic")
    return hashlib.sha256(b"POST /v1/jobs\n" + canonical_form + b"\n" + (content or "").encode()).digest()


def same_wishes(one: JobOptions, other: JobOptions) -> bool:
    """Whether two jobs of one recording were asked for the same; what it is called does not matter."""
    return _wishes(one) == _wishes(other)


def _wishes(options: JobOptions) -> JobOptions:
    return msgspec.structs.replace(options, title=None, attempt=JobOptions().attempt, llm=None, audio_limit_ms=None)


def _duplicate_of(job: Job) -> Problem:
    detail = f"The job {job.id} is of the same recording; use it, or ask with duplicates=allow for another one."
    return Problem(409, "duplicate_recording", detail, job_id=str(job.id))


def _named_after(upload: Upload, job: Job) -> Job:
    """The job with its file's name as the title that it lacks."""
    if job.options.title is not None or upload.file_name is None:
        return job
    return msgspec.structs.replace(job, options=msgspec.structs.replace(job.options, title=title_of(upload.file_name)))


def _checked_start(start_after: dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
    """When the job is to start; null for now. Raises `Problem` 422 for a time too far away."""
    if start_after is None or start_after <= now:
        return None
    if start_after > now + LATEST_START:
        detail = f"A job can be made {LATEST_START.days} days before it starts; give an earlier time."
        raise invalid("/start_after", "invalid_request", detail)
    return start_after.astimezone(dt.UTC)
