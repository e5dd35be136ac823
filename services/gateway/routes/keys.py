"""`/v1/keys`: the tenant's API keys."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Meta

from services.gateway.api_keys import Issued, KeyRotation, NewKey
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission, Role
from services.gateway.routes.context import Api, ApiRequest
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.store.keys import KeyRow
from services.gateway.views import Id, Page, Time

_NEW_KEY = msgspec.json.Decoder(NewKey)
_ROTATION = msgspec.json.Decoder(KeyRotation)
_NOT_FOUND = {404: "There is no such key."}
_BODY = {400: "The body cannot be read.", 415: "The body is not JSON.", 422: "Something in the body is not accepted."}
_UNSEEN = {"Cache-Control": "no-store"}

KeyId = FromPath[UUID]


class KeyState(enum.StrEnum):
    """Whether a key opens anything."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ApiKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """An API key. What it is itself, only its maker knows."""

    id: Id
    name: Annotated[str, Meta(description="What it is for.", examples=["The archive's importer"])]
    hint: Annotated[str, Meta(description="How it begins and ends.", examples=["a2t_live_…x7Qp"])]
    state: KeyState
    role: Annotated[Role, Meta(description="What it may do in the tenant.", examples=["editor"])]
    scopes: Annotated[tuple[str, ...] | None, Meta(description="What the role is narrowed to; null is all of it.")]
    permissions: Annotated[tuple[Permission, ...], Meta(description="What it may do, role and scopes together.")]
    made_by: Annotated[
        UUID | None, Meta(description="The key it was made with, or the user who made it; null for an operator.")
    ]
    created_at: Time
    expires_at: Annotated[Time | None, Meta(description="When it ends; null is never.")]
    last_used_at: Annotated[Time | None, Meta(description="Its last use, to the minute; null while there is none.")]
    revoked_at: Annotated[Time | None, Meta(description="When it was revoked.")]
    replaced_by: Annotated[UUID | None, Meta(description="The key that a rotation put in its place.")]


class KeyCreated(ApiKeyView, frozen=True, kw_only=True):
    """A fresh key."""

    key: Annotated[str, Meta(description="The key itself; it is shown this once and stored nowhere.")]


@post(
    "/keys",
    status_code=201,
    opt=Operation(
        needs=Permission.KEYS_WRITE,
        summary="Make a key",
        tag="Keys",
        body={JSON: NewKey},
        answers={201: Answer(description="Made; the key is shown this once.", content=KeyCreated, headers={"Location": "It."})},
        problems={**_BODY, 409: "The tenant has as many keys as it may have."},
        codes=("too_many_keys", "scope_not_of_role"),
    ).opt,
)
async def create_key(request: ApiRequest, gateway: Api) -> Response[KeyCreated]:
    """A key for a program or a person, with a role that `scopes` may narrow. A key makes none that may do more than itself."""
    issued = await gateway.keys.create(request.user, await gateway.json(request, _NEW_KEY))
    headers = {"Location": gateway.views.url(f"/keys/{issued.row.id}"), **_UNSEEN}
    return Response(_created(issued), status_code=201, headers=headers)


@get(
    "/keys",
    opt=Operation(
        needs=Permission.KEYS_READ,
        summary="List keys",
        tag="Keys",
        answers={200: Answer(description="Newest first.", content=Page[ApiKeyView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_keys(
    request: ApiRequest,
    gateway: Api,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Keys on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
) -> Response[Page[ApiKeyView]]:
    """The tenant's keys, page by page, with their last use; expired and revoked ones stay in the list."""
    rows = await gateway.keys.page(request.user.tenant_id, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(rows, limit)
    return page(gateway.views.url("/keys"), list(map(_view, shown)), following, limit=limit)


@get(
    "/keys/{key_id:uuid}",
    opt=Operation(
        needs=Permission.KEYS_READ,
        summary="Show a key",
        tag="Keys",
        answers={200: Answer(description="The key, without itself.", content=ApiKeyView)},
        problems=_NOT_FOUND,
        codes=("key_not_found",),
    ).opt,
)
async def get_key(request: ApiRequest, gateway: Api, key_id: KeyId) -> Response[ApiKeyView]:
    """What a key may do, until when, and when it was last used."""
    return Response(_view(await gateway.keys.find(request.user.tenant_id, key_id)))


@post(
    "/keys/{key_id:uuid}/rotate",
    status_code=201,
    opt=Operation(
        needs=Permission.KEYS_WRITE,
        summary="Rotate a key",
        tag="Keys",
        body={JSON: KeyRotation},
        body_required=False,
        answers={
            201: Answer(description="The new key, shown this once.", content=KeyCreated, headers={"Location": "The new key."})
        },
        problems={**_NOT_FOUND, **_BODY, 409: "It has ended, or has been rotated before."},
        codes=("key_not_found", "key_not_current"),
    ).opt,
)
async def rotate_key(request: ApiRequest, gateway: Api, key_id: KeyId) -> Response[KeyCreated]:
    """Put a new key that may do the same in the place of an old one, which goes on for `overlap_hours`, so that its users
    can change over without an outage."""
    wish = await gateway.json(request, _ROTATION, default=KeyRotation())
    issued = await gateway.keys.rotate(request.user, key_id, wish)
    headers = {"Location": gateway.views.url(f"/keys/{issued.row.id}"), **_UNSEEN}
    return Response(_created(issued), status_code=201, headers=headers)


@delete(
    "/keys/{key_id:uuid}",
    opt=Operation(
        needs=Permission.KEYS_WRITE,
        summary="Revoke a key",
        tag="Keys",
        answers={204: Answer(description="Revoked, now or before.")},
        problems=_NOT_FOUND,
        codes=("key_not_found",),
    ).opt,
)
async def revoke_key(request: ApiRequest, gateway: Api, key_id: KeyId) -> None:
    """End a key for good. The process that answers takes it no more from then on, other processes of the gateway within half
    a minute. A tenant that revoked its last key is given one by the operator (`audio2txt admin keys add`)."""
    await gateway.keys.revoke(request.user, key_id)


def _view(row: KeyRow) -> ApiKeyView:
    now = dt.datetime.now(dt.UTC)
    state = KeyState.REVOKED if row.revoked_at else KeyState.EXPIRED if row.ended(now) else KeyState.ACTIVE
    shown = {name: value for name, value in msgspec.structs.asdict(row).items() if name != "tenant_id"}
    return ApiKeyView(state=state, permissions=tuple(sorted(row.permissions)), **shown)


def _created(issued: Issued) -> KeyCreated:
    return KeyCreated(key=issued.key, **msgspec.structs.asdict(_view(issued.row)))
