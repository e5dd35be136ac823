"""`/v1/oidc/…`: the way to the provider of single sign-on, and back. `/v1/sign-in-methods`: what ways in there are."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
from litestar import Response, get
from litestar.datastructures import Cookie
from litestar.params import QueryParameter
from msgspec import Meta

from services.gateway import tenancy
from services.gateway.admission import FOREIGN_QUERY
from services.gateway.oidc import FLOW_SECONDS, Return, SingleSignOn
from services.gateway.openapi import Answer, Operation
from services.gateway.problems import Problem
from services.gateway.routes.context import Api, ApiRequest, Gateway
from services.gateway.routes.regrets import PAGE
from services.gateway.routes.sessions import open_session

_PROBLEMS = {404: "This installation has no single sign-on.", 503: "The provider, or a backend, does not answer; try again."}
_TO_PROVIDER = {"Location": "The provider.", "Set-Cookie": "What is needed to come back."}
_BACK = {"Location": "Where one wanted to go.", "Set-Cookie": "The session."}
_UNSEEN = {"Cache-Control": "no-store"}


class SignInMethods(msgspec.Struct, frozen=True, kw_only=True):
    """How people can sign in."""

    password: Annotated[bool, Meta(description="By e-mail and password, POST /v1/session.")]
    single_sign_on: Annotated[
        str | None,
        Meta(description="Where to send a browser for it; null where there is none.", examples=["/v1/oidc/login"]),
    ]


@get(
    "/sign-in-methods",
    opt=Operation(
        needs=None,
        summary="Show the ways in",
        tag="Sessions",
        answers={200: Answer(description="What a page for signing in can offer.", content=SignInMethods)},
        problems={400: "A parameter is not known."},
    ).opt,
)
async def get_sign_in_methods(gateway: Api) -> Response[SignInMethods]:
    """Whether there is single sign-on beside passwords."""
    url = None if gateway.single_sign_on is None else gateway.views.url("/oidc/login")
    return Response(SignInMethods(password=True, single_sign_on=url))


@get(
    "/oidc/login",
    status_code=302,
    opt={
        **Operation(
            needs=None,
            summary="Go to sign in at the provider",
            tag="Sessions",
            answers={302: Answer(description="To the provider.", headers=_TO_PROVIDER)},
            problems={400: "`return_to` is no path of this site.", **_PROBLEMS},
            codes=("no_single_sign_on", "oidc_unavailable", "unavailable"),
        ).opt,
        PAGE: True,
    },
)
async def go_to_provider(
    gateway: Api,
    return_to: Annotated[str | None, QueryParameter(description="A path of this site to go to afterwards.")] = None,
) -> Response[bytes]:
    """For browsers: to the provider of single sign-on, which sends them back to `/v1/oidc/callback`."""
    location, sealed = await _provider(gateway).leave(return_to, now=time.time())
    cookie = _cookie(gateway, sealed, max_age=FLOW_SECONDS)
    return Response(b"", status_code=302, headers={"Location": location, **_UNSEEN}, cookies=[cookie])


@get(
    "/oidc/callback",
    status_code=302,
    opt={
        **Operation(
            needs=None,
            summary="Come back from the provider",
            tag="Sessions",
            answers={302: Answer(description="Signed in.", headers=_BACK)},
            problems={
                400: "A parameter is not valid.",
                401: "It is not this browser that left for the provider, or the provider's answer is not valid.",
                403: "The provider's user has no account here.",
                **_PROBLEMS,
            },
            codes=("sign_in_failed", "no_account", "no_single_sign_on", "oidc_unavailable", "unavailable"),
        ).opt,
        FOREIGN_QUERY: True,
        PAGE: True,
    },
)
async def come_back(
    request: ApiRequest,
    gateway: Api,
    *,
    code: Annotated[str | None, QueryParameter(description="What the provider gives a token for.")] = None,
    left_with: Annotated[str | None, QueryParameter(name="state", description="What this browser left with.")] = None,
    iss: Annotated[str | None, QueryParameter(description="Who answers (RFC 9207).")] = None,
    error: Annotated[str | None, QueryParameter(description="Why the provider signs nobody in.")] = None,
) -> Response[bytes]:
    """For browsers: from the provider of single sign-on. Begins a session, as `POST /v1/session` does. What goes wrong is shown
    to whoever takes `text/html` as a page."""
    given = Return(code=code, state=left_with, issuer=iss, error=error)
    sealed = request.cookies.get(_name(gateway))
    with tenancy.as_system():
        user, return_to = await _provider(gateway).come_back(given, sealed, now=time.time())
    tenancy.enter(user.tenant_id)
    cookies = [await open_session(request, gateway, user, None), _cookie(gateway, "", max_age=0)]
    return Response(b"", status_code=302, headers={"Location": return_to, **_UNSEEN}, cookies=cookies)


def _provider(gateway: Gateway) -> SingleSignOn:
    """Raises `Problem` 404."""
    if gateway.single_sign_on is None:
        detail = "This installation has no single sign-on; sign in with e-mail and password."
        raise Problem(404, "no_single_sign_on", detail)
    return gateway.single_sign_on


def _name(gateway: Gateway) -> str:
    return f"{gateway.cookie}-oidc"


def _cookie(gateway: Gateway, value: str, *, max_age: int) -> Cookie:
    """Sent along when the provider's page leads back here, which is another site's link."""
    return Cookie(
        key=_name(gateway), value=value, path="/", secure=gateway.secure, httponly=True, samesite="lax", max_age=max_age
    )
