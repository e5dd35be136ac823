"""What an earlier server on the same folder may have left behind: dying processes, an orphan, a recycled process id."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.cluster import Cluster
from shared.errors import ConfigurationError

ORPHAN_SECONDS = 5.0
"""A server stops by itself when its owner dies (on Linux); one that lives longer than this is told to."""

STOP_SECONDS = 15.0
POLL_SECONDS = 0.01


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a server writes into `postmaster.pid`."""

    pid: int
    port: int
    ready: bool


def read_status(cluster: Cluster) -> Status | None:
    """What the server of this folder says about itself; after a crash that is out of date."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8:
        return None
    return Status(pid=int(lines[0]), port=int(lines[3]), ready=lines[7].strip() == "ready")


async def take_over(cluster: Cluster) -> int:
    """The lock that all processes of a server hold, taken when the last one of the earlier server is gone."""
    lock = os.open(cluster.folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not await _lock_within(lock, ORPHAN_SECONDS):
            _stop_orphan(cluster)
            if not await _lock_within(lock, STOP_SECONDS):
                raise ConfigurationError(
                    f"Processes of an earlier PostgreSQL still use {cluster.folder} and do not end: stop them first."
                )
        _forget_recycled_pid(cluster)
    except BaseException:
        os.close(lock)
        raise
    return lock


def try_lock(descriptor: int) -> bool:
    """Take the lock on an open file; it is free again when the last copy of the descriptor is closed."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _lock_within(lock: int, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            while not try_lock(lock):  # noqa: ASYNC110 (another process frees it)
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return False
    return True


def _stop_orphan(cluster: Cluster) -> None:
    status = read_status(cluster)
    if status is not None and _serves(_command(status.pid), cluster):
        os.kill(status.pid, signal.SIGINT)


def _forget_recycled_pid(cluster: Cluster) -> None:
    """Remove a `postmaster.pid` whose process id is that of a zombie or, as in a restarted container, of another program.

    PostgreSQL would take either for the old server and refuse to start. We hold the lock, so nothing of that is left.
    """
    status = read_status(cluster)
    command = None if status is None else _command(status.pid)
    if command is not None and not _serves(command, cluster):
        (cluster.data / "postmaster.pid").unlink()


def _serves(command: bytes | None, cluster: Cluster) -> bool:
    """Whether this is the command of a server on this folder."""
    return command is not None and os.fsencode(cluster.data) in command


def _command(pid: int) -> bytes | None:
    """What a process was started as; empty for a zombie, none when there is no such process."""
    if sys.platform != "linux":
        listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, timeout=5, check=False)
        return listed.stdout.strip() or None
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return None
