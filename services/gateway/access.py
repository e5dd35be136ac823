"""The outermost layer: gives every request an id and a trace, every answer its headers, and leaves a metric and a log line.

Outside of the web framework, whose own middleware does not see what its router refuses.
"""

from __future__ import annotations

import asyncio
import functools
import re
import secrets
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter, Histogram

from shared import metrics
from shared.health import AsgiApp, Receive, Scope, Send
from shared.schemas.ids import new_id

REQUEST_ID = "audio2txt.request_id"
TRACEPARENT = "audio2txt.traceparent"
RATE_FIELDS = "audio2txt.rate_fields"
DEPRECATION_FIELDS = "audio2txt.deprecation_fields"
"""Keys of the ASGI scope. The last one has header fields for the answer, whatever that will be."""

CLIENT_CLOSED = 499
LINGER_BYTES = 8 * 1024 * 1024
LINGER_SECONDS = 2.0
"""How much of a refused body is still taken: a connection closed while the client sends may cost it the answer."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?")
_DEFAULT_HEADERS: Mapping[bytes, bytes] = {
    b"cache-control": b"private, no-cache",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}
_HTTPS_HEADERS: Mapping[bytes, bytes] = {b"strict-transport-security": b"max-age=31536000"}
"""Of installations that customers reach by https: for a year browsers ask for nothing else there (RFC 6797)."""

log = structlog.get_logger(__name__)


class _Requester(Protocol):
    """Whoever authentication found, as far as the log is concerned."""

    @property
    def tenant_id(self) -> UUID: ...


class Access:
    """Wraps an ASGI application; `https` says that customers reach it so."""

    def __init__(self, app: AsgiApp, *, https: bool = False) -> None:
        self._app = app
        self._headers = {**_DEFAULT_HEADERS, **_HTTPS_HEADERS} if https else _DEFAULT_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = _Exchange(scope, receive, send, self._headers)
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id, trace_id=exchange.trace_id):
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except asyncio.CancelledError:
                exchange.status = exchange.status or CLIENT_CLOSED
                raise
            finally:
                exchange.record()


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, usual: Mapping[bytes, bytes]) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._usual = usual
        self._began = time.perf_counter()
        self._first_byte: float | None = None
        self._bytes_in = self._bytes_out = 0
        self._body_read = self._closes = False
        self.status: int | None = None
        headers = dict(scope["headers"])
        self._has_body = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        self.request_id = scope[REQUEST_ID] = "req_" + new_id().hex
        self.trace_id, scope[TRACEPARENT] = _trace(headers.get(b"traceparent", b"").decode("latin-1"))

    async def receive(self) -> MutableMapping[str, Any]:
        """Count what comes in."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._bytes_in += len(message.get("body", b""))
            self._body_read = not message.get("more_body", False)
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Add the headers every answer has, and count what goes out."""
        if message["type"] == "http.response.start":
            self._first_byte = time.perf_counter()
            self.status = message["status"]
            message["headers"] = self._complete(message["headers"])
        else:
            self._bytes_out += len(message.get("body", b""))
            if self._closes and not message.get("more_body", False):
                await self._send({**message, "more_body": True})
                await self._linger()
                message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    def record(self) -> None:
        """One metric and one log line, without ids in the one and without secrets or query in the other."""
        now = time.perf_counter()
        method = self._scope["method"] if self._scope["method"] in _METHODS else "OTHER"
        route = self._scope.get("path_template", "unmatched")
        status = self.status or 500
        _requests(method, route, status).inc()
        _seconds(method, route).observe((self._first_byte or now) - self._began)
        requester: _Requester | None = self._scope.get("user")
        log.info(
            "http.request",
            method=method,
            route=route,
            status=status,
            milliseconds=round((now - self._began) * 1000, 1),
            bytes_in=self._bytes_in,
            bytes_out=self._bytes_out,
            tenant_id=None if requester is None else str(requester.tenant_id),
            **{name: str(value) for name, value in self._scope.get("path_params", {}).items() if name.endswith("_id")},
        )

    def _complete(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in headers}
        if (b"content-length", b"0") in headers:
            headers = [header for header in headers if header[0] != b"content-type"]  # of nothing
        complete = [*headers, (b"x-request-id", self.request_id.encode())]
        complete += [*self._scope.get(RATE_FIELDS, ()), *self._scope.get(DEPRECATION_FIELDS, ())]
        complete += [(name, value) for name, value in self._usual.items() if name not in present]
        if self._has_body and not self._body_read:
            # The server would else read and throw away gigabytes before it hears the next request.
            self._closes = True
            complete.append((b"connection", b"close"))
        return complete

    async def _linger(self) -> None:
        taken = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while taken < LINGER_BYTES and not self._body_read:
                    message = await self._receive()
                    taken += len(message.get("body", b""))
                    self._body_read = not message.get("more_body", False)


@functools.cache
def _requests(method: str, route: str, status: int) -> Counter:
    return metrics.HTTP_REQUESTS.labels(method, route, status)


@functools.cache
def _seconds(method: str, route: str) -> Histogram:
    return metrics.HTTP_SECONDS.labels(method, route)


def _trace(header: str) -> tuple[str, str]:
    """The trace id, and the `traceparent` that goes on from here: in the caller's trace, or in a new one."""
    match = _TRACEPARENT.fullmatch(header)
    trace_id, flags = match.groups() if match and not header.startswith("ff") else (secrets.token_hex(16), "01")
    return trace_id, f"00-{trace_id}-{secrets.token_hex(8)}-{flags}"
