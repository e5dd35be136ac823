"""What every request must pass before its handler runs: somebody who may do this, and only query parameters that mean
something.

A `before_request` hook and no guard, for which the framework copies the route's handler on every request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

from litestar import HttpMethod, Request
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter

from services.gateway.access import REQUEST_ID
from services.gateway.addresses import Network, client_address
from services.gateway.audit import Acting, Actor, ActorKind, act, act_as
from services.gateway.identification import Identification
from services.gateway.permissions import Permission
from services.gateway.problems import FieldError, Problem, forbidden
from services.gateway.store.accounts import Principal

PUBLIC = "public"
"""A route whose `opt` has this is for anybody."""

NEEDS = "needs"
"""Where the `opt` of every other route says which permission it needs."""

ADDRESS = "audio2txt.address"
"""Key of the ASGI scope: where the request comes from."""

AnyRequest = Request[Any, Any, Any]


def admission(identification: Identification, *, proxies: Sequence[Network] = ()) -> Callable[[AnyRequest], Awaitable[None]]:
    """The hook, which also says who acts. Runs before a byte of the body is read; raises `Problem`: 401, 403, 400.

    `proxies` are believed what they say of where a request comes from.
    """

    async def admit(request: AnyRequest) -> None:
        handler = request.route_handler
        cast("dict[str, Any]", request.scope)[ADDRESS] = address = _address(request, proxies)
        if handler.opt.get(PUBLIC):
            act(_acting(request, Actor(kind=ActorKind.LINK), address))
        else:
            act(_acting(request, Actor(kind=ActorKind.STRANGER), address))
            principal = await identification.principal(request.method, request.headers, request.cookies, address)
            request.scope["user"] = principal
            if request.method != HttpMethod.OPTIONS:
                _check_permission(principal, handler.opt[NEEDS])
            act_as(principal.actor)
        if request.scope["query_string"]:
            _check_query(request, handler)

    return admit


def query_parameters(handler: BaseRouteHandler) -> set[str]:
    """The names of the query parameters a handler declares."""
    definitions = {name: field.kwarg_definition for name, field in handler.parsed_fn_signature.parameters.items()}
    return {item.name or name for name, item in definitions.items() if isinstance(item, QueryParameter)}


def check_declared(handlers: Iterable[HTTPRouteHandler]) -> None:
    """Raise `RuntimeError` when a route is neither public nor says what it needs. OPTIONS, which the framework answers, says
    what methods there are to whoever has a key."""
    for handler in handlers:
        if handler.http_methods == {HttpMethod.OPTIONS}:
            continue
        if not handler.opt.get(PUBLIC) and not isinstance(handler.opt.get(NEEDS), Permission):
            raise RuntimeError(f"The route {handler.handler_name} does not say which permission it needs.")


def _acting(request: AnyRequest, actor: Actor, address: str | None) -> Acting:
    return Acting(actor=actor, address=address, request_id=cast("str | None", request.scope.get(REQUEST_ID)))


def _address(request: AnyRequest, proxies: Sequence[Network]) -> str | None:
    client = request.scope["client"]
    address = None if client is None else client[0]
    if not proxies:
        return address
    return client_address(address, request.headers.getall("x-forwarded-for", []), proxies)


def _check_permission(principal: Principal, needed: Permission) -> None:
    if needed not in principal.permissions:
        raise forbidden(needed)


def _check_query(request: AnyRequest, handler: BaseRouteHandler) -> None:
    """Refuse parameters the route does not know: a mistyped one would else be ignored silently."""
    known = query_parameters(handler)
    if unknown := sorted(set(request.query_params.keys()) - known):
        takes = f"this route takes {', '.join(sorted(known))}" if known else "this route takes none"
        errors = [FieldError(pointer=name, message="Unknown parameter.") for name in unknown]
        raise Problem(400, "invalid_query", f"Unknown query parameter {', '.join(unknown)}; {takes}.", errors=errors)
