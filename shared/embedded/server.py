"""One PostgreSQL process of our own: start it, know when it serves, stop it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import asyncpg

from shared.embedded.account import Account, choose_account
from shared.embedded.cluster import CLEAN_ENVIRONMENT, SUPERUSER, Cluster, binary, reason
from shared.embedded.predecessor import read_status, take_over
from shared.errors import ConfigurationError

DATABASE = "audio2txt"
START_SECONDS = 120.0
"""How long a start may take: after a crash the log is replayed first."""

STOP_SECONDS = 10.0
"""How long a clean stop may take before a hard one, which costs a recovery at the next start."""

CONNECT_SECONDS = 10.0
POLL_SECONDS = 0.01
PORTS = range(20000, 32768)
"""Below the ports that clients get by chance."""

PORT_ATTEMPTS = 5
LOG_BYTES = 1024 * 1024
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # A socket's path has a limit of about 100 bytes, and any local user could knock.
    "unix_socket_directories": "",
    "max_connections": "60",
    # Small, because the system's cache holds the files too.
    "shared_buffers": "32MB",
    "max_wal_size": "512MB",
    "huge_pages": "off",
    "jit": "off",
    # Fewer processes.
    "io_method": "sync",
    "autovacuum_max_workers": "2",
    "autovacuum_worker_slots": "2",
    "max_logical_replication_workers": "0",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log must not hold what customers said: no statements, no values, no failed commands.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
"""What differs from PostgreSQL's defaults; fsync, synchronous_commit and full_page_writes stay on."""


class Server:
    """PostgreSQL on one folder, without supervision and not for two owners at once: see `EmbeddedPostgres`.

    Start it in a thread that outlives it, best the main one: the system stops it when that thread ends.
    """

    def __init__(self, folder: Path) -> None:
        self._cluster = Cluster(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._port: int | None = None

    @property
    def url(self) -> str:
        """How to connect, with the password."""
        assert self._port is not None
        return database_url(self._cluster, self._port)

    @property
    def pid(self) -> int | None:
        """The process that all others of the server descend from; none when it does not run."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    async def start(self) -> None:
        """Start and wait until a connection works; a later start takes the same port. Raises `ConfigurationError`."""
        lock = await take_over(self._cluster)
        try:
            account = choose_account(self._cluster.folder, binary("postgres"))
            await asyncio.to_thread(self._cluster.make, account, lock)
            await self._start_on_a_port(account, lock)
        except BaseException:
            await self.stop()
            raise
        finally:
            os.close(lock)

    async def stop(self) -> None:
        """Stop cleanly, or hard when that takes too long; what was committed is safe either way."""
        for number in (signal.SIGINT, signal.SIGQUIT):
            if self.pid is None:
                return
            os.kill(self.pid, number)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended(poll=POLL_SECONDS), STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it as kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def ended(self, *, poll: float = 0.2) -> int:
        """Wait until the process is gone; returns its exit status."""
        assert self._process is not None
        while (status := self._process.poll()) is None:  # noqa: ASYNC110 (the loops' own child watchers differ)
            await asyncio.sleep(poll)
        return status

    async def _start_on_a_port(self, account: Account, lock: int) -> None:
        said = ""
        for _ in range(PORT_ATTEMPTS):
            port = self._port or _free_port()
            with _open_log(self._cluster.log_file) as log:
                beginning = log.tell()
                self._process = self._spawn(account, port, lock, log)
            if await self._becomes_ready():
                await _ensure_database(self._cluster, port)
                self._port = port
                return
            said = _read_from(self._cluster.log_file, beginning)
            if "could not bind" not in said:
                break
        raise ConfigurationError(
            f"PostgreSQL does not start in {self._cluster.folder}: {reason(said)}; its log is {self._cluster.log_file}."
        )

    def _spawn(self, account: Account, port: int, lock: int, log: BinaryIO) -> subprocess.Popen[bytes]:
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": str(port)}.items()]
        return subprocess.Popen(
            account.command(signal.SIGINT, binary("postgres"), "-D", str(self._cluster.data), *settings),
            env=CLEAN_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            # Ctrl-C is for us alone: we drain before the server stops.
            start_new_session=True,
        )

    async def _becomes_ready(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while self.pid is not None and time.monotonic() < deadline:
            status = read_status(self._cluster)
            if status is not None and status.pid == self.pid and status.ready:
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False


def database_url(cluster: Cluster, port: int, database: str = DATABASE) -> str:
    """Complete, so that no PG* variable has a say."""
    return f"postgresql://{SUPERUSER}:{cluster.password()}@127.0.0.1:{port}/{database}?sslmode=disable"


async def _ensure_database(cluster: Cluster, port: int) -> None:
    """Connect as everybody will, and make our database the first time."""
    try:
        connection = await asyncpg.connect(database_url(cluster, port), timeout=CONNECT_SECONDS)
    except asyncpg.InvalidCatalogNameError:
        connection = await asyncpg.connect(database_url(cluster, port, "postgres"), timeout=CONNECT_SECONDS)
        await connection.execute(f"create database {DATABASE}")
    except asyncpg.InvalidPasswordError as error:
        raise ConfigurationError(
            f"The file {cluster.password_file} does not hold the password of the database beside it: restore it from a backup."
        ) from error
    await connection.close(timeout=CONNECT_SECONDS)


def _free_port() -> int:
    for port in random.sample(PORTS, k=len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise ConfigurationError(
        f"No port from {PORTS.start} to {PORTS.stop - 1} is free on 127.0.0.1 for the embedded PostgreSQL."
    )


def _open_log(path: Path) -> BinaryIO:
    """For appending, after emptying one that has grown."""
    log = path.open("ab")
    if log.tell() > LOG_BYTES:
        log.truncate(0)
        log.seek(0)
    return log


def _read_from(path: Path, beginning: int) -> str:
    with path.open("rb") as log:
        log.seek(beginning)
        return log.read().decode(errors="replace")
