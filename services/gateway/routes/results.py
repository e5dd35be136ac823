"""`/v1/jobs/{id}/transcript`, `…/report` and `…/artifacts`: what a job came to, streamed from the blob store."""

from __future__ import annotations

from typing import Annotated

from litestar import HttpMethod, Response, get, route
from litestar.params import FromPath, HeaderParameter, QueryParameter
from litestar.response import Stream

from services.gateway.downloads import Conditions, download
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.problems import Problem
from services.gateway.routes.context import Api, ApiRequest, JobId
from services.gateway.views import ArtifactList
from shared.blobs import BlobInfo, BlobNotFound, BlobStore, report_key, transcript_key
from shared.schemas.jobs import ArtifactState
from shared.schemas.reports import Report
from shared.schemas.transcripts import Transcript

_BYTES = {"type": "string", "format": "binary"}
_HEADERS = {"ETag": "Changes with the bytes.", "Accept-Ranges": "`bytes`."}
_PROBLEMS = {
    400: "A parameter is not valid.",
    404: "There is no such job, or it has no such result (yet).",
    416: "The range lies beyond the end.",
}

Range = Annotated[str | None, HeaderParameter(name="Range", description="One range, as in `bytes=0-1023`.")]
IfRange = Annotated[str | None, HeaderParameter(name="If-Range", description="ETag the range is meant for.")]
IfNoneMatch = Annotated[
    str | None, HeaderParameter(name="If-None-Match", description="ETag of what you have; unchanged is answered with 304.")
]


@get(
    "/jobs/{job_id:uuid}/transcript",
    opt=Operation(
        summary="Fetch the transcript",
        tag="Results",
        answers={
            200: Answer(description="The transcript.", content=Transcript, headers=_HEADERS),
            206: Answer(description="The range asked for.", content=_BYTES, media_type=JSON, headers=_HEADERS),
            304: Answer(description="Not changed since If-None-Match."),
        },
        problems=_PROBLEMS,
    ).opt,
)
async def get_transcript(
    request: ApiRequest,
    gateway: Api,
    *,
    job_id: JobId,
    run: Annotated[
        int | None, QueryParameter(ge=1, le=1_000_000, description="Of this run; default the last one that has one.")
    ] = None,
    range_: Range = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
) -> Stream | Response[bytes]:
    """The transcript `audio2txt.transcript/1`: speakers, segments and words with their times. It is there once the job
    is `reporting`, and stays when the report fails."""
    job = await gateway.job(request, job_id)
    wanted = run or job.transcribed_run
    if wanted is None:
        raise Problem(404, "transcript_not_ready", f"The job has no transcript yet; it is {job.state}.")
    info = await _info(gateway.blobs, transcript_key(job.tenant_id, job.id, wanted))
    if info is None:
        raise Problem(404, "transcript_not_found", f"The job's run {wanted} has no transcript.")
    conditions = Conditions(method="GET", range=range_, if_range=if_range, if_none_match=if_none_match)
    return await download(gateway.blobs, info, conditions, media_type=JSON)


@get(
    "/jobs/{job_id:uuid}/report",
    opt=Operation(
        summary="Fetch the report",
        tag="Results",
        answers={
            200: Answer(description="The report.", content=Report, headers=_HEADERS),
            206: Answer(description="The range asked for.", content=_BYTES, media_type=JSON, headers=_HEADERS),
            304: Answer(description="Not changed since If-None-Match."),
        },
        problems=_PROBLEMS,
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
    `completed`; a retry that makes another report leaves this one until the new one takes its place."""
    job = await gateway.job(request, job_id)
    wanted = run or job.transcribed_run
    info = None if wanted is None else await _info(gateway.blobs, report_key(job.tenant_id, job.id, wanted))
    if info is None:
        raise Problem(404, "report_not_ready", f"The job has no report (yet); it is {job.state}.")
    conditions = Conditions(method="GET", range=range_, if_range=if_range, if_none_match=if_none_match)
    return await download(gateway.blobs, info, conditions, media_type=JSON)


@get(
    "/jobs/{job_id:uuid}/artifacts",
    opt=Operation(
        summary="List the artifacts",
        tag="Results",
        answers={200: Answer(description="The job's files.", content=ArtifactList)},
        problems={404: "There is no such job."},
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
        summary="Fetch an artifact",
        tag="Results",
        answers={
            200: Answer(description="The file.", content=_BYTES, media_type="application/octet-stream", headers=_HEADERS),
            206: Answer(
                description="The range asked for.", content=_BYTES, media_type="application/octet-stream", headers=_HEADERS
            ),
            304: Answer(description="Not changed since If-None-Match."),
        },
        problems=_PROBLEMS,
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
    info = await _info(gateway.blobs, artifact.key)
    if info is None:
        raise Problem(404, "artifact_not_found", "The artifact is no longer in the store; retry the job.")
    conditions = Conditions(method=request.method, range=range_, if_range=if_range, if_none_match=if_none_match)
    return await download(gateway.blobs, info, conditions, media_type=artifact.media_type, file_name=artifact.name)


async def _info(blobs: BlobStore, key: str) -> BlobInfo | None:
    try:
        return await blobs.info(key)
    except BlobNotFound:
        return None
