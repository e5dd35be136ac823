"""`/v1/uploads`: recordings of any size, as they are."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, HeaderParameter, QueryParameter

from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import Problem
from services.gateway.rates.policy import RateClass
from services.gateway.routes.context import Api, ApiRequest
from services.gateway.routes.resumables import STANDING, begin
from services.gateway.texts import clean_file_name
from services.gateway.tus import check_version
from services.gateway.uploads import parse_digest
from services.gateway.views.uploads import UploadView, upload_view

_BINARY = {"type": "string", "format": "binary", "description": "The recording itself."}


@post(
    "/uploads",
    opt=Operation(
        needs=Permission.UPLOADS_WRITE,
        counted=RateClass.UPLOADS,
        summary="Upload a recording",
        tag="Uploads",
        body={"application/octet-stream": _BINARY, "audio/*": _BINARY, "video/*": _BINARY},
        body_required=False,
        answers={
            201: Answer(
                description="Stored; or begun, where it is to be resumable.",
                content=UploadView,
                headers={"Location": "The upload.", **STANDING},
            )
        },
        problems={
            400: "A parameter or header is not valid.",
            402: "The tenant's storage has no room for it; `quota` says why.",
            408: "The upload stood still for too long.",
            412: "Tus-Resumable names another version.",
            413: "The recording is too large.",
            415: "This is no recording, or it is encoded.",
            422: "The file is empty, or does not have the announced SHA-256.",
        },
        codes=(
            "invalid_header",
            "upload_stalled",
            "upload_expired",
            "tus_version",
            "too_large",
            "not_audio",
            "unsupported_media_type",
            "content_encoding_refused",
            "empty_file",
            "storage_full",
            "digest_mismatch",
            "upload_not_found",
            "upload_taken_over",
            "checksum_mismatch",
        ),
    ).opt,
)
async def create_upload(
    request: ApiRequest,
    gateway: Api,
    *,
    file_name: Annotated[str | None, QueryParameter(description="The file's name, for display only.")] = None,
    content_digest: Annotated[
        str | None,
        HeaderParameter(name="Content-Digest", description="RFC 9530, as in `sha-256=:…:`; checked when it is there."),
    ] = None,
    tus_resumable: Annotated[
        str | None, HeaderParameter(name="Tus-Resumable", description="`1.0.0` begins a resumable upload.")
    ] = None,
    upload_length: Annotated[
        str | None, HeaderParameter(name="Upload-Length", description="All bytes of a resumable upload.")
    ] = None,
    upload_metadata: Annotated[
        str | None,
        HeaderParameter(
            name="Upload-Metadata",
            description="Of a resumable upload: names with values in base64; `filename` is the file's name.",
        ),
    ] = None,
) -> Response[UploadView]:
    """Send the file's bytes as the request's body, of any length and with or without Content-Length. Its first bytes
    decide whether it is a recording; Content-Type does not matter. The upload waits a day for `POST /v1/jobs`.

    For an upload that survives broken connections use a client of the tus protocol, version 1.0.0, with this URL as its
    endpoint: `Tus-Resumable: 1.0.0` with `Upload-Length` begins an upload, `PATCH` sends its bytes, `HEAD` tells how many
    are stored."""
    if tus_resumable is not None:
        return await begin(request, gateway, tus_resumable, length=upload_length, metadata=upload_metadata, name=file_name)
    if upload_length is not None:
        check_version(None)
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        detail = "Send the bytes of the file as the body (curl -T FILE), not a multipart form; POST /v1/jobs takes forms."
        raise Problem(415, "unsupported_media_type", detail)
    digest = parse_digest(content_digest)
    body = gateway.body(request, limit=gateway.settings.upload_max_bytes)
    name = None if file_name is None else clean_file_name(file_name)
    upload = await gateway.uploads.receive(
        request.user.tenant_id, body.chunks(), file_name=lambda: name, digest=digest, announced=body.announced
    )
    return Response(upload_view(upload), headers={"Location": gateway.views.url(f"/uploads/{upload.id}")})


@get(
    "/uploads/{upload_id:uuid}",
    opt=Operation(
        needs=Permission.UPLOADS_READ,
        summary="Show an upload",
        tag="Uploads",
        answers={200: Answer(description="The upload.", content=UploadView)},
        problems={404: "There is no such upload."},
        codes=("upload_not_found",),
    ).opt,
)
async def get_upload(request: ApiRequest, gateway: Api, upload_id: FromPath[UUID]) -> Response[UploadView]:
    """Where an upload stands. A `used` one has become the job with the same id."""
    upload = await gateway.uploads.store.find(request.user.tenant_id, upload_id)
    if upload is None:
        raise Problem(404, "upload_not_found", "There is no upload with this id; it may have expired.")
    return Response(upload_view(upload))
