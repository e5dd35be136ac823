"""A bad network: relays connections to wherever the server is now, and cuts them after so many bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PIECE = 256 * 1024


@dataclass(kw_only=True)
class Relay:
    """One address for a server that moves."""

    target: Callable[[], str]
    """The server's URL now."""
    cut_every: int
    """Bytes from clients after which the connection that brings them is cut."""
    port: int = 0
    passed: int = 0
    cuts: int = 0
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        """For clients."""
        return f"http://127.0.0.1:{self.port}"

    async def until(self, passed: int) -> None:
        """Wait until so many bytes have come from clients."""
        async with self._news:
            await self._news.wait_for(lambda: self.passed >= passed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        address = urlsplit(self.target())
        with suppress(ConnectionError):
            far_reader, far_writer = await asyncio.open_connection(address.hostname, address.port)
            back = asyncio.create_task(_pump(far_reader, writer))
            try:
                await self._forward(reader, far_writer)
            finally:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
                far_writer.transport.abort()
        writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
            async with self._news:
                self.passed += len(piece)
                self._news.notify_all()
            if self.passed >= self.cut_every * (self.cuts + 1):
                self.cuts += 1
                return


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def relaying(target: Callable[[], str], *, cut_every: int) -> AsyncIterator[Relay]:
    """A relay on a free port."""
    relay = Relay(target=target, cut_every=cut_every)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
