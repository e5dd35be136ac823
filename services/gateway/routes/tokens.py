"""`/v1/tokens`: short-lived bearer tokens of users."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Meta

from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import Problem
from services.gateway.routes.context import BODY_PROBLEMS, Api, ApiRequest, address_of, user_of
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.store.sign_ins import SignInKind, SignInRow
from services.gateway.users.sessions import NewToken
from services.gateway.views import Id, Page, Time

_NEW_TOKEN = msgspec.json.Decoder(NewToken)
_NO_USER = {404: "The request is made with an API key, behind which there is no user."}

TokenId = FromPath[UUID]


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer token. What it is itself, only its maker knows."""

    id: Id
    name: Annotated[str, Meta(description="What it is for.", examples=["My script"])]
    address: Annotated[str | None, Meta(description="From where it was made.", examples=["203.0.113.7"])]
    created_at: Time
    expires_at: Time
    last_used_at: Annotated[Time, Meta(description="Its last use, to the minute.")]


class TokenCreated(TokenView, frozen=True, kw_only=True):
    """A fresh token."""

    token: Annotated[str, Meta(description="The token itself; it is shown this once and stored nowhere.")]


@post(
    "/tokens",
    status_code=201,
    opt=Operation(
        needs=Permission.ACCOUNT_WRITE,
        summary="Make a token",
        tag="Users",
        body={JSON: NewToken},
        body_required=False,
        answers={201: Answer(description="Made; the token is shown this once.", content=TokenCreated)},
        problems={
            **_NO_USER,
            **BODY_PROBLEMS,
            401: "It takes e-mail and password, as `Authorization: Basic`.",
            429: "Too many attempts to sign in.",
        },
        codes=("no_user", "password_required"),
    ).opt,
)
async def create_token(request: ApiRequest, gateway: Api) -> Response[TokenCreated]:
    """Exchange one's e-mail and password, sent as `Authorization: Basic`, for a bearer token that may do what one may, for an
    hour unless you say otherwise. A token makes no other token, so one that was stolen ends."""
    verified = user_of(request.user).verified
    if verified is None:
        detail = "A token is made with e-mail and password: send them as `Authorization: Basic`."
        raise Problem(401, "password_required", detail, headers={"WWW-Authenticate": 'Basic realm="audio2txt"'})
    wish = await gateway.json(request, _NEW_TOKEN, default=NewToken())
    issued = await gateway.sessions.open_token(request.user, wish, address_of(request), verified)
    made = TokenCreated(token=issued.secret, **msgspec.structs.asdict(_view(issued.row)))
    return Response(made, status_code=201, headers={"Cache-Control": "no-store"})


@get(
    "/tokens",
    opt=Operation(
        needs=Permission.ACCOUNT_READ,
        summary="List one's tokens",
        tag="Users",
        answers={200: Answer(description="Newest first.", content=Page[TokenView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid.", **_NO_USER},
        codes=("invalid_cursor", "no_user"),
    ).opt,
)
async def list_tokens(
    request: ApiRequest,
    gateway: Api,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Tokens on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
) -> Response[Page[TokenView]]:
    """One's own tokens that have not ended, page by page."""
    user = user_of(request.user)
    rows = await gateway.sessions.page(user.id, SignInKind.TOKEN, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(rows, limit)
    return page(gateway.views.url("/tokens"), list(map(_view, shown)), following, limit=limit)


@delete(
    "/tokens/{token_id:uuid}",
    opt=Operation(
        needs=Permission.ACCOUNT_WRITE,
        summary="End a token",
        tag="Users",
        answers={204: Answer(description="Ended; it opens nothing any more.")},
        problems={404: "One has no such token, or the request is made with an API key."},
        codes=("token_not_found", "no_user"),
    ).opt,
)
async def end_token(request: ApiRequest, gateway: Api, token_id: TokenId) -> None:
    """End one of one's own tokens, at once and everywhere."""
    user_of(request.user)
    await gateway.sessions.end(request.user, SignInKind.TOKEN, token_id)


def _view(row: SignInRow) -> TokenView:
    return msgspec.convert(row, TokenView, from_attributes=True)
