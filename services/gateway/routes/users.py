"""`/v1/users`: the tenant's people."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import FromPath, QueryParameter
from msgspec import Meta

from services.gateway.entity_tags import etag_with, version_of
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission, Role
from services.gateway.routes.context import BODY_PROBLEMS, CHANGED, ETAG, Api, ApiRequest, IfMatch, traceparent
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.store.users import UserRow, UserState
from services.gateway.users import UserChange
from services.gateway.users.links import Invitation
from services.gateway.views import Id, Page, Time
from shared.schemas.jobs import ReportLanguage

_INVITATION = msgspec.json.Decoder(Invitation)
_CHANGE = msgspec.json.Decoder(UserChange)
_NOT_FOUND = {404: "There is no such user."}

UserId = FromPath[UUID]


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signs in."""

    id: Id
    email: Annotated[str, Meta(description="In lower case, as mail servers compare them.", examples=["chen@example.com"])]
    name: Annotated[str, Meta(description="What people call them.", examples=["Chen Yu"])]
    role: Annotated[Role, Meta(description="What they are in the tenant.", examples=["editor"])]
    state: Annotated[UserState, Meta(description="`invited` until they have joined.")]
    language: Annotated[ReportLanguage, Meta(description="Of e-mails to them.", examples=["zh-Hant"])]
    made_by: Annotated[UUID | None, Meta(description="The key or user that made them; null for an operator.")]
    created_at: Time
    joined_at: Annotated[Time | None, Meta(description="When they set their password, or first signed in.")]
    disabled_at: Annotated[Time | None, Meta(description="Since when they are kept out.")]
    last_signed_in_at: Annotated[Time | None, Meta(description="When they last proved who they are.")]


@post(
    "/users",
    status_code=201,
    opt=Operation(
        needs=Permission.USERS_WRITE,
        summary="Invite a user",
        tag="Users",
        body={JSON: Invitation},
        answers={201: Answer(description="Invited.", content=UserView, headers={"Location": "The user."})},
        problems={
            **BODY_PROBLEMS,
            409: "The tenant has such a user, or as many as it may have; or the installation does not know how it is reached.",
            429: "Too many invitations.",
        },
        codes=("user_exists", "too_many_users", "public_url_missing", "too_many_mails"),
    ).opt,
)
async def invite_user(request: ApiRequest, gateway: Api) -> Response[UserView]:
    """Make a user who gets an e-mail with a link. They join by choosing a password, within seven days; until then they are
    `invited`, and can do nothing. Whether the e-mail has an account elsewhere is told to nobody but its reader."""
    wish = await gateway.json(request, _INVITATION)
    row = await gateway.links.invite(request.user, wish, traceparent=traceparent(request))
    return Response(view_of(row), status_code=201, headers={"Location": gateway.views.url(f"/users/{row.id}")})


@post(
    "/users/{user_id:uuid}/invitation",
    status_code=202,
    opt=Operation(
        needs=Permission.USERS_WRITE,
        summary="Invite a user again",
        tag="Users",
        answers={202: Answer(description="Another e-mail is on its way.")},
        problems={**_NOT_FOUND, 409: "They are not invited, or have joined.", 429: "Too many invitations."},
        codes=("user_not_found", "not_invited", "public_url_missing", "too_many_mails"),
    ).opt,
)
async def invite_again(request: ApiRequest, gateway: Api, user_id: UserId) -> Response[bytes]:
    """Send the invitation once more. Its link takes the place of the one before."""
    await gateway.links.invite_again(request.user, user_id, traceparent=traceparent(request))
    return Response(b"", status_code=202)


@get(
    "/users",
    opt=Operation(
        needs=Permission.USERS_READ,
        summary="List users",
        tag="Users",
        answers={200: Answer(description="Newest first.", content=Page[UserView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_users(
    request: ApiRequest,
    gateway: Api,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Users on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
) -> Response[Page[UserView]]:
    """The tenant's users, page by page; those who are invited or disabled are among them."""
    rows = await gateway.users.page(request.user.tenant_id, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(rows, limit)
    return page(gateway.views.url("/users"), list(map(view_of, shown)), following, limit=limit)


@get(
    "/users/{user_id:uuid}",
    opt=Operation(
        needs=Permission.USERS_READ,
        summary="Show a user",
        tag="Users",
        answers={200: Answer(description="The user.", content=UserView)},
        problems=_NOT_FOUND,
        codes=("user_not_found",),
    ).opt,
)
async def get_user(request: ApiRequest, gateway: Api, user_id: UserId) -> Response[UserView]:
    """Who they are, what they may do, and when they last signed in."""
    return _shown(await gateway.users.find(request.user.tenant_id, user_id))


@patch(
    "/users/{user_id:uuid}",
    opt=Operation(
        needs=Permission.USERS_WRITE,
        summary="Change a user",
        tag="Users",
        body={JSON: UserChange},
        answers={200: Answer(description="The user as they are now.", content=UserView, headers=ETAG)},
        problems={**_NOT_FOUND, **BODY_PROBLEMS, 409: "It is the last owner who can sign in.", 412: CHANGED},
        codes=("user_not_found", "last_owner", "precondition_failed"),
    ).opt,
)
async def change_user(request: ApiRequest, gateway: Api, user_id: UserId, if_match: IfMatch = None) -> Response[UserView]:
    """Change a user's name or role, or keep them out. Nobody deals with a user who may do more than themselves, nor makes one;
    what a user may do changes with their next request, and one who is kept out is signed out everywhere."""
    wish = await gateway.json(request, _CHANGE)
    return _shown(await gateway.users.change(request.user, user_id, wish, if_match=if_match))


@delete(
    "/users/{user_id:uuid}",
    opt=Operation(
        needs=Permission.USERS_WRITE,
        summary="Remove a user",
        tag="Users",
        answers={204: Answer(description="Removed.")},
        problems={**_NOT_FOUND, 409: "It is the last owner who can sign in.", 412: CHANGED},
        codes=("user_not_found", "last_owner", "precondition_failed"),
    ).opt,
)
async def remove_user(request: ApiRequest, gateway: Api, user_id: UserId, if_match: IfMatch = None) -> None:
    """Delete a user and sign them out everywhere. What they did stays, in the audit log under their name; keys that they made
    go on."""
    await gateway.users.remove(request.user, user_id, if_match=if_match)


def _shown(row: UserRow) -> Response[UserView]:
    view = view_of(row)
    return Response(view, headers={"ETag": etag_with(version_of(row.choices), view)})


def view_of(row: UserRow) -> UserView:
    """What is shown of a user."""
    shown = {name: value for name, value in msgspec.structs.asdict(row).items() if name != "tenant_id"}
    return UserView(state=row.state, **shown)
