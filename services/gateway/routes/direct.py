"""`/v1/uploads/direct`: recordings that go straight to the S3 store, where the operator allows it."""

from __future__ import annotations

from uuid import UUID

import msgspec
from litestar import Response, post
from litestar.params import FromPath

from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.rates.policy import RateClass
from services.gateway.requests import DirectUploadRequest
from services.gateway.routes.context import Api, ApiRequest
from services.gateway.texts import clean_file_name
from services.gateway.views.uploads import DirectUploadView, UploadView, upload_view

_REQUEST = msgspec.json.Decoder(DirectUploadRequest)


@post(
    "/uploads/direct",
    opt=Operation(
        needs=Permission.UPLOADS_WRITE,
        counted=RateClass.UPLOADS,
        summary="Begin a direct upload",
        tag="Uploads",
        body={JSON: DirectUploadRequest},
        answers={201: Answer(description="Expected.", content=DirectUploadView, headers={"Location": "The upload."})},
        problems={
            400: "The body cannot be read.",
            402: "The tenant's storage has no room for it; `quota` says why.",
            404: "This installation takes no direct uploads.",
            413: "The recording is too large.",
            415: "The body is not JSON.",
            422: "Something in the body is not accepted.",
        },
        codes=("direct_uploads_off", "direct_uploads_impossible", "storage_full"),
    ).opt,
)
async def begin_direct_upload(request: ApiRequest, gateway: Api) -> Response[DirectUploadView]:
    """Get a request by which the file goes straight to the store: make it within the hour, with just these headers, and
    then say so by `POST /v1/uploads/{id}/complete`. Off unless the operator turned it on."""
    order = await gateway.json(request, _REQUEST)
    name = None if order.file_name is None else clean_file_name(order.file_name)
    direct = await gateway.direct.begin(request.user.tenant_id, size=order.size, file_name=name)
    view = DirectUploadView(
        upload=upload_view(direct.upload),
        method="PUT",
        url=direct.put.url,
        headers=dict(direct.put.headers),
        begin_before=direct.until,
    )
    return Response(view, headers={"Location": gateway.views.url(f"/uploads/{direct.upload.id}"), "Cache-Control": "no-store"})


@post(
    "/uploads/{upload_id:uuid}/complete",
    status_code=200,
    opt=Operation(
        needs=Permission.UPLOADS_WRITE,
        counted=RateClass.UPLOADS,
        summary="Complete a direct upload",
        tag="Uploads",
        answers={200: Answer(description="Looked at, now or before.", content=UploadView)},
        problems={
            404: "There is no such upload.",
            409: "Nothing has arrived in the store yet, or this is no direct upload.",
            415: "This is no recording; it is deleted.",
            422: "The store holds another number of bytes than announced; they are deleted.",
        },
        codes=("upload_not_found", "upload_unfinished", "upload_missing", "not_audio", "empty_file", "size_mismatch"),
    ).opt,
)
async def complete_direct_upload(request: ApiRequest, gateway: Api, upload_id: FromPath[UUID]) -> Response[UploadView]:
    """Say that the file was sent. It is read once, for its type and SHA-256, which takes some seconds for each gigabyte;
    then it is an upload like any other, for `POST /v1/jobs`."""
    return Response(upload_view(await gateway.direct.complete(request.user.tenant_id, upload_id)))
