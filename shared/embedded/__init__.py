"""The PostgreSQL that a one-process installation carries with it.

Its server is our child: it listens on 127.0.0.1 only, is started again when it dies, and ends when we do, however we
end. One process owns a folder; command-line tools of the same machine attach to the owner's server.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg
import structlog

from shared.embedded.cluster import Cluster
from shared.embedded.predecessor import read_status, try_lock
from shared.embedded.server import CONNECT_SECONDS, Server, database_url
from shared.errors import ConfigurationError
from shared.retry import backoff

ATTACH_SECONDS = 30.0
"""How long a tool waits for a server that another process is starting or stopping."""

log = structlog.get_logger(__name__)


class DatabaseInUse(ConfigurationError):
    """Another process that lives owns the folder."""


class EmbeddedPostgres:
    """A supervised server on one folder, made when missing, for as long as the context lasts.

    Enter it in the main thread. Raises `DatabaseInUse` when another process owns the folder, and `ConfigurationError`
    for everything else that keeps the server from starting.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._server = Server(self._folder)
        self._lock: int | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """How to connect to the database `audio2txt`, with the password. Stays the same when the server is restarted."""
        return self._server.url

    @property
    def pid(self) -> int | None:
        """The server's main process; none while it is down."""
        return self._server.pid

    async def __aenter__(self) -> Self:
        try:
            self._lock = _own(self._folder)
            await self._server.start()
        except PermissionError as error:
            self._disown()
            raise ConfigurationError(
                f"This account cannot run the database in {self._folder} ({error.strerror}: {error.filename}): run as the "
                "account that made it, set AUDIO2TXT_DATA_DIR to a folder of its own, or AUDIO2TXT_DATABASE_URL to a server."
            ) from error
        except BaseException:
            self._disown()
            raise
        self._supervisor = asyncio.create_task(self._supervise(), name="embedded-postgres")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._supervisor is not None
        try:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
            await self._server.stop()
        finally:
            # A second cancellation must not leave a server behind either.
            self._server.kill()
            self._disown()

    def _disown(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    async def _supervise(self) -> None:
        while True:
            status = await self._server.ended()
            log.error("embedded_postgres.died", status=status)
            await self._restart()

    async def _restart(self) -> None:
        for attempt in itertools.count(1):
            await asyncio.sleep(backoff(attempt, first=0.1, longest=10))
            try:
                await self._server.start()
            except (ConfigurationError, OSError, TimeoutError, asyncpg.PostgresError) as error:
                log.error("embedded_postgres.restart_failed", attempt=attempt, error=str(error))
            else:
                log.info("embedded_postgres.restarted", attempt=attempt)
                return


@asynccontextmanager
async def connect_or_start(folder: Path) -> AsyncIterator[str]:
    """The URL of the server on this folder: that of its owner when there is one, else of our own while the context lasts."""
    async with AsyncExitStack() as stack:
        yield await _find_or_start(folder, stack)


async def _find_or_start(folder: Path, stack: AsyncExitStack) -> str:
    deadline = time.monotonic() + ATTACH_SECONDS
    while True:
        try:
            server = await stack.enter_async_context(EmbeddedPostgres(folder))
        except DatabaseInUse:
            if (url := await _find(Cluster(folder))) is not None:
                return url
            if time.monotonic() > deadline:
                raise
        else:
            return server.url
        await asyncio.sleep(0.1)


async def _find(cluster: Cluster) -> str | None:
    """The URL of the server that serves this folder, none while it does not."""
    status = read_status(cluster)
    if status is None or not status.ready:
        return None
    url = database_url(cluster, status.port)
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return None
    await connection.close(timeout=CONNECT_SECONDS)
    return url


def _own(folder: Path) -> int:
    """The lock of the process that owns the folder; it holds our process id for the sentence of the others."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    if try_lock(lock):
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        return lock
    owner = os.read(lock, 20).decode()
    os.close(lock)
    raise DatabaseInUse(
        f"The database in {folder} is in use by process {owner}: "
        "stop that one first, or set AUDIO2TXT_DATA_DIR to another folder."
    )
