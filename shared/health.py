"""Liveness, readiness and metrics over HTTP, the same three paths on every process.

`/healthz` answers while the event loop turns; `/readyz` runs every check and says which failed; `/metrics` is for
Prometheus. A plain ASGI application, so that a worker needs no web framework.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec
import prometheus_client
import structlog

from shared.errors import Audio2txtError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Check = Callable[[], Awaitable[None]]

CHECK_SECONDS = 3.0
KNOWN_SECONDS = 1.0
"""How long an answer stands: whoever asks all the time, without a key, does not have the backends asked all the time."""

HOOKS = "/hooks/"
PATHS = frozenset({"/healthz", "/readyz", "/metrics"})

log = structlog.get_logger(__name__)


class Health:
    """The checks of one process. `stopping` makes it unready, so that no new work is sent here."""

    def __init__(self, checks: Mapping[str, Check], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._checks = dict(checks)
        self._clock = clock
        self._asking = asyncio.Lock()
        self._known: tuple[float, dict[str, str]] | None = None
        self.stopping = False

    async def failures(self) -> dict[str, str]:
        """Which checks fail, and why, as far as anybody may know; a second old at most."""
        async with self._asking:
            if self._known is None or self._known[0] <= self._clock():
                self._known = (self._clock() + KNOWN_SECONDS, await self._ask())
            failed = self._known[1]
        return {"process": "stopping", **failed} if self.stopping else failed

    async def _ask(self) -> dict[str, str]:
        before = {} if self._known is None else self._known[1]
        results = await asyncio.gather(*(self._run(name, check, before) for name, check in self._checks.items()))
        return {name: reason for name, reason in zip(self._checks, results, strict=True) if reason}

    async def _run(self, name: str, check: Check, before: Mapping[str, str]) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await check()
        except TimeoutError:
            reason, error = f"no answer within {CHECK_SECONDS:g} s", "timed out"
        except Exception as failure:
            # What others say of themselves may name hosts and paths, which are the log's.
            reason = _ours(failure) or "does not answer as it should; the log says why"
            error = repr(failure)
        else:
            return None
        if before.get(name) != reason:
            log.warning("health.failed", check=name, error=error)
        return reason

    async def app(self, scope: Scope, send: Send) -> None:
        """The three paths; anything else is 404."""
        if scope.get("method", "GET") not in ("GET", "HEAD"):
            await _answer(send, 405, "application/json", b'{"status":"method not allowed"}', (b"allow", b"GET, HEAD"))
            return
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


def _ours(failure: Exception) -> str | None:
    """What errors of ours say is meant for others, unless another error is behind it."""
    return str(failure) if isinstance(failure, Audio2txtError) and failure.__cause__ is None else None


async def _answer(send: Send, status: int, media_type: str, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    """What the application needs is assembled around it; there is nothing to start or stop here."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
