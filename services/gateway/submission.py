"""Makes jobs of requests: checks what is asked for, and creates each job once."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from services.gateway import announcements
from services.gateway.jobs import Job, as_submitted
from services.gateway.languages import canonical
from services.gateway.problems import FieldError, Problem, invalid
from services.gateway.store.jobs import JobStore, KeyTaken
from services.gateway.store.uploads import UploadState, UploadStore
from services.gateway.texts import clean_line, title_of
from shared import metrics
from shared.egress import EgressPolicy, EgressRefused, check_url
from shared.errors import JobError
from shared.outbox import row_of
from shared.schemas.ids import new_id
from shared.schemas.jobs import TITLE_LENGTH, ArtifactFormat, JobOptions, JobState
from shared.solutions import Solutions, find

ENGINE = r"^[a-z0-9][a-z0-9_.-]{0,39}$"
_IDEMPOTENCY_KEY = re.compile(r'"([ -~]{1,255})"|([!#-~][ -~]{0,254})')

Formats = Annotated[
    tuple[ArtifactFormat, ...],
    Meta(
        min_length=1, max_length=20, description="Files to render; null takes those of the solution.", examples=[["pdf", "srt"]]
    ),
]
Engine = Annotated[
    str, Meta(pattern=ENGINE, description="Speech engine by name; null takes the installation's default.", examples=["local"])
]


class JobSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be asked of a job, wherever its recording comes from."""

    language: Annotated[
        str,
        Meta(
            max_length=35,
            description="BCP-47 tag of the spoken language, or `auto`.",
            examples=["auto", "zh-Hant", "en", "yue"],
        ),
    ] = "auto"
    engine: Engine | None = None
    solution: Annotated[
        str, Meta(max_length=40, description="Scenario to report after; `GET /v1/solutions` lists them.", examples=["verbatim"])
    ] = "verbatim"
    formats: Formats | None = None
    title: (
        Annotated[
            str,
            Meta(
                max_length=TITLE_LENGTH,
                description="Title printed on the files; null takes the name of the uploaded file.",
                examples=["Weekly meeting"],
            ),
        ]
        | None
    ) = None
    callback_url: Annotated[
        str | None,
        Meta(
            description="Where to send the signed webhook when the job ends.", examples=["https://example.com/hooks/audio2txt"]
        ),
    ] = None
    metadata: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=500)]],
        Meta(max_length=50, description="Your own names and values; come back unchanged.", examples=[{"case": "2024-117"}]),
    ] = {}


class JobRequest(JobSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/jobs`: exactly one of `upload_id` and `audio_url`, and what to do with it."""

    upload_id: Annotated[
        UUID | None,
        Meta(
            description="An upload made with `POST /v1/uploads`; the job keeps its id.",
            examples=["0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"],
        ),
    ] = None
    audio_url: Annotated[
        str | None, Meta(description="Where to fetch the recording.", examples=["https://example.com/meeting.mp3"])
    ] = None


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """The job a request made, or made earlier."""

    job: Job
    replayed: bool


@dataclass(frozen=True, kw_only=True)
class Submissions:
    """The one way in which jobs come to be."""

    jobs: JobStore
    uploads: UploadStore
    solutions: Solutions
    egress: EgressPolicy
    deadline: dt.timedelta
    wake: Callable[[], None]

    def check(self, request: JobSettings) -> JobOptions:
        """The options of a job; raises `Problem` 422 naming what is not accepted."""
        try:
            find(self.solutions, request.solution)
        except JobError as error:
            raise invalid("/solution", error.failure.code, error.failure.message) from None
        language = canonical(request.language)
        if language is None:
            detail = f"{request.language!r} is no language we know; use a BCP-47 tag such as en, zh-Hant or yue, or auto."
            raise invalid("/language", "unknown_language", detail)
        if request.callback_url is not None:
            self._check_url("/callback_url", request.callback_url)
        if any("\0" in text for pair in request.metadata.items() for text in pair):
            raise invalid("/metadata", "invalid_request", "Names and values in metadata must not contain the NUL character.")
        return JobOptions(
            language=language,
            engine=request.engine,
            solution=request.solution,
            formats=None if request.formats is None else tuple(dict.fromkeys(request.formats)),
            title=None if request.title is None else clean_line(request.title),
        )

    async def submit(
        self,
        tenant_id: UUID,
        request: JobRequest,
        *,
        key: str | None,
        traceparent: str | None,
        content: str | None = None,
    ) -> Submitted:
        """Create the job, or find the one that the same request with the same key created. `content` is the SHA-256 of a
        file that came with the request. Raises `Problem`."""
        job = await self._draft(tenant_id, request, traceparent)
        fingerprint = None if key is None else fingerprint_of(request, content=content)
        try:
            created = await self.jobs.create(job, row_of(announcements.submitted(job)), key=key, fingerprint=fingerprint)
        except KeyTaken:
            created = None
        if created is None:
            return await self._explain(job, key, fingerprint)
        self.wake()
        metrics.JOBS.labels(JobState.QUEUED).inc()
        return Submitted(job=created, replayed=False)

    async def _draft(self, tenant_id: UUID, request: JobRequest, traceparent: str | None) -> Job:
        options = self.check(request)
        if options.title is None and request.upload_id is not None:
            upload = await self.uploads.find(tenant_id, request.upload_id)
            if upload is not None and upload.file_name is not None:
                options = msgspec.structs.replace(options, title=title_of(upload.file_name))
        now = dt.datetime.now(dt.UTC)
        return Job(
            id=self._job_id(request),
            tenant_id=tenant_id,
            options=options,
            metadata=request.metadata,
            callback_url=request.callback_url,
            traceparent=traceparent,
            source_url=request.audio_url,
            created_at=now,
            updated_at=now,
            deadline_at=now + self.deadline,
        )

    def _job_id(self, request: JobRequest) -> UUID:
        match request.upload_id, request.audio_url:
            case None, None:
                raise invalid("", "source_missing", "Give upload_id (from POST /v1/uploads) or audio_url.")
            case None, str(url):
                self._check_url("/audio_url", url)
                return new_id()
            case UUID() as upload_id, None:
                return upload_id
            case _:
                raise invalid("", "source_ambiguous", "Give upload_id or audio_url, not both.")

    def _check_url(self, pointer: str, url: str) -> None:
        try:
            check_url(url, self.egress)
        except EgressRefused as error:
            raise invalid(pointer, error.failure.code, error.failure.message) from None

    async def _explain(self, job: Job, key: str | None, fingerprint: bytes | None) -> Submitted:
        """Nothing was created: the key was used before, or the upload is not there."""
        earlier = None if key is None else await self.jobs.earlier(job.tenant_id, key)
        if earlier is not None:
            if earlier.fingerprint != fingerprint:
                detail = "This Idempotency-Key was used for a different request; use a new key for a new request."
                raise Problem(422, "idempotency_key_reused", detail, job_id=str(earlier.job_id))
            return await self._replay(job.tenant_id, earlier.job_id)
        upload = await self.uploads.find(job.tenant_id, job.id)
        if upload is not None and upload.state is UploadState.USED:
            detail = f"The upload became the job {job.id}; upload the file again for another one."
            raise Problem(409, "upload_used", detail, job_id=str(job.id))
        if upload is not None and upload.state is UploadState.RECEIVING:
            raise Problem(409, "upload_unfinished", "The upload is still running; wait for its answer.")
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
