"""`/v1/deliveries`: what was sent to whom, and what came back."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter

from services.gateway.audit import Action
from services.gateway.endpoints.views import DeliveryDetails, DeliveryView, delivery_details, delivery_view
from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.context import Api, ApiRequest, traceparent
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.store.deliveries import DeliveryFilter
from services.gateway.views import Page
from shared.schemas.endpoints import DeliveryStatus

_NOT_FOUND = {404: "There is no such delivery."}

DeliveryId = FromPath[UUID]


@get(
    "/deliveries",
    opt=Operation(
        needs=Permission.DELIVERIES_READ,
        summary="List deliveries",
        tag="Deliveries",
        answers={200: Answer(description="Newest first.", content=Page[DeliveryView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_deliveries(
    request: ApiRequest,
    gateway: Api,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Deliveries on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
    endpoint_id: Annotated[UUID | None, QueryParameter(description="Only to this endpoint.")] = None,
    job_id: Annotated[UUID | None, QueryParameter(name="job", description="Only about this job.")] = None,
    message_id: Annotated[str | None, QueryParameter(description="Only of this message.")] = None,
    status: Annotated[DeliveryStatus | None, QueryParameter(description="Only those that stand so.")] = None,
) -> Response[Page[DeliveryView]]:
    """Every message to every endpoint, callbacks of jobs among them, as long as the log is kept."""
    wanted = DeliveryFilter(endpoint_id=endpoint_id, job_id=job_id, message_id=message_id, status=status)
    records = await gateway.endpoints.log.page(request.user.tenant_id, wanted, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(records, limit)
    given = {"endpoint_id": endpoint_id, "job": job_id, "message_id": message_id, "status": status}
    return page(gateway.views.url("/deliveries"), list(map(delivery_view, shown)), following, limit=limit, **given)


@get(
    "/deliveries/{delivery_id:uuid}",
    opt=Operation(
        needs=Permission.DELIVERIES_READ,
        summary="Show a delivery",
        tag="Deliveries",
        answers={200: Answer(description="With its attempts.", content=DeliveryDetails)},
        problems=_NOT_FOUND,
        codes=("delivery_not_found",),
    ).opt,
)
async def get_delivery(request: ApiRequest, gateway: Api, delivery_id: DeliveryId) -> Response[DeliveryDetails]:
    """What was sent when, and what came back; secrets are masked."""
    record = await gateway.endpoints.delivery(request.user.tenant_id, delivery_id)
    gateway.audit.read(Action.DELIVERY_READ, request.user.tenant_id, record.id)
    return Response(delivery_details(record, await gateway.endpoints.log.attempts(record.id)))


@post(
    "/deliveries/{delivery_id:uuid}/redeliver",
    status_code=202,
    opt=Operation(
        needs=Permission.DELIVERIES_WRITE,
        summary="Send a message again",
        tag="Deliveries",
        answers={202: Answer(description="It is on its way.", content=DeliveryView)},
        problems={**_NOT_FOUND, 409: "Its endpoint was deleted or disabled, or nothing is sent to its address."},
        codes=(
            "delivery_not_found",
            "endpoint_deleted",
            "endpoint_disabled",
            "endpoint_changed",
            "address_unconfirmed",
            "address_suppressed",
        ),
    ).opt,
)
async def redeliver(request: ApiRequest, gateway: Api, delivery_id: DeliveryId) -> Response[DeliveryView]:
    """Send it once more with the same id, whatever became of it."""
    record = await gateway.endpoints.redeliver(request.user.tenant_id, delivery_id, traceparent=traceparent(request))
    return Response(delivery_view(record), status_code=202)
