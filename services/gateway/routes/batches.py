"""`/v1/batches`: many recordings in one request."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, HeaderParameter, QueryParameter

from services.gateway.batches.requests import NewBatch
from services.gateway.batches.views import BatchDetails, BatchView, batch_details, batch_view
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.context import Api, ApiRequest, traceparent
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.submission import parse_idempotency_key
from services.gateway.views import Page

_NEW_BATCH = msgspec.json.Decoder(NewBatch)
_NOT_FOUND = {404: "There is no such batch."}

BatchId = FromPath[UUID]


@post(
    "/batches",
    status_code=202,
    opt=Operation(
        needs=Permission.JOBS_WRITE,
        summary="Create many jobs",
        tag="Jobs",
        body={JSON: NewBatch},
        answers={
            202: Answer(
                description="Accepted, each recording for itself.",
                content=BatchDetails,
                headers={"Location": "The batch.", "Idempotent-Replayed": "`true` when this answers a repeat."},
            )
        },
        problems={
            400: "The body cannot be read, or a header is not valid.",
            415: "The body is not JSON.",
            422: "Something in the request is not accepted, or its key was used for another one.",
        },
        codes=("invalid_header", "idempotency_key_reused"),
    ).opt,
)
async def create_batch(
    request: ApiRequest,
    gateway: Api,
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name="Idempotency-Key",
            description="1 to 255 printable characters: a repeat goes on where the request before broke off, and makes no job "
            "twice.",
        ),
    ] = None,
) -> Response[BatchDetails]:
    """Transcribe up to 500 recordings after one profile: everything that can be asked of a job, and in `items` the uploads
    and URLs, each with a title, tags and metadata of its own. Each recording becomes a job, or is told in `items` why it does
    not; the others are not held up by it."""
    wish = await gateway.json(request, _NEW_BATCH)
    key = parse_idempotency_key(idempotency_key)
    batch, replayed = await gateway.batches.make(request.user.tenant_id, wish, key=key, traceparent=traceparent(request))
    headers = {"Location": gateway.views.url(f"/batches/{batch.id}")}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    states = await gateway.batches.store.states([batch])
    return Response(batch_details(batch, states, gateway.views), status_code=202, headers=headers)


@get(
    "/batches",
    opt=Operation(
        needs=Permission.JOBS_READ,
        summary="List batches",
        tag="Jobs",
        answers={200: Answer(description="Newest first.", content=Page[BatchView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_batches(
    request: ApiRequest,
    gateway: Api,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Batches on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
) -> Response[Page[BatchView]]:
    """The tenant's batches, page by page, and how their jobs stand."""
    rows = await gateway.batches.store.page(request.user.tenant_id, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(rows, limit)
    states = await gateway.batches.store.states(shown)
    views = [batch_view(batch, states, gateway.views) for batch in shown]
    return page(gateway.views.url("/batches"), views, following, limit=limit)


@get(
    "/batches/{batch_id:uuid}",
    opt=Operation(
        needs=Permission.JOBS_READ,
        summary="Show a batch",
        tag="Jobs",
        answers={200: Answer(description="The batch.", content=BatchDetails)},
        problems=_NOT_FOUND,
        codes=("batch_not_found",),
    ).opt,
)
async def get_batch(request: ApiRequest, gateway: Api, batch_id: BatchId) -> Response[BatchDetails]:
    """A batch, how many of its jobs stand where, and what became of each recording. `GET /v1/jobs?batch=` lists its jobs."""
    batch = await gateway.batches.find(request.user.tenant_id, batch_id)
    return Response(batch_details(batch, await gateway.batches.store.states([batch]), gateway.views))


@post(
    "/batches/{batch_id:uuid}/cancel",
    status_code=200,
    opt=Operation(
        needs=Permission.JOBS_WRITE,
        summary="Cancel a batch",
        tag="Jobs",
        answers={200: Answer(description="As it is now.", content=BatchDetails)},
        problems=_NOT_FOUND,
        codes=("batch_not_found",),
    ).opt,
)
async def cancel_batch(request: ApiRequest, gateway: Api, batch_id: BatchId) -> Response[BatchDetails]:
    """Stop the work on all jobs that the batch made and that have not ended; what has ended stays."""
    batch = await gateway.batches.cancel(request.user.tenant_id, batch_id)
    return Response(batch_details(batch, await gateway.batches.store.states([batch]), gateway.views))
