"""Reads a request's body piece by piece: never more than allowed, and never waiting for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from services.gateway.problems import Problem
from shared.health import Receive

LARGEST_JSON = 256 * 1024


class Disconnected(Problem):
    """The client went away; nobody reads the answer, and logs and metrics show 499."""

    def __init__(self) -> None:
        super().__init__(499, "client_closed_request", "The connection ended before the body did.")


class Body:
    """The body of one request, to be read once. Raises `Problem`: 413, 408, or `Disconnected`."""

    def __init__(self, receive: Receive, headers: Mapping[str, str], *, limit: int, stall: float) -> None:
        self._receive = receive
        self._limit = limit
        self._stall = stall
        self._waiting: asyncio.Timeout | None = None
        self._stopped: Problem | None = None
        self._check_headers(headers)

    @property
    def announced(self) -> int | None:
        """How many bytes are to come; null where the client does not say."""
        return self._announced

    def stop(self, problem: Problem) -> None:
        """End the reading with this problem, at once where it waits for the client."""
        self._stopped = problem
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive. Nothing is received while the caller is busy, so a slow store slows the client."""
        size = 0
        while True:
            message = await self._next()
            if chunk := message.get("body", b""):
                size += len(chunk)
                if size > self._limit:
                    raise too_large(self._limit)
                yield chunk
            if not message.get("more_body", False):
                return

    async def read(self) -> bytes:
        """All of a small body."""
        message = await self._next()
        data = message.get("body", b"")
        while message.get("more_body", False) and len(data) <= self._limit:
            message = await self._next()
            data += message.get("body", b"")
        if len(data) > self._limit:
            raise too_large(self._limit)
        return data

    async def _next(self) -> Mapping[str, bytes]:
        if self._stopped is not None:
            raise self._stopped
        try:
            async with asyncio.timeout(self._stall) as self._waiting:
                message = await self._receive()
        except TimeoutError:
            if self._stopped is not None:
                raise self._stopped from None
            raise Problem(408, "upload_stalled", f"No byte arrived for {self._stall:g} s; send the file again.") from None
        finally:
            self._waiting = None
        if message["type"] == "http.disconnect":
            raise Disconnected
        return message

    def _check_headers(self, headers: Mapping[str, str]) -> None:
        encoding = headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            raise Problem(415, "content_encoding_refused", f"Send the body as it is, without Content-Encoding {encoding!r}.")
        announced = headers.get("content-length", "")
        self._announced = int(announced) if announced.isdigit() else None
        if (self._announced or 0) > self._limit:
            raise too_large(self._limit)


def too_large(limit: int) -> Problem:
    """More bytes than this route takes (413)."""
    return Problem(413, "too_large", f"At most {limit:,} bytes are accepted here.")
