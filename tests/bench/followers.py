"""Many clients of an event stream, from a process of its own: how late each event reaches each of them."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import datetime
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
    """So many clients of one stream, until each has got so many events."""

    url: str
    api_key: str
    clients: int
    events: int
    ready: str
    """A file that is made when all have been told how things are."""


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """From the change (the beginning of its transaction) to its arrival, for each event and client."""

    delays_ms: list[float]


class _Client(asyncio.Protocol):
    """Reads one stream."""

    def __init__(self, order: Follow) -> None:
        self._order = order
        self._unread = b""
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.counting = False
        self.delays_ms: list[float] = []

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        address = urlsplit(self._order.url)
        request = (
            f"GET {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {self._order.api_key}\r\n\r\n"
        )
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
        if len(self.delays_ms) >= self._order.events and not self.done.done():
            self.done.set_result(None)

    @override
    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.begun, self.done):
            if not future.done():
                future.set_exception(RuntimeError(f"the stream ended: {error!r}, {self._unread[:300]!r}"))


async def _follow(order: Follow) -> Arrived:
    address, loop = urlsplit(order.url), asyncio.get_running_loop()
    assert address.hostname is not None
    assert address.port is not None
    clients: list[_Client] = []
    async with asyncio.timeout(PATIENCE):
        while len(clients) < order.clients:
            some = [
                loop.create_connection(lambda: _Client(order), address.hostname, address.port)
                for _ in range(min(CONNECT_AT_ONCE, order.clients - len(clients)))
            ]
            opened = [client for _, client in await asyncio.gather(*some)]
            await asyncio.gather(*(client.begun for client in opened))
            clients += opened
    for client in clients:
        client.counting = True
    await asyncio.to_thread(Path(order.ready).touch)
    async with asyncio.timeout(PATIENCE * 2):
        await asyncio.gather(*(client.done for client in clients))
    return Arrived(delays_ms=[delay for client in clients for delay in client.delays_ms])


if __name__ == "__main__":
    apart.serve(_follow, Follow)
