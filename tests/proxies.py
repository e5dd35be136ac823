"""A forward proxy on loopback, of the kind that guards the way out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Proxy:
    """Tunnels and forwards to one address, whatever name it is asked for; `refusal` is said instead."""

    target: tuple[str, int]
    refusal: bytes | None = None
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """Request lines."""
    logins: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """For the setting."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            self.asked.append(lines[0])
            self.logins += [line.partition(": ")[2] for line in lines if line.lower().startswith("proxy-authorization:")]
            if self.refusal is not None:
                writer.write(self.refusal)
                await writer.drain()
            else:
                await self._pass_on(lines[0], head, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            await _close(writer)

    async def _pass_on(self, line: str, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self.target)
        if line.startswith("CONNECT "):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            method, url, version = line.split(" ")
            path = "/" + url.partition("://")[2].partition("/")[2]
            far_writer.write(f"{method} {path} {version}".encode() + head[len(line) :])
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            await _close(far_writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


@asynccontextmanager
async def proxy(target: tuple[str, int], *, refusal: bytes | None = None) -> AsyncIterator[Proxy]:
    """A proxy on a free port."""
    standing = Proxy(target=target, refusal=refusal)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(standing.serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    standing.port = server.sockets[0].getsockname()[1]
    try:
        yield standing
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
