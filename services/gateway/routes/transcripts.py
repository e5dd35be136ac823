"""`/v1/jobs/{id}/transcript`: read what was said, mend it, and see what it was before."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import HttpMethod, Response, get, patch, post, route
from litestar.params import QueryParameter
from litestar.response import Stream

from services.gateway.audit import Action
from services.gateway.codes import Code
from services.gateway.downloads import Conditions, download
from services.gateway.edits import Restoration, TranscriptEdits
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import Problem, check_kept
from services.gateway.revisions import Made
from services.gateway.routes.context import Api, ApiRequest, IfMatch, JobId
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
from services.gateway.views.transcripts import RevisionList, RevisionView, revision_view
from shared.schemas.privacy import Part
from shared.schemas.transcripts import Transcript

_EDITS = msgspec.json.Decoder(TranscriptEdits)
_RESTORATION = msgspec.json.Decoder(Restoration)
_MADE = Answer(description="Made.", content=RevisionView, headers={"ETag": "Of the new revision, for the next edit."})
_EDIT_PROBLEMS = {
    400: "The body cannot be read.",
    404: "There is no such job, transcript or revision.",
    409: "The job is not completed.",
    410: "The transcript or the report is no longer kept.",
    412: "The transcript was edited since.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "An edit is not possible, or would change nothing; `errors` points to it.",
    428: "If-Match is missing.",
}
_EDIT_CODES: tuple[Code, ...] = (
    "job_not_found",
    "transcript_not_found",
    "transcript_removed",
    "report_removed",
    "job_not_completed",
    "transcript_changed",
    "nothing_changed",
    "precondition_required",
)

Run = Annotated[int | None, QueryParameter(ge=1, le=1_000_000, description="Of this run; default the last one that has one.")]


@route(
    "/jobs/{job_id:uuid}/transcript",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    opt=Operation(
        needs=Permission.TRANSCRIPTS_READ,
        summary="Fetch the transcript",
        tag="Transcripts",
        answers={
            200: Answer(description="The transcript.", content=Transcript, headers=BLOB_HEADERS),
            206: Answer(description="The range asked for.", content=BYTES, media_type=JSON, headers=PART_HEADERS),
            304: Answer(description="Not changed since If-None-Match.", headers=UNCHANGED_HEADERS),
        },
        problems=BLOB_PROBLEMS,
        codes=(
            "job_not_found",
            "transcript_not_ready",
            "transcript_not_found",
            "transcript_removed",
            "revision_not_found",
            "range_not_satisfiable",
        ),
    ).opt,
)
async def get_transcript(
    request: ApiRequest,
    gateway: Api,
    *,
    job_id: JobId,
    run: Run = None,
    revision: Annotated[
        int | None, QueryParameter(ge=0, le=1_000_000, description="Of this revision; default the newest.")
    ] = None,
    range_: Range = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
) -> Stream | Response[bytes]:
    """The transcript `audio2txt.transcript/1`: speakers, segments and words with their times. It is there once the job
    is `reporting`, and stays when the report fails. Revision 0 is as it was transcribed; each edit makes the next."""
    job = await gateway.job(request, job_id)
    wanted = run or job.transcribed_run
    if wanted is None:
        raise Problem(404, "transcript_not_ready", f"The job has no transcript yet; it is {job.state}.")
    check_kept(job.removed, Part.TRANSCRIPT)
    info = await info_of(gateway.blobs, await gateway.revisions.transcript_key(job, wanted, revision))
    if info is None:
        raise Problem(404, "transcript_not_found", f"The job's run {wanted} has no transcript.")
    conditions = Conditions(method=request.method, range=range_, if_range=if_range, if_none_match=if_none_match)
    answer = await download(gateway.blobs, info, conditions, media_type=JSON)
    note_read(request, gateway, Action.TRANSCRIPT_READ, job, answer, run=wanted, revision=revision)
    return answer


@patch(
    "/jobs/{job_id:uuid}/transcript",
    status_code=200,
    opt=Operation(
        needs=Permission.TRANSCRIPTS_WRITE,
        summary="Edit the transcript",
        tag="Transcripts",
        body={JSON: TranscriptEdits},
        examples={
            "Mend a passage": {"segments": [{"id": "s000012", "text": "We sign on the third of June."}]},
            "Name a speaker": {"speakers": [{"id": "spk_1", "name": "Dr. Chen"}]},
        },
        answers={200: _MADE},
        problems=_EDIT_PROBLEMS,
        codes=(*_EDIT_CODES, "edit_impossible"),
    ).opt,
)
async def edit_transcript(
    request: ApiRequest, gateway: Api, *, job_id: JobId, if_match: IfMatch = None
) -> Response[RevisionView]:
    """Mend what was heard wrongly, give a passage to another speaker, or name who speaks. All of it happens, or nothing.

    The edit makes a new revision; what was recognised stays in it and in revision 0. Words that stay keep their times, new
    ones share the time between their neighbours. Then the job's files are made anew, without asking a language model again
    (`stages.report.state` is `rendering` until they are there; no webhook is sent): a statement of the report whose words
    are gone is shown as unverified with the doubt `stale`. `POST …/retry` that names a solution, the same or another, writes
    a new report on the edited transcript."""
    edits = await gateway.json(request, _EDITS)
    made = await gateway.revisions.revise(request.user.tenant_id, job_id, edits, if_match=if_match)
    return _answer(made)


@get(
    "/jobs/{job_id:uuid}/transcript/revisions",
    opt=Operation(
        needs=Permission.TRANSCRIPTS_READ,
        summary="List the transcript's revisions",
        tag="Transcripts",
        answers={200: Answer(description="The newest first; without revision 0.", content=RevisionList)},
        problems={400: "A parameter is not valid.", 404: "There is no such job."},
        codes=("job_not_found",),
    ).opt,
)
async def list_revisions(request: ApiRequest, gateway: Api, *, job_id: JobId, run: Run = None) -> Response[RevisionList]:
    """How a transcript was edited. `GET …/transcript?revision=` shows each."""
    job = await gateway.job(request, job_id)
    wanted = run or job.transcribed_run or job.run
    revisions = await gateway.revisions.store.of(job.id, wanted)
    return Response(RevisionList(data=tuple(map(revision_view, revisions))))


@post(
    "/jobs/{job_id:uuid}/transcript/restore",
    status_code=200,
    opt=Operation(
        needs=Permission.TRANSCRIPTS_WRITE,
        summary="Go back to an earlier revision",
        tag="Transcripts",
        body={JSON: Restoration},
        answers={200: _MADE},
        problems=_EDIT_PROBLEMS,
        codes=(*_EDIT_CODES, "revision_not_found"),
    ).opt,
)
async def restore_transcript(
    request: ApiRequest, gateway: Api, *, job_id: JobId, if_match: IfMatch = None
) -> Response[RevisionView]:
    """Make a new revision that says what an earlier one said; nothing in between is lost. Statements whose words are there
    again are no longer `stale`."""
    wish = await gateway.json(request, _RESTORATION)
    made = await gateway.revisions.restore(request.user.tenant_id, job_id, wish.revision, if_match=if_match)
    return _answer(made)


def _answer(made: Made) -> Response[RevisionView]:
    return Response(revision_view(made.revision), headers={"ETag": made.etag})
