"""`/v1/suppressions`: addresses that the tenant's e-mails do not go to any more."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get
from litestar.params import FromPath, QueryParameter

from services.gateway.endpoints.views import SuppressionView, suppression_view
from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.context import Api, ApiRequest, traceparent
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.views import Page


@get(
    "/suppressions",
    opt=Operation(
        needs=Permission.ENDPOINTS_READ,
        summary="List suppressed addresses",
        tag="Suppressions",
        answers={200: Answer(description="Newest first.", content=Page[SuppressionView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_suppressions(
    request: ApiRequest,
    gateway: Api,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Addresses on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
    address: Annotated[str | None, QueryParameter(description="Only this one.")] = None,
) -> Response[Page[SuppressionView]]:
    """Addresses that do not exist, as the mail server said, or whose readers have unsubscribed. Nothing is sent to them by any
    endpoint."""
    rows = await gateway.endpoints.addresses.suppressions(
        request.user.tenant_id, address, after=cursor_of(after), limit=limit + 1
    )
    shown, following = cut(rows, limit)
    url = gateway.views.url("/suppressions")
    return page(url, list(map(suppression_view, shown)), following, limit=limit, address=address)


@delete(
    "/suppressions/{suppression_id:uuid}",
    opt=Operation(
        needs=Permission.ENDPOINTS_WRITE,
        summary="Lift a suppression",
        tag="Suppressions",
        answers={204: Answer(description="Lifted.")},
        problems={
            404: "There is no such suppression.",
            409: "Its reader cannot be asked.",
            429: "Too many addresses were asked to confirm.",
        },
        codes=("suppression_not_found", "public_url_missing", "confirmation_unanswered", "too_many_confirmations"),
    ).opt,
)
async def lift_suppression(request: ApiRequest, gateway: Api, suppression_id: FromPath[UUID]) -> None:
    """Send to the address again, by all endpoints that lead there, what happens from now on. Whoever has unsubscribed is asked
    first, as with a new address."""
    await gateway.endpoints.addresses.lift(request.user.tenant_id, suppression_id, traceparent=traceparent(request))
