"""What every path answers beside its own methods: HEAD wherever there is GET, and OPTIONS that name them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from litestar import HttpMethod, Response, route
from litestar.handlers import HTTPRouteHandler

from services.gateway.admission import PUBLIC
from services.gateway.openapi import OPERATION, Operation

_STREAMS = ("text/event-stream", "application/x-ndjson")
"""Media types of answers that have no end, or none that is known before: nobody wants their HEAD."""


def with_head(handlers: Iterable[HTTPRouteHandler]) -> None:
    """Let routes that answer GET answer HEAD, too, unless another one does; the server sends no body then."""
    handlers = list(handlers)
    headed = {path for handler in handlers if HttpMethod.HEAD in handler.http_methods for path in handler.paths}
    for handler in handlers:
        if handler.http_methods == {HttpMethod.GET} and not _streams(handler) and headed.isdisjoint(handler.paths):
            handler.http_methods = {HttpMethod.GET, HttpMethod.HEAD}


def options(handlers: Iterable[HTTPRouteHandler], *, but: Iterable[str] = ()) -> list[HTTPRouteHandler]:
    """A handler of OPTIONS for each path, except those where somebody else answers it; public where another one there is."""
    methods: dict[str, set[str]] = defaultdict(set)
    public: set[str] = set()
    for handler in handlers:
        for path in handler.paths:
            methods[path] |= {HttpMethod(method).value for method in handler.http_methods}
            if handler.opt.get(PUBLIC):
                public.add(path)
    return [_options(path, allowed, public=path in public) for path, allowed in methods.items() if path not in but]


def _options(path: str, allowed: set[str], *, public: bool) -> HTTPRouteHandler:
    headers: Mapping[str, str] = {"Allow": ", ".join(sorted(allowed | {HttpMethod.OPTIONS.value}))}

    @route(path, http_method=[HttpMethod.OPTIONS], status_code=204, opt={PUBLIC: public})
    async def list_methods() -> Response[None]:
        return Response(None, headers=dict(headers))

    return list_methods


def _streams(handler: HTTPRouteHandler) -> bool:
    operation = handler.opt.get(OPERATION)
    return isinstance(operation, Operation) and any(answer.media_type in _STREAMS for answer in operation.answers.values())
