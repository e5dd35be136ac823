"""A PostgreSQL of its own for tests and benchmarks, on a temporary folder, that can be killed and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import asyncpg

from shared import migrations
from shared.database import open_pool
from shared.embedded.server import Server
from tests.servers.memory import new_folder

T = TypeVar("T")

SERVICES = ("gateway", "transcriber", "notifier")
TEMPLATE = "migrated"


class PostgresServer:
    """A context manager, also outside pytest: `with PostgresServer() as server: server.create_database()`.

    It runs on an event loop in a thread of its own, so any code can call it. Nobody restarts it after `kill9`. Only a `durable`
    one uses the disk: tests kill processes and never the machine, and what a process wrote survives it.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._resources = ExitStack()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgresql", daemon=True)
        self._has_template = False

    def __enter__(self) -> Self:
        folder = new_folder("audio2txt-postgresql-", durable=self._durable)
        self._resources.callback(shutil.rmtree, folder, ignore_errors=True)
        self._server = Server(folder)
        self._thread.start()
        self._resources.callback(self._end_thread)
        with self._resources:
            self._run(self._server.start())
            self._resources.callback(lambda: self._run(self._server.stop()))
            if not self._durable:
                self._run(self._execute("alter system set fsync = off", "select pg_reload_conf()"))
            self._resources = self._resources.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._resources.close()

    @property
    def url(self) -> str:
        """The database `audio2txt` of this server, with the password."""
        return self._server.url

    def kill9(self) -> None:
        """Kill the server and leave it dead. Its connections break, its port refuses."""
        self._server.kill()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all its processes where they stand, as in a paused container: connections stay open, the system takes new ones,
        and nobody answers."""
        stopped: list[int] = []
        try:
            assert self._server.pid is not None
            # The first one first, which would start new ones.
            for pid in (self._server.pid, *_children(self._server.pid)):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

    def restart(self) -> None:
        """Stop it unless it is dead, and start it on the same port; returns when it serves."""
        self._run(self._server.stop())
        self._run(self._server.start())

    def create_database(self) -> str:
        """The URL of a new database with the schemas of all services."""
        if not self._has_template:
            self._run(self._make_template())
            self._has_template = True
        return self._create(f"template {TEMPLATE} strategy file_copy")

    def create_empty_database(self) -> str:
        """The URL of a new database that nobody has migrated."""
        return self._create("strategy file_copy")

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = url.rpartition("/")[2].partition("?")[0]
        self._run(self._execute(f"drop database {name} with (force)"))

    def _create(self, how: str) -> str:
        name = f"test_{uuid4().hex}"
        self._run(self._execute(f"create database {name} {how}"))
        return self._url_of(name)

    async def _make_template(self) -> None:
        await self._execute(f"create database {TEMPLATE}")
        pool = await open_pool(self._url_of(TEMPLATE), size=1)
        for service in SERVICES:
            await migrations.apply(pool, service)
        await pool.close()

    async def _execute(self, *statements: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def _url_of(self, name: str) -> str:
        return self.url.replace("/audio2txt?", f"/{name}?")

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _children(pid: int) -> list[int]:
    """All of them: PostgreSQL's processes are their first one's children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [descendant for child in map(int, listed.split()) for descendant in (child, *_children(child))]
