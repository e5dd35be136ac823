"""`/v1/jobs`: follow, change, cancel, retry and delete jobs."""

from __future__ import annotations

import datetime as dt
import time
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import QueryParameter

from services.gateway.entity_tags import etag_of
from services.gateway.jobs import Job
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import FieldError, Problem
from services.gateway.requests import JobChange, RetryRequest
from services.gateway.routes.context import CHANGED, Api, ApiRequest, Gateway, IfMatch, JobId
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.routes.submitting import WISHES
from services.gateway.store.listing import JobFilter
from services.gateway.times import utc
from services.gateway.views import Page
from services.gateway.views.jobs import JobView
from shared.languages import canonical
from shared.schemas.jobs import JobState

_NOT_FOUND = {404: "There is no such job."}
_MOST_LABELS = 5
_FEW = {"maxItems": _MOST_LABELS}
_ENTRIES = {**_FEW, "items": {"type": "string", "pattern": ":"}}


_JOB_CHANGE = msgspec.json.Decoder(JobChange)
_RETRY_REQUEST = msgspec.json.Decoder(RetryRequest)


@get(
    "/jobs",
    opt=Operation(
        needs=Permission.JOBS_READ,
        summary="List jobs",
        tag="Jobs",
        answers={200: Answer(description="Newest first.", content=Page[JobView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_jobs(
    request: ApiRequest,
    gateway: Api,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Jobs on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
    job_state: Annotated[JobState | None, QueryParameter(name="state", description="Only jobs in this state.")] = None,
    solution: Annotated[str | None, QueryParameter(description="Only jobs reported after this scenario, by its id.")] = None,
    language: Annotated[
        str | None, QueryParameter(description="Only transcripts in this language; `zh` finds zh-Hant, too.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        QueryParameter(description="Only jobs with this tag; repeated, with all of them.", schema_extra=_FEW),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        QueryParameter(
            description="Only jobs with this entry, as in `case:2024-117`; repeated, with all of them.", schema_extra=_ENTRIES
        ),
    ] = None,
    batch: Annotated[UUID | None, QueryParameter(description="Only jobs of this batch.")] = None,
    created_after: Annotated[dt.datetime | None, QueryParameter(description="Not before this time, RFC 3339.")] = None,
    created_before: Annotated[dt.datetime | None, QueryParameter(description="Before this time, RFC 3339.")] = None,
) -> Response[Page[JobView]]:
    """The tenant's jobs, page by page; of several filters, all must be true."""
    wanted = JobFilter(
        state=job_state,
        solution=solution,
        language=language and (canonical(language) or language),
        tags=_some("tag", tag),
        metadata=_entries(metadata),
        batch_id=batch,
        created_after=utc(created_after),
        created_before=utc(created_before),
    )
    rows = await gateway.listing.page(request.user.tenant_id, wanted, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(rows, limit)
    given = {"state": job_state, "solution": solution, "language": language, "tag": tag, "metadata": metadata}
    times = {"batch": batch, "created_after": created_after, "created_before": created_before}
    views = list(map(gateway.views.job, shown))
    return page(gateway.views.url("/jobs"), views, following, limit=limit, **given, **times)


@get(
    "/jobs/{job_id:uuid}",
    opt=Operation(
        needs=Permission.JOBS_READ,
        summary="Show a job",
        tag="Jobs",
        answers={200: Answer(description="The job.", content=JobView, headers={"ETag": "Changes with the job."})},
        problems={**_NOT_FOUND, 400: "A parameter is not valid.", 429: "Too many waits are open."},
        codes=("job_not_found", "too_many_streams"),
    ).opt,
)
async def get_job(
    request: ApiRequest,
    gateway: Api,
    job_id: JobId,
    wait: Annotated[
        float,
        QueryParameter(
            ge=0,
            le=60,
            description="Seconds to wait for a final state, and for the files of an edited transcript, before answering.",
        ),
    ] = 0,
) -> Response[JobView]:
    """A job as it stands. With `wait`, answers as soon as it is final and has its files, or when the time is over."""
    job = await (_wait(request, gateway, job_id, wait) if wait else gateway.job(request, job_id))
    return Response(gateway.views.job(job), headers={"ETag": etag_of(job.version)})


@patch(
    "/jobs/{job_id:uuid}",
    status_code=200,
    opt=Operation(
        needs=Permission.JOBS_WRITE,
        summary="Change a job's title, tags and metadata",
        tag="Jobs",
        body={JSON: JobChange},
        examples={"Label a job": {"tags": ["board"], "metadata": {"case": "2024-117"}}},
        answers={200: Answer(description="As it is now.", content=JobView, headers={"ETag": "Of the job as it is now."})},
        problems={
            **_NOT_FOUND,
            400: "The body cannot be read.",
            409: "The job is changing all the time.",
            412: CHANGED,
            415: "The body is not JSON.",
            422: "Something in the body is not accepted.",
        },
        codes=("job_not_found", "job_changed"),
    ).opt,
)
async def change_job(
    request: ApiRequest,
    gateway: Api,
    job_id: JobId,
    if_match: IfMatch = None,
) -> Response[JobView]:
    """Change what is given, in any state of the job, and leave the rest. `tags` and `metadata` replace all that was there; a
    new title is printed on the files that are made from now on (`POST …/retry` makes new ones). The ETag of a job in work
    changes with its progress, too."""
    wish = await gateway.json(request, _JOB_CHANGE)
    job = await gateway.changes.change(request.user.tenant_id, job_id, wish, if_match=if_match)
    return Response(gateway.views.job(job), headers={"ETag": etag_of(job.version)})


@post(
    "/jobs/{job_id:uuid}/cancel",
    status_code=200,
    opt=Operation(
        needs=Permission.JOBS_WRITE,
        summary="Cancel a job",
        tag="Jobs",
        answers={200: Answer(description="Cancelled, now or before.", content=JobView)},
        problems={**_NOT_FOUND, 409: "The job is completed or failed."},
        codes=("job_not_found", "job_final"),
    ).opt,
)
async def cancel_job(request: ApiRequest, gateway: Api, job_id: JobId) -> Response[JobView]:
    """Stop the work on a job. What an engine was already paid for is paid; `retry` begins again."""
    return Response(gateway.views.job(await gateway.lifecycle.cancel(request.user.tenant_id, job_id)))


@post(
    "/jobs/{job_id:uuid}/retry",
    status_code=202,
    opt=Operation(
        needs=Permission.JOBS_WRITE,
        summary="Retry a job",
        tag="Jobs",
        body={JSON: RetryRequest},
        examples={
            "Another report of the same transcript": {"solution": "legal_consultation"},
            "Another engine": {"engine": "local"},
            "The language was another one": {"language": "yue", "script": "zh-Hant-HK"},
            "As it was": {},
        },
        body_required=False,
        answers={202: Answer(description="At work again.", content=JobView)},
        problems={
            **_NOT_FOUND,
            400: "The body cannot be read.",
            402: "The month's minutes are used up; `quota` says why.",
            403: "The key may not do this, or the tenant's plan leaves something out (`not_in_plan`).",
            409: "The job is not final, its files are being made anew after an edit, or it has all that it was asked for.",
            410: "What it would begin with, the recording or the transcript, is no longer kept.",
            415: "The body is not JSON.",
            422: "Something in the body is not accepted.",
        },
        codes=(
            "job_not_found",
            "job_not_final",
            "job_revising",
            "job_changed",
            "nothing_to_retry",
            "audio_removed",
            "transcript_removed",
            "unknown_language",
            *WISHES,
        ),
    ).opt,
)
async def retry_job(request: ApiRequest, gateway: Api, job_id: JobId) -> Response[JobView]:
    """Begin again where a failed or cancelled job broke off: a transcription in the next `run`, a report with the stored
    transcript. Another `engine`, `language`, `script`, number of `speakers`, other terms or `vocabularies` transcribe again;
    further `formats` are rendered in addition. What must not appear (`redaction`) is decided once, when the job is made.

    Also the way to have another report of a finished job, from the transcript that is there, without paying for the speech
    again: `{"solution": "legal_consultation"}`, `{"report_mode": "llm"}`, `{"report_language": "en"}`. The report that is
    there stays until the new one takes its place."""
    wishes = await gateway.json(request, _RETRY_REQUEST, default=RetryRequest())
    job = await gateway.lifecycle.retry(request.user.tenant_id, job_id, wishes)
    return Response(gateway.views.job(job))


@delete(
    "/jobs/{job_id:uuid}",
    opt=Operation(
        needs=Permission.JOBS_DELETE,
        summary="Delete a job",
        tag="Jobs",
        answers={204: Answer(description="Deleted.")},
        problems={**_NOT_FOUND, 412: CHANGED},
        codes=("job_not_found", "job_changed"),
    ).opt,
)
async def delete_job(request: ApiRequest, gateway: Api, job_id: JobId, if_match: IfMatch = None) -> None:
    """Delete a job in any state with its recording, transcript and files, here and where it was worked on. That nothing is
    left of it is verified; `GET /v1/erasures/{erasure_id}`, by the job's id, has the certificate then."""
    await gateway.lifecycle.erase(request.user.tenant_id, job_id, if_match=if_match)


def _some(name: str, values: list[str] | None) -> tuple[str, ...]:
    """The values of a repeated filter. Raises `Problem` 400 for more than a few: each of them is looked up."""
    if values is not None and len(values) > _MOST_LABELS:
        detail = f"At most {_MOST_LABELS} of `{name}` can be asked for at once."
        raise Problem(400, "invalid_query", detail, errors=[FieldError(pointer=name, message=detail)])
    return tuple(dict.fromkeys(values or ()))


def _entries(values: list[str] | None) -> tuple[str, ...]:
    """The entries of metadata that are asked for. Raises `Problem` 400."""
    if any(":" not in value for value in values or ()):
        detail = "Give an entry of the metadata as NAME:VALUE, as in metadata=case:2024-117."
        raise Problem(400, "invalid_query", detail, errors=[FieldError(pointer="metadata", message=detail)])
    return _some("metadata", values)


async def _wait(request: ApiRequest, gateway: Gateway, job_id: JobId, seconds: float) -> Job:
    """The job once it is final, when the time is over, or when the process stops."""
    deadline = time.monotonic() + seconds
    with gateway.hub.watch(request.user.tenant_id, job_id) as watch:
        while True:
            job = await gateway.job(request, job_id)
            watch.version = job.version
            left = deadline - time.monotonic()
            if job.at_rest or left <= 0 or gateway.hub.stopping:
                return job
            await watch.changed(left)
