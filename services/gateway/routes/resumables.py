"""`/v1/uploads` for clients of tus 1.0.0: uploads that are sent piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import format_datetime
from typing import Annotated
from uuid import UUID

from litestar import HttpMethod, Response, delete, head, patch, route
from litestar.params import FromPath, HeaderParameter

from services.gateway.admission import PUBLIC
from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import Problem
from services.gateway.rates.policy import RateClass
from services.gateway.resuming import Standing
from services.gateway.routes.context import Api, ApiRequest, Gateway
from services.gateway.texts import clean_file_name
from services.gateway.tus import (
    ALGORITHMS,
    CONTENT_TYPE,
    EXTENSIONS,
    VERSION,
    VERSION_HEADER,
    Checksum,
    check_version,
    parse_checksum,
    parse_metadata,
    parse_size,
)
from services.gateway.views.uploads import UploadView, upload_view

STANDING: Mapping[str, str] = {
    "Tus-Resumable": "The version of the protocol.",
    "Upload-Offset": "How many bytes are stored.",
    "Upload-Expires": "When the upload is deleted, unless more of it comes.",
}
_FILE_NAMES = ("filename", "name")
"""What clients call the file's name in `Upload-Metadata`."""

_NOT_FOUND = "There is no such upload."
_LOCKED = "Another request is at this upload, and does not end."
_LOST = "The store has lost the upload."


@route("/uploads", http_method=[HttpMethod.OPTIONS], status_code=204, opt={PUBLIC: True})
async def describe_protocol(gateway: Api) -> Response[None]:
    """What of the protocol is spoken here."""
    headers = {
        "Allow": "OPTIONS, POST",
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(gateway.settings.upload_max_bytes),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }
    return Response(None, headers={**VERSION_HEADER, **headers})


@head(
    "/uploads/{upload_id:uuid}",
    opt=Operation(
        # It stops whoever is sending, and may finish the upload.
        needs=Permission.UPLOADS_WRITE,
        counted=RateClass.UPLOADS,
        summary="Ask how far an upload is",
        tag="Uploads",
        answers={
            200: Answer(
                description="The upload stands there.",
                headers={
                    **STANDING,
                    "Upload-Length": "How many bytes it will have.",
                    "Upload-Metadata": "As it was given.",
                },
            )
        },
        problems={
            404: _NOT_FOUND,
            409: "The upload is not resumable, and still running.",
            410: _LOST,
            412: "Tus-Resumable names another version.",
            423: _LOCKED,
        },
        codes=("upload_not_found", "upload_unfinished", "upload_lost", "tus_version", "upload_locked", "upload_taken_over"),
    ).opt,
)
async def get_offset(request: ApiRequest, gateway: Api, upload_id: FromPath[UUID]) -> Response[None]:
    """Where to go on with a resumable upload. A request that is still sending to it is stopped first, with all it brought
    stored, as after a network change only the server believes in it; GET looks without stopping anybody."""
    if version := request.headers.get("tus-resumable"):
        check_version(version)
    standing = await gateway.resumables.standing(request.user.tenant_id, upload_id)
    headers = {**_standing_headers(standing), "Upload-Length": str(standing.length), "Cache-Control": "no-store"}
    if standing.metadata is not None:
        headers["Upload-Metadata"] = standing.metadata
    return Response(None, headers=headers)


