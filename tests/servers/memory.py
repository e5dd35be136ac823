"""Where servers keep what need not survive the machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH = 2 * 1024**3
"""Bytes that must be free for a server's data: some containers have 64 MB."""
OWNED = "-owned"
"""How the names of folders end that are locked for as long as the process lives that made them."""


def new_folder(prefix: str, *, durable: bool) -> Path:
    """A new empty folder: on the disk if it is to be durable, else in memory where there is enough of it. There a database
    is copied ten times faster. What killed processes left in memory goes."""
    if durable or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ENOUGH:
        return Path(tempfile.mkdtemp(prefix=prefix))
    with (Path(tempfile.gettempdir()) / f"audio2txt-memory-{os.geteuid()}.lock").open("ab") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)  # nobody sees a folder between its making and its lock
        for left in MEMORY.glob(f"{prefix}*{OWNED}"):
            _remove_unless_owned(left)
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=OWNED, dir=MEMORY))
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)  # stays open until the process ends
    return folder


def _remove_unless_owned(folder: Path) -> None:
    with suppress(FileNotFoundError, PermissionError):  # gone by now, or somebody else's
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
