"""Receivers of webhooks that behave in every way receivers do, on raw sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from standardwebhooks import Webhook


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it came in."""

    target: str
    headers: dict[str, str]
    body: bytes

    def verify(self, secret: str) -> None:
        """Raise unless the official library accepts it."""
        Webhook(secret).verify(self.body.decode(), self.headers)


Behaviour: TypeAlias = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Answers one request. The connection is kept if it returns, and closed if it raises `ConnectionError`."""


@dataclass(kw_only=True)
class Receiver:
    """Listens on loopback. The n-th request meets the n-th behaviour, later ones the last."""

    url: str
    port: int
    behaviours: list[Behaviour]
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while True:
                request = await read_request(reader)
                behave = self.behaviours[min(len(self.requests), len(self.behaviours) - 1)]
                async with self.changed:
                    self.requests.append(request)
                    self.changed.notify_all()
                await behave(writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def wait_for(self, count: int) -> None:
        """Return once so many requests have come."""
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: len(self.requests) >= count)


@asynccontextmanager
async def receiver(
    *behaviours: Behaviour, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A receiver, on a free port unless one is named; without behaviours it answers 204."""
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(listening.serve(reader, writer)))

    server = await asyncio.start_server(connected, host, port, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    listening = Receiver(url=f"http://{shown}:{port}/hook?token=abc", port=port, behaviours=list(behaviours) or [status(204)])
    try:
        yield listening
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def status(code: int, body: bytes = b"", **headers: str) -> Behaviour:
    """A plain answer; in the names of headers `_` stands for `-`."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {code} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    return behave


def silence() -> Behaviour:
    """Takes the request and never answers."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    return behave


def raw(data: bytes, *, then_close: bool = True) -> Behaviour:
    """Sends exactly these bytes."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if then_close:
            raise ConnectionError

    return behave


def drop() -> Behaviour:
    """Hangs up instead of answering."""
    return raw(b"")


def endless(chunk: bytes = b"x" * 4096) -> Behaviour:
    """200, and a body that never ends."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await writer.drain()

    return behave


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request of a connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(target=first.split(" ")[1], headers=headers, body=body)
