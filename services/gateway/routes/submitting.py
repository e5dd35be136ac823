"""`POST /v1/jobs`: jobs are made of uploads, of what lies at a URL, and of files that come along."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.params import HeaderParameter

from services.gateway.codes import Code
from services.gateway.form import FILE, Form, values_of
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import Problem, invalid
from services.gateway.requests import JobRequest, JobSettings
from services.gateway.routes.context import Api, ApiRequest, Gateway, not_valid, traceparent
from services.gateway.submission import Submitted, parse_idempotency_key
from services.gateway.texts import clean_file_name
from services.gateway.views.jobs import JobView

FORM = "multipart/form-data"
_LOCATION = {"Location": "The job.", "Idempotent-Replayed": "`true` when this answers a repeat."}
_CALLED: tuple[Code, ...] = ("url_invalid", "url_scheme", "url_port", "address_refused")
WISHES: tuple[Code, ...] = (
    "unknown_vocabulary",
    "unknown_solution",
    "mode_not_available",
    "unknown_input",
    "input_missing",
    "input_too_long",
    "input_not_valid",
    "llm_not_offered",
    "llm_budget_spent",
    "unknown_engine",
    "engine_forbidden",
    "engine_key_missing",
    "feature_not_supported",
    "language_not_supported",
    "redaction_not_supported",
    "too_many_terms",
    "term_too_long",
    "file_too_large",
    "minutes_used_up",
    "not_in_plan",
)
"""Of URLs that we are to call; and of what is asked of the report and the engine."""
_JOB_REQUEST = msgspec.json.Decoder(JobRequest)
_FORM_SCHEMA = {
    "type": "object",
    "required": [FILE],
    "description": "The fields of JobRequest without upload_id and audio_url. `formats`, `analyses` and `tags` may be "
    "repeated, separated by commas, or a JSON list; `speakers` is a number or a range such as `2-4`; `vocabulary` and "
    "`vocabularies` are repeated, or a JSON list; `redaction`, `inputs` and `metadata` are JSON.",
    "properties": {
        FILE: {"type": "string", "format": "binary", "description": "The recording, up to 200 MB."},
        **{field.encode_name: {"type": "string"} for field in msgspec.structs.fields(JobSettings)},
    },
}


@post(
    "/jobs",
    status_code=202,
    opt=Operation(
        needs=Permission.JOBS_WRITE,
        summary="Create a job",
        tag="Jobs",
        body={JSON: JobRequest, FORM: _FORM_SCHEMA},
        examples={
            "Minutes of an uploaded meeting": {
                "upload_id": "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a",
                "solution": "meeting_minutes",
                "language": "zh-Hant",
                "formats": ["pdf", "srt"],
            },
            "A transcript of what lies at a URL": {"audio_url": "https://example.com/meeting.mp3"},
        },
        answers={
            200: Answer(description="With `duplicates=reuse`: the job that was there.", content=JobView, headers=_LOCATION),
            202: Answer(description="Accepted.", content=JobView, headers=_LOCATION),
        },
        problems={
            400: "The body cannot be read, or a header is not valid.",
            402: "The month's minutes are used up, or the tenant's storage is full; `quota` says why.",
            403: "The key may not do this, or the tenant's plan leaves something out (`not_in_plan`).",
            409: "The upload was used before, or with `duplicates=refuse` its recording (`job_id` names the job); or it is not "
            "finished.",
            410: "The job that the Idempotency-Key made was deleted.",
            413: "The body is too large.",
            415: "The body is neither JSON nor a form, or the file is no recording.",
            422: "Something in the request is not accepted; `errors` points to it.",
            429: "Too many requests, or too many jobs wait (`too_many_waiting`); `Retry-After` says how long to wait.",
        },
        codes=(
            "invalid_header",
            "invalid_form",
            "upload_used",
            "upload_unfinished",
            "upload_not_found",
            "upload_expired",
            "not_audio",
            "empty_file",
            "duplicate_recording",
            "recording_unknown",
            "job_erased",
            "idempotency_key_reused",
            "source_missing",
            "source_ambiguous",
            "file_missing",
            "too_many_files",
            "unknown_language",
            "too_many_waiting",
            "storage_full",
            *_CALLED,
            *WISHES,
        ),
    ).opt,
)
async def create_job(
    request: ApiRequest,
    gateway: Api,
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name="Idempotency-Key",
            description="1 to 255 printable characters, remembered for a day: a repeat of the request gets the same answer.",
        ),
    ] = None,
) -> Response[JobView]:
    """Transcribe a recording that was uploaded (`upload_id`), lies at a URL (`audio_url`), or comes along as the part
    `file` of a form. A job made from an upload has the upload's id.

    `solution` names the scenario that the report is written after, `inputs` fills in its fields, `report_language` and
    `report_mode` say in which language and by whom. What the solution wishes of the speech engine (language, speakers, key
    terms) fills what the job leaves open, as far as the engine can do it.

    A recording that was sent before is told by its SHA-256; `duplicates` says what to do then."""
    key = parse_idempotency_key(idempotency_key)
    content_type = request.headers.get("content-type", "")
    if content_type.lower().startswith(FORM):
        submitted = await _submit_form(request, gateway, content_type, key)
    else:
        order = await gateway.json(request, _JOB_REQUEST)
        submitted = await gateway.submissions.submit(request.user.tenant_id, order, key=key, traceparent=traceparent(request))
    headers = {"Location": gateway.views.url(f"/jobs/{submitted.job.id}")}
    if submitted.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(gateway.views.job(submitted.job), status_code=200 if submitted.reused else 202, headers=headers)


async def _submit_form(request: ApiRequest, gateway: Gateway, content_type: str, key: str | None) -> Submitted:
    """The file goes straight into the store; the other fields, which may come after it, are looked at then."""
    tenant_id = request.user.tenant_id
    body = gateway.body(request, limit=gateway.settings.form_max_bytes)
    form = Form(content_type, body.chunks())
    upload = await gateway.uploads.receive(
        tenant_id, form.file(), file_name=lambda: clean_file_name(form.file_name or ""), announced=body.announced
    )
    try:
        order = _order(form, upload_id=str(upload.id))
        submitted = await gateway.submissions.submit(
            tenant_id, order, key=key, traceparent=traceparent(request), content=upload.sha256
        )
    except Problem:
        await gateway.uploads.discard(tenant_id, upload.id)
        raise
    if submitted.replayed or submitted.reused:
        await gateway.uploads.discard(tenant_id, upload.id)
    return submitted


def _order(form: Form, *, upload_id: str) -> JobRequest:
    values = values_of(form.fields)
    if reserved := values.keys() & {"upload_id", "audio_url"}:
        name = reserved.pop()
        raise invalid(f"/{name}", "source_ambiguous", f"The form carries the file itself; leave {name} out.")
    try:
        return msgspec.convert({**values, "upload_id": upload_id}, JobRequest)
    except msgspec.ValidationError as error:
        raise not_valid(error, JobRequest) from None
