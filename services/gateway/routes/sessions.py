"""`/v1/session`, `/v1/sessions`: browsers that are signed in."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, QueryParameter
from msgspec import Meta

from services.gateway import tenancy
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import Problem
from services.gateway.routes.account import TenantView
from services.gateway.routes.context import BODY_PROBLEMS, Api, ApiRequest, Gateway, address_of, user_of
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.routes.users import UserView, view_of
from services.gateway.store.accounts import Means, Principal
from services.gateway.store.sign_ins import SignInKind, SignInRow
from services.gateway.store.users import UserRow
from services.gateway.users.sessions import is_foreign
from services.gateway.users.signing_in import refused
from services.gateway.views import Id, Page, Time

_UNSEEN = {"Cache-Control": "no-store"}

SessionId = FromPath[UUID]


class SignInRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants to come in."""

    email: Annotated[str, Meta(max_length=320, description="One's e-mail.", examples=["chen@example.com"])]
    password: Annotated[str, Meta(max_length=1024, description="One's password.")]


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """The session of this browser."""

    user: UserView
    tenant: TenantView
    permissions: Annotated[tuple[Permission, ...], Meta(description="What the user may do.")]
    csrf_token: Annotated[str, Meta(description="To be sent as `X-CSRF-Token` with whatever changes something.")]
    expires_at: Annotated[Time, Meta(description="When it ends, however much it is used.")]


class OpenSessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that one is signed in with."""

    id: Id
    current: Annotated[bool, Meta(description="Whether it is the one that makes this request.")]
    browser: Annotated[str, Meta(description="How the browser calls itself.", examples=["Mozilla/5.0 (X11; Linux x86_64)"])]
    address: Annotated[str | None, Meta(description="From where it signed in.", examples=["203.0.113.7"])]
    created_at: Time
    expires_at: Time
    last_used_at: Annotated[Time, Meta(description="Its last use, to the minute.")]


_SIGN_IN = msgspec.json.Decoder(SignInRequest)


@post(
    "/session",
    status_code=201,
    opt=Operation(
        needs=None,
        summary="Sign in",
        tag="Sessions",
        body={JSON: SignInRequest},
        answers={
            201: Answer(
                description="Signed in.", content=SessionView, headers={"Set-Cookie": "The session, for this browser alone."}
            )
        },
        problems={
            **BODY_PROBLEMS,
            401: "E-mail or password is not right, or the account may not sign in.",
            403: "Another site's page has sent this.",
            429: "Too many attempts to sign in.",
            503: "A backend does not answer; try again.",
        },
        codes=("sign_in_failed", "cross_site", "too_many_attempts", "unavailable", "busy"),
    ).opt,
)
async def sign_in(request: ApiRequest, gateway: Api) -> Response[SessionView]:
    """Begin a browser's session with e-mail and password. The session is a cookie that scripts cannot read, and always a new
    one: whatever session the browser had before ends. It ends after a while without use."""
    if is_foreign(request.headers):
        raise Problem(403, "cross_site", "Signing in is for pages of this site; another one has sent this.")
    wish = await gateway.json(request, _SIGN_IN)
    with tenancy.as_system():
        account = await gateway.users.signing_in.with_password(wish.email, wish.password, address_of(request))
    tenancy.enter(account.user.tenant_id)
    cookie = await open_session(request, gateway, account.user, account.password_hash)
    principal = await gateway.sessions.principal(cookie.value or "", SignInKind.SESSION)
    if principal is None:
        raise refused()  # ended already
    shown = await _view(gateway, principal, cookie.value or "")
    return Response(shown, status_code=201, headers=_UNSEEN, cookies=[cookie])


@get(
    "/session",
    opt=Operation(
        needs=Permission.ACCOUNT_READ,
        summary="Show this browser's session",
        tag="Sessions",
        answers={200: Answer(description="Who is signed in.", content=SessionView)},
        kept=False,
        problems={404: "The request is made with something else than a session."},
        codes=("no_user", "no_session"),
    ).opt,
)
async def get_session(request: ApiRequest, gateway: Api) -> Response[SessionView]:
    """Who is signed in with this browser, and the token that pages need to change something."""
    secret = _session(request, gateway)
    return Response(await _view(gateway, request.user, secret), headers=_UNSEEN)


@delete(
    "/session",
    opt=Operation(
        needs=Permission.ACCOUNT_WRITE,
        summary="Sign out",
        tag="Sessions",
        answers={204: Answer(description="Signed out.", headers={"Set-Cookie": "Takes the cookie away."})},
        problems={404: "The request is made with something else than a session."},
        codes=("no_user", "no_session"),
    ).opt,
    status_code=204,
)
async def sign_out(request: ApiRequest, gateway: Api) -> Response[None]:
    """End this browser's session."""
    _session(request, gateway)
    await end_session(gateway, request.user)
    return Response(None, status_code=204, cookies=[_cookie(gateway, "", max_age=0)])


