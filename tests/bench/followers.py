"""Many clients of an event stream, from a process of its own: how late each event reaches each of them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec
from typing_extensions import override

from tests.bench import apart

CONNECT_AT_ONCE = 50
PATIENCE = 60.0

_CHANGED = re.compile(rb'"updated_at":"([^"]+)"')


class Follow(msgspec.Struct, frozen=True, kw_only=True):
    """A client for each path, until so many of them have heard of a job with the last title."""

    url: str
    api_key: str
    paths: list[str]
    last: str
    hear_last: int
    ready: str
    """A file that is made when all have been told how things are."""


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """From the change (the beginning of its transaction) to its arrival, for each event and client."""

    delays_ms: list[float]


class _Client(asyncio.Protocol):
    """Reads one stream."""

    def __init__(self, order: Follow, path: str, heard_last: Callable[[], None]) -> None:
        self._order = order
        self._path = path
        self._heard_last = heard_last
        self._unread = b""
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.counting = False
        self.delays_ms: list[float] = []

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = urlsplit(self._order.url)
        request = f"GET {self._path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {self._order.api_key}\r\n\r\n"
        cast("asyncio.WriteTransport", transport).write(request.encode())

    @override
    def data_received(self, data: bytes) -> None:
        now = time.time()
        *events, self._unread = (self._unread + data).split(b"\n\n")
        if any(b"data: " in event for event in events) and not self.begun.done():
            self.begun.set_result(None)
        if not self.counting:
            return
        for changed in _CHANGED.findall(b"".join(events)):
            self.delays_ms.append((now - datetime.fromisoformat(changed.decode()).timestamp()) * 1000)
        if any(self._order.last.encode() in event for event in events):
            self._heard_last()

    @override
    def connection_lost(self, error: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_exception(RuntimeError(f"the stream ended: {error!r}, {self._unread[:300]!r}"))


async def _follow(order: Follow) -> Arrived:
    address, loop = urlsplit(order.url), asyncio.get_running_loop()
    assert address.hostname is not None
    assert address.port is not None
    clients: list[_Client] = []
    heard = asyncio.Semaphore(0)
    async with asyncio.timeout(PATIENCE):
        while len(clients) < len(order.paths):
            paths = order.paths[len(clients) : len(clients) + CONNECT_AT_ONCE]
            some = [
                loop.create_connection(partial(_Client, order, path, heard.release), address.hostname, address.port)
                for path in paths
            ]
            opened = [client for _, client in await asyncio.gather(*some)]
            await asyncio.gather(*(client.begun for client in opened))
            clients += opened
    for client in clients:
        client.counting = True
    await asyncio.to_thread(Path(order.ready).touch)
    async with asyncio.timeout(PATIENCE * 2):
        for _ in range(order.hear_last):
            await heard.acquire()
    return Arrived(delays_ms=[delay for client in clients for delay in client.delays_ms])


if __name__ == "__main__":
    apart.serve(_follow, Follow)
