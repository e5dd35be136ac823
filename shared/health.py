"""Liveness, readiness and metrics over HTTP, the same three paths on every process.

`/healthz` answers while the event loop turns; `/readyz` runs every check and says which failed; `/metrics` is for
Prometheus. A plain ASGI application, so that a worker needs no web framework.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec
import prometheus_client

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Check = Callable[[], Awaitable[None]]

CHECK_SECONDS = 3.0
HOOKS = "/hooks/"
PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class Health:
    """The checks of one process. `stopping` makes it unready, so that no new work is sent here."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)
        self.stopping = False

    async def failures(self) -> dict[str, str]:
        """Which checks fail now, and why."""
        results = await asyncio.gather(*(self._run(check) for check in self._checks.values()))
        failed = {name: reason for name, reason in zip(self._checks, results, strict=True) if reason}
        return {"process": "stopping", **failed} if self.stopping else failed

    async def _run(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except TimeoutError:
            return f"no answer within {CHECK_SECONDS:g} s"
        except Exception as error:
            return str(error) or type(error).__name__
        return None

    async def app(self, scope: Scope, send: Send) -> None:
        """The three paths; anything else is 404."""
        match scope.get("path"):
            case "/healthz":
                await _answer(send, 200, "application/json", b'{"status":"ok"}')
            case "/readyz":
                failed = await self.failures()
                body = msgspec.json.encode({"status": "unready" if failed else "ready", "failed": failed})
                await _answer(send, 503 if failed else 200, "application/json", body)
            case "/metrics":
                await _answer(send, 200, prometheus_client.CONTENT_TYPE_LATEST, prometheus_client.generate_latest())
            case _:
                await _answer(send, 404, "application/json", b'{"status":"not found"}')


def with_health(health: Health, app: AsgiApp | None, hooks: AsgiApp | None = None) -> AsgiApp:
    """Put the three paths in front of an application, or serve them alone; what is below `/hooks/` goes to `hooks`."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if hooks is not None and scope["type"] == "http" and scope["path"].startswith(HOOKS):
            await hooks(scope, receive, send)
        elif scope["type"] == "lifespan" or app is None or scope.get("path") in PATHS:
            await (_lifespan(receive, send) if scope["type"] == "lifespan" else health.app(scope, send))
        else:
            await app(scope, receive, send)

    return dispatch


async def _answer(send: Send, status: int, media_type: str, body: bytes) -> None:
    headers = [(b"content-type", media_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    """What the application needs is assembled around it; there is nothing to start or stop here."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
