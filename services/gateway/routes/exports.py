"""`/v1/exports`: everything of the tenant in one file."""

from __future__ import annotations

import enum
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import HttpMethod, Response, get, post, route
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from msgspec import Meta

from services.gateway.audit import Action
from services.gateway.downloads import Conditions, download
from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.privacy.exports import export_key
from services.gateway.problems import Problem
from services.gateway.routes.context import Api, ApiRequest
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.routes.stored import (
    BLOB_HEADERS,
    BYTES,
    PART_HEADERS,
    UNCHANGED_HEADERS,
    IfNoneMatch,
    IfRange,
    Range,
    info_of,
)
from services.gateway.store.exports import Export
from services.gateway.views import Id, Page, Time

ZIP = "application/zip"
_NOT_FOUND = {404: "There is no such export (any more)."}
ExportId = FromPath[UUID]


class ExportState(enum.StrEnum):
    """How far an export is."""

    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


class ExportView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the tenant, as it was when the file was made."""

    id: Id
    state: ExportState
    requested_at: Time
    finished_at: Annotated[Time | None, Meta(description="When the file was there, or given up.")]
    expires_at: Annotated[Time | None, Meta(description="When the file is removed.")]
    size: Annotated[int | None, Meta(description="Bytes of the file; null while there is none.", examples=[48211904])]
    failure: Annotated[str | None, Meta(description="Why there is none.")]


@post(
    "/exports",
    status_code=202,
    opt=Operation(
        needs=Permission.PRIVACY_WRITE,
        summary="Export everything",
        tag="Privacy",
        answers={202: Answer(description="It is being made.", content=ExportView, headers={"Location": "The export."})},
        problems={409: "Another one is being made."},
        codes=("export_running",),
    ).opt,
)
async def create_export(request: ApiRequest, gateway: Api) -> Response[ExportView]:
    """Have everything of the tenant put into one ZIP file: jobs, endpoints, users, keys (without what is secret), the audit
    log and usage as lines of JSON, and all recordings, answers, transcripts, reports and files as they are. It is there for a
    week, or until something in it is erased."""
    export = await gateway.exports.ask(request.user.tenant_id)
    return Response(_view(export), status_code=202, headers={"Location": gateway.views.url(f"/exports/{export.id}")})


@get(
    "/exports",
    opt=Operation(
        needs=Permission.PRIVACY_READ,
        summary="List exports",
        tag="Privacy",
        answers={200: Answer(description="Newest first.", content=Page[ExportView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_exports(
    request: ApiRequest,
    gateway: Api,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Exports on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
) -> Response[Page[ExportView]]:
    """Those that have not expired."""
    rows = await gateway.exports.store.page(request.user.tenant_id, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(rows, limit)
    return page(gateway.views.url("/exports"), list(map(_view, shown)), following, limit=limit)


@get(
    "/exports/{export_id:uuid}",
    opt=Operation(
        needs=Permission.PRIVACY_READ,
        summary="Show an export",
        tag="Privacy",
        answers={200: Answer(description="The export.", content=ExportView)},
        problems=_NOT_FOUND,
        codes=("export_not_found",),
    ).opt,
)
async def get_export(request: ApiRequest, gateway: Api, export_id: ExportId) -> Response[ExportView]:
    """How far it is."""
    return Response(_view(await gateway.exports.find(request.user.tenant_id, export_id)))


@route(
    "/exports/{export_id:uuid}/file",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    opt=Operation(
        needs=Permission.PRIVACY_WRITE,
        summary="Fetch an export",
        tag="Privacy",
        answers={
            200: Answer(description="The file.", content=BYTES, media_type=ZIP, headers=BLOB_HEADERS),
            206: Answer(description="The range asked for.", content=BYTES, media_type=ZIP, headers=PART_HEADERS),
            304: Answer(description="Not changed since If-None-Match.", headers=UNCHANGED_HEADERS),
        },
        problems={**_NOT_FOUND, 409: "It is not ready.", 416: "The range lies beyond the end."},
        codes=("export_not_found", "export_not_ready", "range_not_satisfiable"),
    ).opt,
)
async def get_export_file(
    request: ApiRequest,
    gateway: Api,
    *,
    export_id: ExportId,
    range_: Range = None,
    if_range: IfRange = None,
    if_none_match: IfNoneMatch = None,
) -> Stream | Response[bytes]:
    """The ZIP file, in ranges where wanted. That it was fetched is in the audit log."""
    export = await gateway.exports.find(request.user.tenant_id, export_id)
    info = await info_of(gateway.blobs, export_key(export.tenant_id, export.id)) if export.is_ready else None
    if info is None:
        raise Problem(409, "export_not_ready", f"The export has no file; it is {_view(export).state}.")
    conditions = Conditions(method=request.method, range=range_, if_range=if_range, if_none_match=if_none_match)
    answer = await download(gateway.blobs, info, conditions, media_type=ZIP, file_name=f"export-{export.id}.zip")
    if request.method == "GET" and answer.status_code in (200, 206):
        gateway.audit.read(Action.EXPORT_READ, export.tenant_id, export.id)
    return answer


def _view(export: Export) -> ExportView:
    state = ExportState.RUNNING if export.finished_at is None else ExportState.READY if export.is_ready else ExportState.FAILED
    return ExportView(
        id=export.id,
        state=state,
        requested_at=export.requested_at,
        finished_at=export.finished_at,
        expires_at=export.expires_at,
        size=export.size,
        failure=export.failure,
    )
