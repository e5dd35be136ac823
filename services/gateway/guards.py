"""What every request must pass before its handler runs: a key, and only query parameters that mean something."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter

from services.gateway.auth import Authenticator, key_in
from services.gateway.problems import FieldError, Problem

PUBLIC = "public"
"""A route whose `opt` has this needs no key."""

Connection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


def key_required(authenticator: Authenticator) -> Guard:
    """Let nobody through without a key. Runs before a byte of the body is read."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        if not handler.opt.get(PUBLIC):
            headers = connection.headers
            connection.scope["user"] = await authenticator.principal(
                key_in(headers.get("authorization"), headers.get("x-api-key"))
            )

    return guard


async def query_understood(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuse parameters the route does not know: a mistyped one would else be ignored silently."""
    if not connection.scope["query_string"]:
        return
    known = query_parameters(handler)
    unknown = sorted(set(connection.query_params.keys()) - known)
    if unknown:
        takes = f"this route takes {', '.join(sorted(known))}" if known else "this route takes none"
        errors = [FieldError(pointer=name, message="Unknown parameter.") for name in unknown]
        raise Problem(400, "invalid_query", f"Unknown query parameter {', '.join(unknown)}; {takes}.", errors=errors)


def query_parameters(handler: BaseRouteHandler) -> set[str]:
    """The names of the query parameters a handler declares."""
    fields = handler.parsed_fn_signature.parameters
    definitions = {name: field.kwarg_definition for name, field in fields.items()}
    return {item.name or name for name, item in definitions.items() if isinstance(item, QueryParameter)}
