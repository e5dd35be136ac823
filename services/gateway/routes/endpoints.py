"""`/v1/endpoints`: where customers want to be told what happens to their jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, QueryParameter

from services.gateway.codes import Code
from services.gateway.endpoints.destinations import header_names
from services.gateway.endpoints.requests import EndpointChange, NewEndpoint, ReplayRequest, Rotation
from services.gateway.endpoints.views import EndpointCreated, EndpointView, PublicKeys, TestView, endpoint_view, public_keys
from services.gateway.entity_tags import etag_with
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.context import CHANGED, ETAG, Api, ApiRequest, Gateway, IfMatch, traceparent
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.store.endpoints import EndpointRow
from services.gateway.views import Page
from shared.schemas.endpoints import EndpointKind
from shared.signing import endpoint_secret

_NEW_ENDPOINT = msgspec.json.Decoder(NewEndpoint)
_CHANGE = msgspec.json.Decoder(EndpointChange)
_ROTATION = msgspec.json.Decoder(Rotation)
_REPLAY = msgspec.json.Decoder(ReplayRequest)
_NOT_FOUND = {404: "There is no such endpoint."}
_BODY = {400: "The body cannot be read.", 415: "The body is not JSON.", 422: "Something in the body is not accepted."}
_WITHHELD = {409: "Nothing is sent: it is disabled, or its address is not confirmed or suppressed."}
_UNSEEN = {"Cache-Control": "no-store"}
_DESTINATION: tuple[Code, ...] = (
    "address_invalid",
    "url_invalid",
    "url_scheme",
    "url_port",
    "address_refused",
    "host_not_accepted",
    "header_invalid",
    "header_reserved",
    "headers_too_long",
    "token_invalid",
    "chat_invalid",
)
_ASKING: tuple[Code, ...] = ("public_url_missing", "confirmation_unanswered", "too_many_confirmations")
_SENDING: tuple[Code, ...] = (
    "endpoint_not_found",
    "endpoint_disabled",
    "endpoint_changed",
    "address_unconfirmed",
    "address_suppressed",
)
"""Where it leads; asking its reader; sending something there now."""

EndpointId = FromPath[UUID]


@post(
    "/endpoints",
    status_code=201,
    opt=Operation(
        needs=Permission.ENDPOINTS_WRITE,
        summary="Create an endpoint",
        tag="Endpoints",
        body={JSON: NewEndpoint},
        examples={
            "A webhook": {
                "kind": "webhook",
                "url": "https://example.com/hooks/audio2txt",
                "events": ["job.completed", "job.failed"],
            },
            "An e-mail address": {"kind": "email", "address": "chen@example.com"},
        },
        answers={
            201: Answer(
                description="Created; its secret is shown this once.", content=EndpointCreated, headers={"Location": "It."}
            )
        },
        problems={
            **_BODY,
            409: "The tenant has as many endpoints as it may have, or the address cannot be asked.",
            429: "Too many addresses were asked to confirm.",
        },
        codes=("too_many_endpoints", *_DESTINATION, *_ASKING),
    ).opt,
)
async def create_endpoint(request: ApiRequest, gateway: Api) -> Response[EndpointCreated]:
    """Have somebody told what happens to all jobs of the tenant: a webhook after Standard Webhooks, an e-mail address, or a
    chat of Slack, Teams, Discord, Telegram or ntfy. `kind` says which, and which fields there are. URLs, tokens and headers
    are kept sealed. An e-mail address is asked first whether it wants that, and gets nothing else until its reader says yes."""
    wish = await gateway.json(request, _NEW_ENDPOINT)
    row = await gateway.endpoints.create(request.user.tenant_id, wish, traceparent=traceparent(request))
    headers = {"Location": gateway.views.url(f"/endpoints/{row.id}"), **_UNSEEN}
    return Response(await _created(gateway, row), status_code=201, headers=headers)


@get(
    "/endpoints",
    opt=Operation(
        needs=Permission.ENDPOINTS_READ,
        summary="List endpoints",
        tag="Endpoints",
        answers={200: Answer(description="Newest first.", content=Page[EndpointView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_endpoints(
    request: ApiRequest,
    gateway: Api,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Endpoints on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
) -> Response[Page[EndpointView]]:
    """The tenant's endpoints, page by page, and how they fare."""
    rows = await gateway.endpoints.page(request.user.tenant_id, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(rows, limit)
    return page(gateway.views.url("/endpoints"), await _views(gateway, shown), following, limit=limit)


@get(
    "/endpoints/{endpoint_id:uuid}",
    opt=Operation(
        needs=Permission.ENDPOINTS_READ,
        summary="Show an endpoint",
        tag="Endpoints",
        answers={200: Answer(description="The endpoint.", content=EndpointView)},
        problems=_NOT_FOUND,
        codes=("endpoint_not_found",),
    ).opt,
)
async def get_endpoint(request: ApiRequest, gateway: Api, endpoint_id: EndpointId) -> Response[EndpointView]:
    """An endpoint, and how it fares."""
    return await _shown(gateway, await gateway.endpoints.find(request.user.tenant_id, endpoint_id))


@patch(
    "/endpoints/{endpoint_id:uuid}",
    opt=Operation(
        needs=Permission.ENDPOINTS_WRITE,
        summary="Change an endpoint",
        tag="Endpoints",
        body={JSON: EndpointChange},
        examples={"Send nothing for now": {"paused": True}, "Tell more": {"events": ["job.*"]}},
        answers={200: Answer(description="As it is now.", content=EndpointView, headers=ETAG)},
        problems={
            **_NOT_FOUND,
            **_BODY,
            409: "Others are changing it, or its new address cannot be asked.",
            412: CHANGED,
            429: "Too many addresses were asked to confirm.",
        },
        codes=("endpoint_not_found", "endpoint_changed", "precondition_failed", "not_of_this_kind", *_DESTINATION, *_ASKING),
    ).opt,
)
async def change_endpoint(
    request: ApiRequest, gateway: Api, endpoint_id: EndpointId, if_match: IfMatch = None
) -> Response[EndpointView]:
    """Change what is given, and leave the rest. `{"paused": true}` keeps messages back until `{"paused": false}`, which also
    switches on again what was disabled for its failures: what has piled up is then sent little by little."""
    wish = await gateway.json(request, _CHANGE)
    row = await gateway.endpoints.change(
        request.user.tenant_id, endpoint_id, wish, if_match=if_match, traceparent=traceparent(request)
    )
    return await _shown(gateway, row)


@delete(
    "/endpoints/{endpoint_id:uuid}",
    opt=Operation(
        needs=Permission.ENDPOINTS_WRITE,
        summary="Delete an endpoint",
        tag="Endpoints",
        answers={204: Answer(description="Deleted.")},
        problems={**_NOT_FOUND, 409: "Others are changing it.", 412: CHANGED},
        codes=("endpoint_not_found", "endpoint_changed", "precondition_failed"),
    ).opt,
)
async def delete_endpoint(request: ApiRequest, gateway: Api, endpoint_id: EndpointId, if_match: IfMatch = None) -> None:
    """Send nothing more; messages that wait are cancelled, what was sent stays in the log."""
    await gateway.endpoints.delete(request.user.tenant_id, endpoint_id, if_match=if_match, traceparent=traceparent(request))


@post(
    "/endpoints/{endpoint_id:uuid}/rotate",
    status_code=200,
    opt=Operation(
        needs=Permission.ENDPOINTS_WRITE,
        summary="Give an endpoint a new secret",
        tag="Endpoints",
        body={JSON: Rotation},
        body_required=False,
        answers={200: Answer(description="With the new secret, shown this once.", content=EndpointCreated)},
        problems={**_NOT_FOUND, **_BODY, 409: "Too many secrets are in use, or it is not signed for."},
        codes=("endpoint_not_found", "endpoint_changed", "nothing_to_rotate", "too_many_secrets"),
    ).opt,
)
async def rotate_secret(request: ApiRequest, gateway: Api, endpoint_id: EndpointId) -> Response[EndpointCreated]:
    """Messages are signed with the new secret and, for `overlap_hours`, with those before it, so that receivers can change
    over without losing any."""
    wish = await gateway.json(request, _ROTATION, default=Rotation())
    row = await gateway.endpoints.rotate(request.user.tenant_id, endpoint_id, wish, traceparent=traceparent(request))
    return Response(await _created(gateway, row), headers=_UNSEEN)


@post(
    "/endpoints/{endpoint_id:uuid}/test",
    status_code=202,
    opt=Operation(
        needs=Permission.ENDPOINTS_WRITE,
        summary="Send a test message",
        tag="Endpoints",
        answers={202: Answer(description="On its way.", content=TestView)},
        problems={**_NOT_FOUND, **_WITHHELD},
        codes=_SENDING,
    ).opt,
)
async def send_test(request: ApiRequest, gateway: Api, endpoint_id: EndpointId) -> Response[TestView]:
    """Send an `endpoint.test`, whatever the endpoint listens to."""
    asked = await gateway.endpoints.test(request.user.tenant_id, endpoint_id, traceparent=traceparent(request))
    return Response(TestView(message_id=f"msg_{asked.hex}"), status_code=202)


@post(
    "/endpoints/{endpoint_id:uuid}/confirmation",
    status_code=202,
    opt=Operation(
        needs=Permission.ENDPOINTS_WRITE,
        summary="Ask an address again",
        tag="Endpoints",
        answers={202: Answer(description="It is asked.", content=EndpointView)},
        problems={
            **_NOT_FOUND,
            409: "There is nothing to confirm, or it cannot be asked.",
            429: "It was asked within three hours, or too many were.",
        },
        codes=("endpoint_not_found", "nothing_to_confirm", "address_suppressed", "asked_lately", *_ASKING),
    ).opt,
)
async def ask_to_confirm(request: ApiRequest, gateway: Api, endpoint_id: EndpointId) -> Response[EndpointView]:
    """Send the e-mail with the button once more: after three hours at the earliest, and five times without an answer. The links
    in all of them work."""
    row = await gateway.endpoints.ask_again(request.user.tenant_id, endpoint_id)
    return Response((await _views(gateway, [row]))[0], status_code=202)


@post(
    "/endpoints/{endpoint_id:uuid}/replay",
    status_code=202,
    opt=Operation(
        needs=Permission.ENDPOINTS_WRITE,
        summary="Send again what failed or was missed",
        tag="Endpoints",
        body={JSON: ReplayRequest},
        answers={202: Answer(description="It is being done.")},
        problems={**_NOT_FOUND, **_BODY, **_WITHHELD},
        codes=_SENDING,
    ).opt,
)
async def replay(request: ApiRequest, gateway: Api, endpoint_id: EndpointId) -> Response[bytes]:
    """Send again, with the same ids, what failed since a time; with `missing`, also what the endpoint was never sent. It is
    done slowly, behind new messages."""
    wish = await gateway.json(request, _REPLAY)
    await gateway.endpoints.replay(request.user.tenant_id, endpoint_id, wish, traceparent=traceparent(request))
    return Response(b"", status_code=202)


@get(
    "/endpoints/{endpoint_id:uuid}/keys",
    opt=Operation(
        needs=Permission.ENDPOINTS_READ,
        summary="Fetch the public keys",
        tag="Endpoints",
        answers={200: Answer(description="A JSON Web Key Set.", content=PublicKeys, media_type="application/jwk-set+json")},
        problems=_NOT_FOUND,
        codes=("endpoint_not_found",),
    ).opt,
)
async def get_public_keys(request: ApiRequest, gateway: Api, endpoint_id: EndpointId) -> Response[PublicKeys]:
    """What `v1a` signatures of this endpoint are verified with now; empty where they are not asked for."""
    row = await gateway.endpoints.find(request.user.tenant_id, endpoint_id)
    return Response(public_keys(row, gateway.secret_key), media_type="application/jwk-set+json")


async def _views(gateway: Gateway, rows: Sequence[EndpointRow]) -> list[EndpointView]:
    health = await gateway.endpoints.log.health([row.id for row in rows])
    return [
        endpoint_view(
            row,
            health.get(row.id),
            headers=header_names(gateway.endpoints.destination(row)),
            master=gateway.secret_key,
        )
        for row in rows
    ]


async def _shown(gateway: Gateway, row: EndpointRow) -> Response[EndpointView]:
    (view,) = await _views(gateway, [row])
    return Response(view, headers={"ETag": etag_with(row.version, view)})


async def _created(gateway: Gateway, row: EndpointRow) -> EndpointCreated:
    signed = row.kind is EndpointKind.WEBHOOK
    secret = endpoint_secret(gateway.secret_key, row.id, row.keys[0].number) if signed else None
    return EndpointCreated(**msgspec.structs.asdict((await _views(gateway, [row]))[0]), secret=secret)
