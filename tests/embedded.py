"""Another process that owns an embedded PostgreSQL, and short ways to ask a database."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

ROOT = Path(__file__).parents[1]
OWNER = """
import asyncio, sys
from pathlib import Path
from shared.embedded import EmbeddedPostgres

async def main():
    async with EmbeddedPostgres(Path(sys.argv[1])) as server:
        print(server.pid, server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@asynccontextmanager
async def owner(
    folder: Path, *, command: Sequence[str] = (sys.executable,), python_path: Sequence[Path] = (ROOT,)
) -> AsyncIterator[tuple[Process, int, str]]:
    """Another process that owns the folder: it, its server's process id and the URL."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, python_path)), "PYTHONDONTWRITEBYTECODE": "1"}
    process = await asyncio.create_subprocess_exec(*command, "-c", OWNER, folder, stdin=PIPE, stdout=PIPE, env=environment)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pid, url = (await process.stdout.readline()).decode().split()
        yield process, int(pid), url
    finally:
        process.stdin.close()
        await process.wait()


def mode(path: Path) -> int:
    """Who may do what with it."""
    return path.stat().st_mode & 0o777


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """One connection, closed at the end."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def execute(url: str, *statements: str) -> None:
    """Run statements on a connection of their own."""
    async with connected(url) as connection:
        for statement in statements:
            await connection.execute(statement)


async def value(url: str, query: str) -> object:
    """What one query says, on a connection of its own."""
    async with connected(url) as connection:
        return await connection.fetchval(query)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it holds."""
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.01)


async def reachable(url: str) -> bool:
    """Whether a new connection works."""
    try:
        return await value(url, "select true") is True
    except (OSError, asyncpg.PostgresError):
        return False
