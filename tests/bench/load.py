"""Load on the API and on the database, from a process of its own."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast
from urllib.parse import urlsplit

import asyncpg
import msgspec
from typing_extensions import override

from shared.schemas.ids import new_id
from tests.bench import apart


class Requests(msgspec.Struct, frozen=True, kw_only=True, tag="requests"):
    """The same HTTP request again and again on kept-alive connections, one at a time on each."""

    url: str
    api_key: str
    connections: int
    seconds: float
    body: bytes | None = None
    """JSON for a POST; null for a GET."""


class Inserts(msgspec.Struct, frozen=True, kw_only=True, tag="inserts"):
    """Single-row INSERTs into `bench.rows`, each its own commit, one at a time on each connection."""

    url: str
    row: bytes
    connections: int
    seconds: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    done: int
    failed: dict[str, int]
    seconds: float
    latencies_ms: list[float]

    @property
    def rate(self) -> float:
        """Successes per second."""
        return self.done / self.seconds


async def run(order: Requests | Inserts) -> Seen:
    """Have a process of its own carry the order out. Raises when it breaks or anything is refused."""
    seen = await apart.carry_out("tests.bench.load", order, Seen)
    if seen.failed:
        raise RuntimeError(f"requests were refused: {seen.failed}")
    return seen


class _Connection(asyncio.Protocol):
    """A connection that sends its request again when the answer is complete."""

    def __init__(self, request: bytes, answered: Callable[[str, float], bool]) -> None:
        self._request = request
        self._answered = answered
        self._received = b""
        self._sent_at = 0.0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _content_length(head):
            return
        self._received = b""
        if self._answered(head[9:12].decode(), time.perf_counter() - self._sent_at):
            self._send()
        else:
            self._transport.close()

    @override
    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)


async def _request(order: Requests) -> Seen:
    address = urlsplit(order.url)
    request = _bytes_of(order)
    statuses: Counter[str] = Counter()
    latencies: list[float] = []
    began = time.perf_counter()

    def answered(status: str, seconds: float) -> bool:
        statuses[status] += 1
        latencies.append(seconds * 1000)
        return time.perf_counter() - began < order.seconds

    def connection() -> _Connection:
        return _Connection(request, answered)

    assert address.hostname is not None
    assert address.port is not None
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(connection, address.hostname, address.port) for _ in range(order.connections)]
    await asyncio.gather(*(protocol.closed for _, protocol in opened))
    failed = {status: count for status, count in statuses.items() if not status.startswith("2")}
    seconds = time.perf_counter() - began
    return Seen(done=len(latencies) - sum(failed.values()), failed=failed, seconds=seconds, latencies_ms=latencies)


def _bytes_of(order: Requests) -> bytes:
    address = urlsplit(order.url)
    method = "GET" if order.body is None else "POST"
    head = f"{method} {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {order.api_key}\r\n"
    if order.body is None:
        return f"{head}\r\n".encode()
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(order.body)}\r\n\r\n".encode() + order.body


async def _insert(order: Inserts) -> Seen:
    connections = [await asyncpg.connect(order.url) for _ in range(order.connections)]
    statements = [await one.prepare("insert into bench.rows (id, body) values ($1, $2)") for one in connections]
    latencies: list[float] = []
    began = time.perf_counter()

    async def commit(execute: Callable[..., Awaitable[object]]) -> None:
        while (at := time.perf_counter()) - began < order.seconds:
            await execute(new_id(), order.row)
            latencies.append((time.perf_counter() - at) * 1000)

    await asyncio.gather(*(commit(statement.fetch) for statement in statements))
    seconds = time.perf_counter() - began
    await asyncio.gather(*(connection.close() for connection in connections))
    return Seen(done=len(latencies), failed={}, seconds=seconds, latencies_ms=latencies)


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.index(b"content-length:") + len(b"content-length:")
    return int(lowered[at:].split(b"\r\n", 1)[0])


async def _carry_out(order: Requests | Inserts) -> Seen:
    match order:
        case Requests():
            return await _request(order)
        case Inserts():
            return await _insert(order)


if __name__ == "__main__":
    apart.serve(_carry_out, Requests | Inserts)