@get(
    "/sessions",
    opt=Operation(
        needs=Permission.ACCOUNT_READ,
        summary="List one's sessions",
        tag="Sessions",
        answers={200: Answer(description="Newest first.", content=Page[OpenSessionView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid.", 404: "The request is made with an API key."},
        codes=("invalid_cursor", "no_user"),
    ).opt,
)
async def list_sessions(
    request: ApiRequest,
    gateway: Api,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Sessions on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
) -> Response[Page[OpenSessionView]]:
    """The browsers that one is signed in with, page by page."""
    user = user_of(request.user)
    rows = await gateway.sessions.page(user.id, SignInKind.SESSION, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(rows, limit)
    views = [_open_view(row, current=row.id == user.sign_in_id) for row in shown]
    return page(gateway.views.url("/sessions"), views, following, limit=limit)


@delete(
    "/sessions/{session_id:uuid}",
    opt=Operation(
        needs=Permission.ACCOUNT_WRITE,
        summary="End a session",
        tag="Sessions",
        answers={204: Answer(description="Ended; that browser is signed out.")},
        problems={404: "One has no such session, or the request is made with an API key."},
        codes=("session_not_found", "no_user"),
    ).opt,
)
async def end_one_session(request: ApiRequest, gateway: Api, session_id: SessionId) -> None:
    """Sign one of one's browsers out, at once and everywhere."""
    user_of(request.user)
    await gateway.sessions.end(request.user, SignInKind.SESSION, session_id)


async def open_session(request: ApiRequest, gateway: Gateway, user: UserRow, verified: str | None) -> Cookie:
    """Sign a browser in as somebody who has proved to be that, by the password behind `verified` or by single sign-on, and out
    of whatever it was signed in to."""
    before = request.cookies.get(gateway.cookie)
    if before is not None:
        with tenancy.as_system():  # it may be another tenant's
            if (old := await gateway.sessions.principal(before, SignInKind.SESSION)) is not None:
                await end_session(gateway, old)
    browser = request.headers.get("user-agent", "")
    issued = await gateway.sessions.open_session(user, browser, address_of(request), verified)
    return _cookie(gateway, issued.secret, max_age=int(gateway.sessions.longest.total_seconds()))


async def end_session(gateway: Gateway, principal: Principal) -> None:
    """Sign out whoever is signed in by a session."""
    sign_in_id = user_of(principal).sign_in_id
    assert sign_in_id is not None, "a session has an id"
    await gateway.sessions.end(principal, SignInKind.SESSION, sign_in_id)


def _session(request: ApiRequest, gateway: Gateway) -> str:
    """The secret of the session that the request is made with. Raises `Problem` 404."""
    if user_of(request.user).means is not Means.SESSION:
        raise Problem(404, "no_session", "The request is not made with a session's cookie.")
    return request.cookies[gateway.cookie]


def _cookie(gateway: Gateway, value: str, *, max_age: int) -> Cookie:
    return Cookie(
        key=gateway.cookie,
        value=value,
        path="/",
        secure=gateway.secure,
        httponly=True,
        samesite="lax",
        max_age=max_age,
    )


async def _view(gateway: Gateway, principal: Principal, secret: str) -> SessionView:
    user = user_of(principal)
    assert user.expires_at is not None, "a session has an end"
    return SessionView(
        user=view_of(await gateway.users.find(principal.tenant_id, user.id)),
        tenant=TenantView(id=principal.tenant_id, name=principal.tenant_name),
        permissions=tuple(sorted(principal.permissions)),
        csrf_token=gateway.sessions.csrf_token(secret),
        expires_at=user.expires_at,
    )


def _open_view(row: SignInRow, *, current: bool) -> OpenSessionView:
    return OpenSessionView(
        id=row.id,
        current=current,
        browser=row.name,
        address=row.address,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
