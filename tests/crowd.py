"""A thousand receivers in a process of their own, three tenths of which misbehave: `python -m tests.crowd` prints its port."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

RECEIVERS = 1000
BEHAVIOURS = ("silent", "refusing", "dripping", "redirecting", "flooding")


def behaviour_of(number: int) -> str:
    """Seven of ten are healthy; of the others half never answer."""
    if number % 10 < 7:
        return "healthy"
    return "silent" if number % 2 else BEHAVIOURS[1 + number // 10 % 4]


@asynccontextmanager
async def crowd() -> AsyncIterator[list[str]]:
    """Their URLs."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.crowd", stdin=PIPE, stdout=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    closed = _closed_port()
    try:
        yield [
            f"http://127.0.0.1:{closed if behaviour_of(number) == 'refusing' else port}/{behaviour_of(number)}/{number}"
            for number in range(RECEIVERS)
        ]
    finally:
        process.stdin.close()
        await process.wait()


def _closed_port() -> int:
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    return port


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            await reader.readexactly(length)
            await _answer(head.split(b" ")[1].split(b"/")[1].decode(), writer)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _answer(behaviour: str, writer: asyncio.StreamWriter) -> None:
    match behaviour:
        case "silent":
            await asyncio.Event().wait()
        case "dripping":
            for character in "HTTP/1.1 200 OK\r\n" * 100:
                writer.write(character.encode())
                await writer.drain()
                await asyncio.sleep(1)
        case "redirecting":
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        case "flooding":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                await writer.drain()
        case _:
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    await writer.drain()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # hundreds of connections are still open, as they are meant to be


if __name__ == "__main__":
    asyncio.run(_main())
