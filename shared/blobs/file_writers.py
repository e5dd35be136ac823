"""How bytes get into a file: gathered, and written by a thread while the next ones gather."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from shared.blobs import BlobInfo, Bookmark, Record, folder
from shared.blobs.sealed_files import ChunkWriter, Vault
from shared.blobs.sealing import CHUNK_BYTES, TAIL, BlobCipher, offset_of
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

    def __init__(self, chunks: ChunkWriter, root: Path) -> None:
        self.chunks = chunks
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
        self._writing = asyncio.get_running_loop().run_in_executor(None, self.chunks.append, chunks)

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            with folder.available(self._root):
                await finished(writing)


class FileWriter:
    """A `BlobWriter`."""

    def __init__(self, *, root: Path, key: str, vault: Vault) -> None:
        self._root = root
        self._key = key
        self._vault = vault
        self._path = root / UNFINISHED / uuid4().hex
        self._appender: _Appender | None = None

    async def __aenter__(self) -> Self:
        with folder.available(self._root):
            self._appender = _Appender(await opened(self._begun), self._root)
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
            info = await in_thread(self._finish, self._appender.chunks)
        self._appender = None
        return info

    def _begun(self) -> ChunkWriter:
        file = folder.create(self._path)
        try:
            chunks = ChunkWriter(file, self._vault.cipher_of(self._key))
            chunks.begin()
        except BaseException:
            folder.throw_away(file, self._path)
            raise
        return chunks

    def _finish(self, chunks: ChunkWriter) -> BlobInfo:
        chunks.end()
        info = self._vault.inspect(self._key, self._path)
        folder.finish(chunks.file, self._path, self._root, self._key)
        return info

    async def _discard(self, appender: _Appender) -> None:
        await appender.stop()
        await in_thread(folder.throw_away, appender.chunks.file, self._path)


class FileGrowing:
    """A `GrowingBlob`. The file is cut back to the bookmark when somebody goes on with it.

    Of an encrypted one, only whole chunks are in the file. The bytes after them lie in a file of their own, encrypted, which
    the bookmark names: rewriting them in place could lose what a bookmark promises."""

    def __init__(
        self, *, root: Path, path: Path, key: str, bookmark: Bookmark, record: Record, whole: bool, vault: Vault
    ) -> None:
        self._vault = vault
        self._tail_name = bookmark.place
        self._root = root
        self._path = path
        self._key = key
        self._record = record
        self._whole = whole
        self._size = self._recorded = bookmark.size
        self._appender: _Appender | None = None

    async def __aenter__(self) -> Self:
        with folder.existing(self._root, self._key):
            self._appender = _Appender(await opened(self._reopened), self._root)
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
            before, self._tail_name = self._tail_name, await in_thread(self._kept, self._appender.chunks)
        await self._record(Bookmark(size=self._size, place=self._tail_name))
        self._recorded = self._size
        if before and before != self._tail_name:
            with folder.available(self._root):
                await in_thread((self._path.parent / before).unlink, missing_ok=True)

    async def finish(self) -> None:
        """See `GrowingBlob.finish`."""
        await self.pause()

    async def _close(self, appender: _Appender) -> None:
        await appender.stop()
        appender.chunks.file.close()

    def _reopened(self) -> ChunkWriter:
        return growing_file(self._vault, self._path, self._key, Bookmark(size=self._size, place=self._tail_name))

    def _kept(self, chunks: ChunkWriter) -> str:
        """Make what is written survive a power cut; the name of the file with the bytes that fill no chunk."""
        folder.keep(chunks.file)
        if chunks.cipher is None or not chunks.tail:
            return ""
        name = f"{self._path.name}.{uuid4().hex}"
        with folder.create(self._path.parent / name) as file:
            file.write(chunks.cipher.seal(chunks.tail, TAIL, last=False))
            folder.keep(file)
        return name


def growing_file(vault: Vault, path: Path, key: str, bookmark: Bookmark) -> ChunkWriter:
    """The file in which a blob grows, opened where the bookmark says. Raises `FileNotFoundError` when bytes are missing."""
    cipher = _cipher_there(vault, path, key)
    if bookmark.size == 0:
        # Begun before, it goes on under the same salt: a writer that nobody saw end does no harm then.
        writer = ChunkWriter(folder.reopen(path, 0), cipher or vault.cipher_of(key))
        writer.begin()
        return writer
    if cipher is None:
        return ChunkWriter(folder.reopen(path, bookmark.size), None)
    whole, rest = divmod(bookmark.size - 1, CHUNK_BYTES)
    tail = cipher.open((path.parent / bookmark.place).read_bytes(), TAIL, last=False) if bookmark.place else b""
    if len(tail) != rest + 1:
        raise FileNotFoundError(path)
    return ChunkWriter(folder.reopen(path, offset_of(whole)), cipher, place=whole, tail=tail)


def _cipher_there(vault: Vault, path: Path, key: str) -> BlobCipher | None:
    with suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
        return vault.cipher_in(file, key)
    return None
