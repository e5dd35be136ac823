"""A receiver of webhooks that keeps account: what came how often, and what was under way twice at once."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from tests.receivers import Request, read_request


class Watcher:
    """Answers 204 after `answer_seconds`, and 503 to the first `refusals` requests with an id."""

    def __init__(self, *, answer_seconds: float = 0.05, refusals: int = 0) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.seen: Counter[str] = Counter()
        self.bodies: dict[str, set[bytes]] = {}
        self.overlaps: list[str] = []
        self.open: defaultdict[str, list[asyncio.StreamWriter]] = defaultdict(list)
        self.answering = asyncio.Event()
        """Cleared, nothing is answered."""
        self.answering.set()
        self._answer_seconds = answer_seconds
        self._refusals = refusals
        self._changed = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                request = await read_request(reader)
                await self._take(request, reader, writer)
                refused = self.seen[request.headers["webhook-id"]] <= self._refusals
                writer.write(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n" if refused else b"HTTP/1.1 204 X\r\n\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def wait_for(self, count: int) -> None:
        """Return once so many requests have come."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: self.seen.total() >= count)

    async def _take(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = request.headers["webhook-id"]
        if not all(_has_hung_up(earlier) for earlier in self.open[name]):
            self.overlaps.append(name)
        self.open[name].append(writer)
        try:
            async with self._changed:
                self.requests.append(request)
                self.seen[name] += 1
                self.bodies.setdefault(name, set()).add(request.body)
                self._changed.notify_all()
            await _unless_gone(reader, self._answer())
        finally:
            self.open[name].remove(writer)

    async def _answer(self) -> None:
        await asyncio.sleep(self._answer_seconds)
        await self.answering.wait()


def _has_hung_up(writer: asyncio.StreamWriter) -> bool:
    """Whether the other side has closed, asked of the system: this process may be too busy to have noticed."""
    if writer.is_closing():
        return True
    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as connection:
        try:
            return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except ConnectionError:
            return True


async def _unless_gone(reader: asyncio.StreamReader, wait: Coroutine[Any, Any, None]) -> None:
    """Wait, but no longer than the sender lives: what it had under way is over when it is killed."""
    waiting, gone = asyncio.ensure_future(wait), asyncio.ensure_future(reader.read(1))
    done, pending = await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    if gone in done:
        raise ConnectionResetError


@asynccontextmanager
async def watching(*, answer_seconds: float = 0.05, refusals: int = 0) -> AsyncIterator[Watcher]:
    """Listens on loopback."""
    watcher = Watcher(answer_seconds=answer_seconds, refusals=refusals)
    server = await asyncio.start_server(watcher.serve, "127.0.0.1", 0, backlog=256)
    watcher.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield watcher
    finally:
        watcher.answering.set()
        server.close()
