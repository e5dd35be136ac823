"""What every request must pass before its handler runs: somebody who may do this, and only query parameters that mean
something.

A `before_request` hook and no guard, for which the framework copies the route's handler on every request.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast, get_args, get_origin

from litestar import HttpMethod, Request
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.params import HeaderParameter, QueryParameter
from litestar.typing import FieldDefinition

from services.gateway import tenancy
from services.gateway.access import DEPRECATION_FIELDS, RATE_FIELDS, REQUEST_ID
from services.gateway.addresses import Network, client_address, place_of
from services.gateway.audit import Acting, Actor, ActorKind, act, act_as
from services.gateway.deprecation import DEPRECATED, Deprecation
from services.gateway.identification import Identification
from services.gateway.permissions import Permission
from services.gateway.problems import FieldError, Problem, forbidden
from services.gateway.rates.limiter import Limiter
from services.gateway.rates.policy import RateClass
from services.gateway.store.accounts import Principal

PUBLIC = "public"
"""A route whose `opt` has this is for anybody."""

NEEDS = "needs"
"""Where the `opt` of every other route says which permission it needs."""

FOREIGN_QUERY = "foreign_query"
"""A route whose `opt` has this takes parameters that others have made up."""

ADDRESS = "audio2txt.address"
"""Key of the ASGI scope: where the request comes from."""

COUNTED = "counted"
"""Where the `opt` of a route says what its requests are counted as, where that does not follow from the method."""

_READING = (HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS)
_NUMBER = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?")

AnyRequest = Request[Any, Any, Any]


def admission(
    identification: Identification, limiter: Limiter, *, proxies: Sequence[Network] = ()
) -> Callable[[AnyRequest], Awaitable[None]]:
    """The hook, which also says who acts, and for whom. Runs before a byte of the body is read; raises `Problem`: 401, 429,
    403, 400.

    `proxies` are believed what they say of where a request comes from.
    """

    async def admit(request: AnyRequest) -> None:
        handler = request.route_handler
        if isinstance(deprecation := handler.opt.get(DEPRECATED), Deprecation):
            cast("dict[str, Any]", request.scope)[DEPRECATION_FIELDS] = deprecation.fields
        tenancy.leave()
        cast("dict[str, Any]", request.scope)[ADDRESS] = address = _address(request, proxies)
        if handler.opt.get(PUBLIC):
            act(_acting(request, Actor(kind=ActorKind.LINK), address))
        else:
            act(_acting(request, Actor(kind=ActorKind.STRANGER), address))
            try:
                with tenancy.as_system():
                    principal = await identification.principal(request.method, request.headers, request.cookies, address)
            except Problem:
                await _count(request, limiter, RateClass.REFUSALS, place_of(address))
                raise
            request.scope["user"] = principal
            tenancy.enter(principal.tenant_id)
            await _count(request, limiter, _class_of(request, handler), str(principal.tenant_id))
            if request.method != HttpMethod.OPTIONS:
                _check_permission(principal, handler.opt[NEEDS])
            act_as(principal.actor)
        if request.method not in _READING and request.headers.get("if-match", "*").strip() != "*":
            _check_takes_if_match(handler)
        if request.scope["query_string"] and not handler.opt.get(FOREIGN_QUERY):
            _check_query(request, handler)

    return admit


def query_parameters(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    """The query parameters that a handler declares, by name."""
    fields = handler.parsed_fn_signature.parameters
    definitions = {name: field.kwarg_definition for name, field in fields.items()}
    return {item.name or name: fields[name] for name, item in definitions.items() if isinstance(item, QueryParameter)}


def takes_if_match(handler: BaseRouteHandler) -> bool:
    """Whether a handler looks at the header. One that does not must not be asked to, as if it did."""
    definitions = (field.kwarg_definition for field in handler.parsed_fn_signature.parameters.values())
    return any(isinstance(item, HeaderParameter) and item.name == "If-Match" for item in definitions)


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
    return client_address(address, request.headers.getall("x-forwarded-for", []), proxies) if proxies else address


def _class_of(request: AnyRequest, handler: BaseRouteHandler) -> RateClass:
    """What a request is counted as."""
    usual = RateClass.READS if request.method in _READING else RateClass.WRITES
    return cast("RateClass", handler.opt.get(COUNTED, usual))


async def _count(request: AnyRequest, limiter: Limiter, name: RateClass, subject: str) -> None:
    """Count a request, and have its answer say what is left. Raises `Problem` 429."""
    standing = await limiter.take(name, subject)
    if standing is not None:
        request.scope[RATE_FIELDS] = standing.fields  # type: ignore[literal-required]
        if standing.retry_in is not None:
            raise standing.problem


def _check_takes_if_match(handler: BaseRouteHandler) -> None:
    if not takes_if_match(handler):
        detail = "This route does not look at If-Match, so nothing was done; send the request without it."
        raise Problem(400, "precondition_refused", detail)


def _check_permission(principal: Principal, needed: Permission) -> None:
    if needed not in principal.permissions:
        raise forbidden(needed)


def _check_query(request: AnyRequest, handler: BaseRouteHandler) -> None:
    """Refuse what would else be ignored silently: parameters that the route does not know, the first of two values, and `null`
    where no text is wanted, which the framework takes for none; and numbers for times."""
    known = query_parameters(handler)
    for name, field in known.items():
        values = request.query_params.getall(name, [])
        if any("\0" in value for value in values):
            raise _invalid_query(name, "It must not contain the NUL character.")
        if len(values) > 1 and not _takes(field, list):
            raise _invalid_query(name, "Given more than once; it takes one value.")
        if not _takes(field, str) and not _takes(field, list) and any(value.lower() == "null" for value in values):
            raise _invalid_query(name, "Leave it out instead of null.")
        if _takes(field, dt.datetime) and any(_NUMBER.fullmatch(value) for value in values):
            raise _invalid_query(name, "Give a time as RFC 3339 writes it, such as 2026-11-22T09:30:00Z.")
    if unknown := sorted(set(request.query_params.keys()) - known.keys()):
        takes = f"this route takes {', '.join(sorted(known))}" if known else "this route takes none"
        errors = [FieldError(pointer=name, message="Unknown parameter.") for name in unknown]
        raise Problem(400, "invalid_query", f"Unknown query parameter {', '.join(unknown)}; {takes}.", errors=errors)


def _takes(field: FieldDefinition, kind: type) -> bool:
    return any(get_origin(taken) is kind or taken is kind for taken in get_args(field.annotation) or (field.annotation,))


def _invalid_query(name: str, message: str) -> Problem:
    return Problem(
        400, "invalid_query", f"A parameter is not valid: {name}: {message}", errors=[FieldError(pointer=name, message=message)]
    )
