"""One web application for all gateways that a process starts one after the other: to read two hundred routes takes longer
than most tests do. What an application takes from its gateway while it is made is what tells applications apart here."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from services.gateway.admission import AnyRequest
from services.gateway.routes.context import Gateway
from services.gateway.settings import GatewaySettings
from services.gateway.views.building import Views
from services.gateway.web import web_app
from shared.health import AsgiApp, Receive, Scope, Send

Admit: TypeAlias = Callable[[AnyRequest], Awaitable[None]]

_ASKED: ContextVar[tuple[Gateway, Admit]] = ContextVar("asked")
"""The gateway that the request at hand has come to."""


@dataclass(frozen=True)
class _WhicheverIsAsked:
    settings: GatewaySettings
    views: Views

    def __getattr__(self, name: str) -> Any:
        # While the application is made, nobody is asked: whatever else it wants to know then is an error here.
        return getattr(_ASKED.get()[0], name)


@functools.cache
def _application(settings: GatewaySettings, public_url: str) -> AsgiApp:
    gateway = _WhicheverIsAsked(settings, Views(public_url))

    async def admit(request: AnyRequest) -> None:
        await _ASKED.get()[1](request)

    return web_app(cast("Gateway", gateway), admit)


def shared_web_app(gateway: Gateway, admit: Admit) -> AsgiApp:
    """In place of `web_app`."""
    application = _application(gateway.settings, gateway.views.url("").removesuffix("/v1"))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        token = _ASKED.set((gateway, admit))
        try:
            await application(scope, receive, send)
        finally:
            _ASKED.reset(token)

    return app
