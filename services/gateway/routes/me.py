"""`/v1/me`: what users do about themselves."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, patch, put
from msgspec import Meta

from services.gateway.entity_tags import etag_with, version_of
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.account import TenantView
from services.gateway.routes.context import BODY_PROBLEMS, CHANGED, ETAG, Api, ApiRequest, IfMatch, address_of, user_of
from services.gateway.routes.users import UserView, view_of
from services.gateway.store.accounts import Means, Principal
from services.gateway.store.users import UserRow
from services.gateway.users import OwnChange, PasswordChange
from services.gateway.views import Time

_OWN_CHANGE = msgspec.json.Decoder(OwnChange)
_PASSWORD = msgspec.json.Decoder(PasswordChange)
_NO_USER = {404: "The request is made with an API key, behind which there is no user."}


class MeView(msgspec.Struct, frozen=True, kw_only=True):
    """The user who makes this request."""

    user: UserView
    tenant: TenantView
    permissions: Annotated[tuple[Permission, ...], Meta(description="What they may do.")]
    means: Annotated[Means, Meta(description="What they showed: a password, a token or a session's cookie.")]
    expires_at: Annotated[Time | None, Meta(description="When the token or session ends; null for a password.")]


@get(
    "/me",
    opt=Operation(
        needs=Permission.ACCOUNT_READ,
        summary="Who am I, as a user",
        tag="Users",
        answers={200: Answer(description="The user, and what they may do.", content=MeView)},
        problems=_NO_USER,
        codes=("no_user",),
    ).opt,
)
async def get_me(request: ApiRequest, gateway: Api) -> Response[MeView]:
    """The user that the request is made by. (`GET /v1/account` answers for keys, too.)"""
    user_of(request.user)
    return _shown(request.user, await gateway.users.find(request.user.tenant_id, request.user.id))


@patch(
    "/me",
    opt=Operation(
        needs=Permission.ACCOUNT_WRITE,
        summary="Change what is one's own",
        tag="Users",
        body={JSON: OwnChange},
        answers={200: Answer(description="The user as they are now.", content=MeView, headers=ETAG)},
        problems={**_NO_USER, **BODY_PROBLEMS, 412: CHANGED},
        codes=("no_user", "precondition_failed"),
    ).opt,
)
async def change_me(request: ApiRequest, gateway: Api, if_match: IfMatch = None) -> Response[MeView]:
    """Change one's own name, or the language of one's e-mails. Nobody changes their own role here."""
    user_of(request.user)
    wish = await gateway.json(request, _OWN_CHANGE)
    return _shown(request.user, await gateway.users.change_own(request.user, wish, if_match=if_match))


@put(
    "/me/password",
    status_code=204,
    opt=Operation(
        needs=Permission.ACCOUNT_WRITE,
        summary="Change one's password",
        tag="Users",
        body={JSON: PasswordChange},
        answers={204: Answer(description="Changed.")},
        problems={**_NO_USER, **BODY_PROBLEMS, 401: "The old password is not right.", 429: "Too many attempts."},
        codes=("no_user", "password_too_weak"),
    ).opt,
)
async def change_password(request: ApiRequest, gateway: Api) -> None:
    """Give oneself another password. It asks for the old one, and ends all of one's tokens and sessions but the one that the
    request is made with."""
    user = user_of(request.user)
    wish = await gateway.json(request, _PASSWORD)
    await gateway.users.change_password(request.user, wish, keep=user.sign_in_id, address=address_of(request))


def _shown(principal: Principal, row: UserRow) -> Response[MeView]:
    view = _view(principal, row)
    return Response(view, headers={"ETag": etag_with(version_of(row.choices), view)})


def _view(principal: Principal, row: UserRow) -> MeView:
    user = user_of(principal)
    return MeView(
        user=view_of(row),
        tenant=TenantView(id=principal.tenant_id, name=principal.tenant_name),
        permissions=tuple(sorted(principal.permissions)),
        means=user.means,
        expires_at=user.expires_at,
    )
