"""`/v1/jobs/{id}/report` and `…/artifacts`: what a job came to, streamed from the blob store."""

from __future__ import annotations

from typing import Annotated

from litestar import HttpMethod, Response, get, route
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from services.gateway.audit import Action
from services.gateway.downloads import Conditions, download
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.places import part_of
from services.gateway.problems import Problem, check_kept
from services.gateway.routes.context import Api, ApiRequest, JobId
from services.gateway.routes.stored import (
    BLOB_HEADERS,
    BLOB_PROBLEMS,
    BYTES,
    PART_HEADERS,
    UNCHANGED_HEADERS,
    IfNoneMatch,
    IfRange,
    Range,
    info_of,
    note_read,
)
from services.gateway.views.jobs import ArtifactList
from shared.schemas.jobs import ArtifactState
from shared.schemas.privacy import Part
from shared.schemas.reports import Report

ANY = "*/*"
"""Files come with their own media type."""


@route(
    "/jobs/{job_id:uuid}/report",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    opt=Operation(
        needs=Permission.RESULTS_READ,
        summary="Fetch the report",
        tag="Results",
        answers={
            200: Answer(description="The report.", content=Report, headers=BLOB_HEADERS),
            206: Answer(description="The range asked for.", content=BYTES, media_type=JSON, headers=PART_HEADERS),
            304: Answer(description="Not changed since If-None-Match.", headers=UNCHANGED_HEADERS),
        },
        problems=BLOB_PROBLEMS,
        codes=("job_not_found", "report_not_ready", "report_removed", "range_not_satisfiable"),
    ).opt,
)
async def get_report(
    request: ApiRequest,
    gateway: Api,
    *,
    job_id: JobId,
    run: Annotated[
        int | None, QueryParameter(ge=1, le=1_000_000, description="Of this run; default the last one that was transcribed.")
    ] = None,
    range_: Range = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
) -> Stream | Response[bytes]:
    """The report `audio2txt.report/1` that all files are renderings of: the solution's sections, every statement with the
    moments and words it rests on and whether they were found there, and how much of the recording was considered. Speakers
    and segments are ids of the transcript; `{spk_1}` in a text stands for that speaker's name. There once the job is
    `completed`; a retry that makes another report leaves this one until the new one takes its place. So does an edit of the
    transcript, after which every statement whose words are gone has the doubt `stale`."""
    job = await gateway.job(request, job_id)
    wanted = run or job.transcribed_run
    check_kept(job.removed, Part.REPORT)
    info = None if wanted is None else await info_of(gateway.blobs, await gateway.revisions.report_key(job, wanted))
    if info is None:
        raise Problem(404, "report_not_ready", f"The job has no report (yet); it is {job.state}.")
    conditions = Conditions(method=request.method, range=range_, if_range=if_range, if_none_match=if_none_match)
    answer = await download(gateway.blobs, info, conditions, media_type=JSON)
    note_read(request, gateway, Action.REPORT_READ, job, answer, run=wanted)
    return answer


@get(
    "/jobs/{job_id:uuid}/artifacts",
    opt=Operation(
        needs=Permission.RESULTS_READ,
        summary="List the artifacts",
        tag="Results",
        answers={200: Answer(description="The job's files.", content=ArtifactList)},
        problems={404: "There is no such job."},
        codes=("job_not_found",),
    ).opt,
)
async def list_artifacts(request: ApiRequest, gateway: Api, job_id: JobId) -> Response[ArtifactList]:
    """The files of a job, failed ones with their reason; empty until the job is completed."""
    job = await gateway.job(request, job_id)
    return Response(ArtifactList(data=tuple(gateway.views.artifact(job, artifact) for artifact in job.artifacts)))


@route(
    "/jobs/{job_id:uuid}/artifacts/{name:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    opt=Operation(
        needs=Permission.RESULTS_READ,
        summary="Fetch an artifact",
        tag="Results",
        answers={
            200: Answer(description="The file.", content=BYTES, media_type=ANY, headers=BLOB_HEADERS),
            206: Answer(description="The range asked for.", content=BYTES, media_type=ANY, headers=PART_HEADERS),
            304: Answer(description="Not changed since If-None-Match.", headers=UNCHANGED_HEADERS),
        },
        problems=BLOB_PROBLEMS,
        codes=(
            "job_not_found",
            "artifact_not_found",
            "artifact_failed",
            "audio_removed",
            "report_removed",
            "range_not_satisfiable",
        ),
    ).opt,
)
async def get_artifact(
    request: ApiRequest,
    gateway: Api,
    *,
    job_id: JobId,
    name: FromPath[str],
    range_: Range = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
) -> Stream | Response[bytes]:
    """One file of a job, with its own media type."""
    job = await gateway.job(request, job_id)
    artifact = next((artifact for artifact in job.artifacts if artifact.name == name), None)
    if artifact is None:
        raise Problem(404, "artifact_not_found", f"The job has no artifact of this name; it is {job.state}.")
    if artifact.state is ArtifactState.FAILED or artifact.key is None:
        reason = artifact.failure.message if artifact.failure is not None else ""
        raise Problem(404, "artifact_failed", f"This artifact could not be rendered; retry the job. {reason}".strip())
    check_kept(job.removed, part_of(artifact.key))
    info = await info_of(gateway.blobs, artifact.key)
    if info is None:
        raise Problem(404, "artifact_not_found", "The artifact is no longer in the store; retry the job.")
    conditions = Conditions(method=request.method, range=range_, if_range=if_range, if_none_match=if_none_match)
    answer = await download(gateway.blobs, info, conditions, media_type=artifact.media_type, file_name=artifact.name)
    note_read(request, gateway, Action.ARTIFACT_READ, job, answer, name=artifact.name)
    return answer
