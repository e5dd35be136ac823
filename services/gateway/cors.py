"""Lets pages of other sites call the API, where the operator names them (the Fetch standard's CORS). Around everything else, so
that refusals can be read, too."""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from typing import Any

from shared.errors import ConfigurationError
from shared.health import AsgiApp, Receive, Scope, Send

ANYBODY = "*"
MAX_AGE_SECONDS = 3600
"""How long browsers may remember a preflight."""

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED = (
    "Authorization, Content-Type, Content-Digest, Idempotency-Key, If-Match, If-None-Match, If-Range, Last-Event-ID, Range, "
    "Traceparent, Tus-Resumable, Upload-Checksum, Upload-Length, Upload-Metadata, Upload-Offset, X-API-Key, X-CSRF-Token, "
    "X-Requested-With"
)
EXPOSED = (
    "Content-Disposition, Content-Range, Deprecation, ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, "
    "Retry-After, Sunset, Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Expires, "
    "Upload-Length, Upload-Metadata, Upload-Offset, X-Request-Id"
)
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")

Headers = list[tuple[bytes, bytes]]


def origins_of(text: str) -> frozenset[str]:
    """The sites in a setting, separated by spaces or commas. Raises `ConfigurationError` for what is none."""
    origins = frozenset(text.replace(",", " ").lower().split())
    for origin in sorted(origins - {ANYBODY}):
        if not _ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                f"AUDIO2TXT_CORS_ORIGINS: {origin!r} is no origin; write it as in https://app.example.com, without a path, "
                "or * for every site."
            )
    return origins


class Cors:
    """Wraps an ASGI application. Other sites bring keys or tokens; a cookie that comes from them counts for nothing."""

    def __init__(self, app: AsgiApp, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin-1")
        allowed = self._allowed(origin)
        if origin and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _preflight(send, allowed)
            return

        async def with_cors(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*_with_vary(message["headers"]), *(_exposing(allowed) if origin else [])]
            await send(message)

        await self._app(scope, receive, with_cors)

    def _allowed(self, origin: str) -> Headers:
        """What tells the browser that the page may read the answer; nothing for other sites."""
        if origin.lower() in self._origins - {ANYBODY}:
            return [(b"access-control-allow-origin", origin.encode("latin-1"))]
        return [(b"access-control-allow-origin", b"*")] if ANYBODY in self._origins else []


def _exposing(allowed: Headers) -> Headers:
    return [*allowed, (b"access-control-expose-headers", EXPOSED.encode())] if allowed else []


async def _preflight(send: Send, allowed: Headers) -> None:
    headers = [(b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"), *allowed]
    if allowed:
        headers += [
            (b"access-control-allow-methods", METHODS.encode()),
            (b"access-control-allow-headers", ALLOWED.encode()),
            (b"access-control-max-age", str(MAX_AGE_SECONDS).encode()),
        ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _with_vary(headers: Headers) -> Headers:
    """The answer is another one for other sites, which caches must know."""
    vary = b", ".join([*(value for name, value in headers if name.lower() == b"vary"), b"Origin"])
    return [*((name, value) for name, value in headers if name.lower() != b"vary"), (b"vary", vary)]
