"""Folders for files of one piece of work. What a process that was killed left behind is removed when the next one starts."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Self


class Scratch:
    """This process's own folder, below one that several may share. Its lock, held open, says that the owner lives."""

    def __init__(self, *, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock

    @classmethod
    def open(cls, root: Path, owner: str) -> Self:
        """Make the folder, and sweep those whose owners are gone."""
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root):
            _sweep(root)
            lock = os.open(root / f"{owner}.lock", os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            folder = root / owner
            folder.mkdir(mode=0o700, exist_ok=True)
        return cls(folder=folder, lock=lock)

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """An empty folder that is removed with all it holds when the block ends."""
        path = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            yield path
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, path, ignore_errors=True))

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.with_name(f"{self._folder.name}.lock").unlink(missing_ok=True)
        os.close(self._lock)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Nobody else sweeps or enters meanwhile: a new folder must not be swept before it is locked."""
    gate = os.open(root / "gate", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield
    finally:
        os.close(gate)


def _sweep(root: Path) -> None:
    for path in root.glob("*.lock"):
        lock = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            path.unlink(missing_ok=True)
        finally:
            os.close(lock)
