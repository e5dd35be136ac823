"""A gateway with stand-ins for the other services, in a process of its own: `python -m tests.gateway_process DATABASE_URL
FOLDER SETTINGS`. Prints its URL when it is ready, and ends when its input does."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from shared.logs import configure_logs
from shared.settings import PlatformSettings
from tests.gatewaying import running_gateway

POOL = 8
"""Connections: several gateways share a server that has a hundred."""


@asynccontextmanager
async def gateway_processes(
    database_url: str, folder: Path, *, count: int, settings: Mapping[str, str]
) -> AsyncIterator[list[str]]:
    """The URLs of so many gateways that share a database and a store."""
    command = [sys.executable, "-m", "tests.gateway_process", database_url, str(folder), msgspec.json.encode(settings).decode()]
    processes = [await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE) for _ in range(count)]
    try:
        urls = [(await process.stdout.readline()).decode().strip() for process in processes if process.stdout is not None]
        assert all(urls), "a gateway did not start"
        yield urls
    finally:
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        await asyncio.gather(*(process.wait() for process in processes))


async def main(database_url: str, folder: Path, settings: Mapping[str, str]) -> None:
    """Answer until the input ends."""
    configure_logs(PlatformSettings(log_level="warning"))
    async with running_gateway(database_url, folder, settings=settings, pool=POOL) as gateway:
        sys.stdout.write(gateway.url + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), msgspec.json.decode(sys.argv[3], type=dict[str, str])))
