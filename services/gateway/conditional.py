"""Gives answers to GET and HEAD an entity tag, and answers 304 where the client has the same already.

Outside of the routes, so that none forgets it: a route that knows better says its own `ETag`; for all others it is a digest of
the body. What is streamed is left to its route, and what must not be kept (`no-store`) is left as it is.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from services.gateway.entity_tags import digest, etag_of, matches
from shared.health import AsgiApp, Receive, Scope, Send

Message = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]

_OF_THE_BODY = (b"content-length", b"content-type", b"content-encoding", b"content-disposition")


class Conditional:
    """Wraps an ASGI application."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] in ("GET", "HEAD"):
            send = _Answer(scope, send).send
        await self._app(scope, receive, send)


class _Answer:
    """One answer, whose beginning is held back until its body is known, if that comes in one piece."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._if_none_match = dict(scope["headers"]).get(b"if-none-match")
        self._send = send
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        """Take one message of the application."""
        if message["type"] == "http.response.start" and _is_whole(message):
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            if not message.get("more_body", False):
                start, message = self._judged(start, message)
            await self._send(start)
        await self._send(message)

    def _judged(self, start: Message, body: Message) -> tuple[Message, Message]:
        headers: Headers = list(start["headers"])
        given = _value(headers, b"etag")
        etag = etag_of(digest(body.get("body", b""))) if given is None else given.decode("latin-1")
        if given is None:
            headers.append((b"etag", etag.encode("latin-1")))
        if self._if_none_match is None or not matches(self._if_none_match.decode("latin-1"), etag):
            return {**start, "headers": headers}, body
        kept = [(name, value) for name, value in headers if name.lower() not in _OF_THE_BODY]
        return {**start, "status": 304, "headers": kept}, {**body, "body": b""}


def _is_whole(start: Message) -> bool:
    """Whether it is an answer of a known length that may be kept."""
    headers: Headers = list(start["headers"])
    if start["status"] != 200 or _value(headers, b"content-length") is None:
        return False
    return b"no-store" not in (_value(headers, b"cache-control") or b"")


def _value(headers: Headers, name: bytes) -> bytes | None:
    return next((value for given, value in headers if given.lower() == name), None)