@patch(
    "/uploads/{upload_id:uuid}",
    status_code=204,
    opt=Operation(
        needs=Permission.UPLOADS_WRITE,
        counted=RateClass.UPLOADS,
        summary="Send bytes of an upload",
        tag="Uploads",
        required=("Tus-Resumable", "Upload-Offset"),
        body={CONTENT_TYPE: {"type": "string", "format": "binary", "description": "The bytes from Upload-Offset on."}},
        answers={204: Answer(description="Stored.", headers=STANDING)},
        problems={
            400: "A header is not valid.",
            404: _NOT_FOUND,
            408: "The upload stood still for too long; what came is stored.",
            409: "The upload stands at another byte, which `Upload-Offset` tells; or it is not resumable.",
            410: _LOST,
            412: "Tus-Resumable is missing, or names another version.",
            413: "More bytes came than the upload was to have.",
            415: f"The body is not {CONTENT_TYPE}, or encoded; or the upload is no recording, and deleted.",
            423: _LOCKED,
            460: "The bytes do not have the announced checksum, and are not stored.",
        },
        codes=(
            "invalid_header",
            "upload_not_found",
            "upload_stalled",
            "offset_mismatch",
            "upload_unfinished",
            "upload_lost",
            "tus_version",
            "too_large",
            "unsupported_media_type",
            "content_encoding_refused",
            "not_audio",
            "empty_file",
            "upload_locked",
            "upload_taken_over",
            "checksum_mismatch",
        ),
    ).opt,
)
async def append_to_upload(
    request: ApiRequest,
    gateway: Api,
    upload_id: FromPath[UUID],
    *,
    tus_resumable: Annotated[str | None, HeaderParameter(name="Tus-Resumable", description="`1.0.0`.")] = None,
    upload_offset: Annotated[
        str | None, HeaderParameter(name="Upload-Offset", description="Where these bytes belong: what HEAD says.")
    ] = None,
    upload_checksum: Annotated[
        str | None,
        HeaderParameter(
            name="Upload-Checksum",
            description=f"An algorithm ({', '.join(ALGORITHMS)}), a space, and the digest of these bytes in base64. With it "
            "a request counts as a whole or not at all.",
        ),
    ] = None,
) -> Response[None]:
    """Go on with a resumable upload. What arrives of a request that breaks off is stored, and counts. After the last byte
    it is an upload like any other, for `POST /v1/jobs`."""
    check_version(tus_resumable)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise Problem(415, "unsupported_media_type", f"Send bytes of an upload with Content-Type: {CONTENT_TYPE}.")
    offset = parse_size("Upload-Offset", upload_offset)
    standing = await _append(request, gateway, upload_id, offset=offset, checksum=parse_checksum(upload_checksum))
    return Response(None, headers=_standing_headers(standing))


@delete(
    "/uploads/{upload_id:uuid}",
    opt=Operation(
        needs=Permission.UPLOADS_WRITE,
        counted=RateClass.UPLOADS,
        summary="Delete an upload",
        tag="Uploads",
        answers={204: Answer(description="Deleted.")},
        problems={
            404: _NOT_FOUND,
            409: "The upload became a job (`job_id` names it), or is not resumable and still running.",
            412: "Tus-Resumable names another version.",
            423: _LOCKED,
        },
        codes=("upload_not_found", "upload_unfinished", "upload_used", "tus_version", "upload_locked"),
    ).opt,
)
async def delete_upload(request: ApiRequest, gateway: Api, upload_id: FromPath[UUID]) -> Response[None]:
    """Delete an upload that is not a job yet, with its bytes; one that is still being sent is stopped."""
    if version := request.headers.get("tus-resumable"):
        check_version(version)
    await gateway.resumables.terminate(request.user.tenant_id, upload_id)
    return Response(None, headers=dict(VERSION_HEADER))


async def begin(
    request: ApiRequest, gateway: Gateway, version: str, *, length: str | None, metadata: str | None, name: str | None
) -> Response[UploadView]:
    """Answer a `POST /v1/uploads` that begins a resumable upload, and may bring its first bytes. Raises `Problem`."""
    check_version(version)
    tenant_id, values = request.user.tenant_id, parse_metadata(metadata)
    checksum = parse_checksum(request.headers.get("upload-checksum"))
    given = name or next((values[known] for known in _FILE_NAMES if known in values), None)
    upload_id = await gateway.resumables.create(
        tenant_id,
        length=parse_size("Upload-Length", length),
        limit=gateway.settings.upload_max_bytes,
        metadata=metadata,
        file_name=None if given is None else clean_file_name(given),
    )
    if request.headers.get("content-type", "").lower().startswith(CONTENT_TYPE):
        await _append(request, gateway, upload_id, offset=0, checksum=checksum)
    upload = await gateway.uploads.store.find(tenant_id, upload_id)
    if upload is None:
        raise Problem(404, "upload_not_found", "The upload was deleted meanwhile.")
    received = upload.size if upload.received is None else upload.received
    standing = Standing(received=received or 0, length=upload.size or 0, expires_at=upload.expires_at)
    headers = {**_standing_headers(standing), "Location": gateway.views.url(f"/uploads/{upload_id}")}
    return Response(upload_view(upload), headers=headers)


async def _append(
    request: ApiRequest, gateway: Gateway, upload_id: UUID, *, offset: int, checksum: Checksum | None
) -> Standing:
    return await gateway.resumables.append(
        request.user.tenant_id,
        upload_id,
        offset=offset,
        open_body=lambda limit: gateway.body(request, limit=limit),
        checksum=checksum,
    )


def _standing_headers(standing: Standing) -> dict[str, str]:
    headers = {**VERSION_HEADER, "Upload-Offset": str(standing.received)}
    if standing.expires_at is not None:
        headers["Upload-Expires"] = format_datetime(standing.expires_at, usegmt=True)
    return headers
