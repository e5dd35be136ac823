"""How bytes get into a file: gathered, and written by a thread while the next ones gather."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from uuid import uuid4

from shared.blobs import BlobInfo, Bookmark, Record, folder
from shared.blobs.threads import finished, in_thread, opened

WRITE_BYTES = 1024 * 1024
"""How much is gathered before a thread writes it; a hop to a thread costs as much as writing some 100 kB."""

RECORD_BYTES = 32 * 1024 * 1024
"""How far a growing blob gets from one bookmark to the next, for which the disk is waited for."""

UNFINISHED = ".unfinished"
"""Folder of the bytes that are no blob yet; no key starts with a dot."""


def growing_name(key: str) -> str:
    """The name of the file in which a blob grows."""
    return hashlib.sha256(key.encode()).hexdigest()[:32] + ".growing"


class _Appender:
    """Appends to an open file."""

    def __init__(self, file: BinaryIO, root: Path) -> None:
        self.file = file
        self._root = root
        self._chunks: list[bytes] = []
        self._gathered = 0
        self._writing: asyncio.Future[None] | None = None

    async def write(self, chunk: bytes | memoryview) -> None:
        """Take bytes. Waits for the thread that writes those before."""
        self._chunks.append(bytes(chunk))
        self._gathered += len(chunk)
        if self._gathered >= WRITE_BYTES:
            await self._flush()

    async def settle(self) -> None:
        """Return once everything is written."""
        await self._flush()
        await self._written()

    async def stop(self) -> None:
        """Return once nobody writes any more; what was gathered is dropped."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
            self._writing.exception()

    async def _flush(self) -> None:
        await self._written()
        chunks, self._chunks, self._gathered = self._chunks, [], 0
        self._writing = asyncio.get_running_loop().run_in_executor(None, folder.append, self.file, chunks)

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            with folder.available(self._root):
                await finished(writing)


class FileWriter:
    """A `BlobWriter`."""

    def __init__(self, *, root: Path, key: str) -> None:
        self._root = root
        self._key = key
        self._path = root / UNFINISHED / uuid4().hex
        self._appender: _Appender | None = None

    async def __aenter__(self) -> Self:
        with folder.available(self._root):
            self._appender = _Appender(await opened(folder.create, self._path), self._root)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._appender is not None:
            await finished(asyncio.ensure_future(self._discard(self._appender)))

    async def write(self, chunk: bytes | memoryview) -> None:
        """See `BlobWriter.write`."""
        assert self._appender is not None
        await self._appender.write(chunk)

    async def commit(self) -> BlobInfo:
        """See `BlobWriter.commit`."""
        assert self._appender is not None
        await self._appender.settle()
        with folder.available(self._root):
            info = await in_thread(folder.finish, self._appender.file, self._path, self._root, self._key)
        self._appender = None
        return info

    async def _discard(self, appender: _Appender) -> None:
        await appender.stop()
        await in_thread(folder.throw_away, appender.file, self._path)


class FileGrowing:
    """A `GrowingBlob`. The file is cut back to the bookmark when somebody goes on with it."""

    def __init__(self, *, root: Path, path: Path, key: str, bookmark: Bookmark, record: Record, whole: bool) -> None:
        self._root = root
        self._path = path
        self._key = key
        self._record = record
        self._whole = whole
        self._size = self._recorded = bookmark.size
        self._appender: _Appender | None = None

    async def __aenter__(self) -> Self:
        with folder.existing(self._root, self._key):
            self._appender = _Appender(await opened(folder.reopen, self._path, self._size), self._root)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._appender is not None:
            await finished(asyncio.ensure_future(self._close(self._appender)))

    async def write(self, chunk: bytes | memoryview) -> None:
        """See `GrowingBlob.write`."""
        assert self._appender is not None
        self._size += len(chunk)
        await self._appender.write(chunk)
        if not self._whole and self._size - self._recorded >= RECORD_BYTES:
            await self.pause()

    async def pause(self) -> None:
        """See `GrowingBlob.pause`."""
        assert self._appender is not None
        await self._appender.settle()
        with folder.available(self._root):
            await in_thread(folder.keep, self._appender.file)
        await self._record(Bookmark(size=self._size))
        self._recorded = self._size

    async def finish(self) -> None:
        """See `GrowingBlob.finish`."""
        await self.pause()

    async def _close(self, appender: _Appender) -> None:
        await appender.stop()
        appender.file.close()
