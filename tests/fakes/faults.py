"""What goes wrong between us and a provider, for fakes to answer a request with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web

Fault: TypeAlias = Callable[[web.Request, web.Response], Awaitable[web.StreamResponse]]
"""Answers a request in place of what the provider would have answered. Whatever that does has been done before."""


def status(code: int, body: str = "", **headers: str) -> Fault:
    """Another status; nothing was taken."""

    async def answer(request: web.Request, response: web.Response) -> web.StreamResponse:
        return web.Response(status=code, text=body, headers={name.replace("_", "-"): text for name, text in headers.items()})

    return answer


async def dropped(request: web.Request, response: web.Response) -> web.StreamResponse:
    """The connection breaks before the answer, after everything was taken."""
    assert request.transport is not None
    request.transport.abort()
    return response


async def truncated(request: web.Request, response: web.Response) -> web.StreamResponse:
    """The connection breaks in the middle of the answer."""
    assert isinstance(response.body, bytes)
    half = web.StreamResponse(status=response.status, headers={"Content-Length": str(len(response.body))})
    await half.prepare(request)
    await half.write(response.body[: len(response.body) // 2])
    assert request.transport is not None
    request.transport.abort()
    return half


async def garbled(request: web.Request, response: web.Response) -> web.StreamResponse:
    """The answer ends too early, and says that it is whole."""
    assert isinstance(response.body, bytes)
    return web.Response(status=response.status, body=response.body[: len(response.body) // 2], content_type="application/json")


def slow(go_on: asyncio.Event) -> Fault:
    """The answer comes when it is let go."""

    async def answer(request: web.Request, response: web.Response) -> web.StreamResponse:
        await go_on.wait()
        return response

    return answer
