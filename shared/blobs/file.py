"""Blobs as files in one folder, for one-process installations.

Every change is atomic and durable: bytes are written beside the blobs, synced, and renamed into place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from uuid import uuid4

from shared.blobs import CHUNK_BYTES, BlobInfo, BlobNotFound, BlobUnavailable, check_key, check_range, folder
from shared.blobs.threads import finished, in_thread, opened
from shared.errors import ConfigurationError

WRITE_BYTES = 1024 * 1024
"""How much is gathered before a thread writes it; a hop to a thread costs as much as writing some 100 kB."""

LIST_BATCH = 256
UNFINISHED = ".unfinished"
"""Folder of the bytes that are no blob yet; no key starts with a dot."""


class FileBlobs:
    """A `BlobStore` on a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / UNFINISHED

    @classmethod
    async def open(cls, root: Path) -> Self:
        """Make the folder when it is missing. Raises `ConfigurationError` when it cannot be used."""
        try:
            await in_thread((root / UNFINISHED).mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"AUDIO2TXT_BLOBS_URL: the folder {root} cannot be used for blobs ({error.strerror}); choose another one."
            ) from error
        return cls(root)

    def writer(self, key: str) -> FileWriter:
        """See `BlobStore.writer`."""
        return FileWriter(root=self._root, key=check_key(key))

    async def put(self, key: str, data: bytes) -> BlobInfo:
        """See `BlobStore.put`."""
        async with self.writer(key) as writer:
            await writer.write(data)
            return await writer.commit()

    async def get(self, key: str) -> bytes:
        """See `BlobStore.get`."""
        with _existing(self._root, key):
            return await in_thread(self._path(key).read_bytes)

    async def info(self, key: str) -> BlobInfo:
        """See `BlobStore.info`."""
        with _existing(self._root, key):
            return await in_thread(folder.inspect, key, self._path(key))

    async def stream(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `BlobStore.stream`. A blob that is replaced meanwhile is read to its old end."""
        check_range(start, end)
        with _existing(self._root, key):
            file = await opened(self._path(key).open, "rb", buffering=0)
        try:
            left = folder.seek(file, key, start, end)
            while left > 0:
                with _existing(self._root, key):
                    chunk = await in_thread(file.read, min(left, CHUNK_BYTES))
                left -= len(chunk)
                yield chunk
        finally:
            file.close()

    async def download(self, key: str, path: Path) -> int:
        """See `BlobStore.download`."""
        with _existing(self._root, key):
            source = await opened(self._path(key).open, "rb", buffering=0)
            with source, await opened(path.open, "wb", buffering=0) as target:
                while await in_thread(folder.copy_piece, source, target):
                    pass
                return target.tell()

    async def list(self, prefix: str) -> AsyncGenerator[BlobInfo, None]:
        """See `BlobStore.list`."""
        found = folder.walk(self._root, check_key(prefix))
        while True:
            with _available(self._root):
                batch = await in_thread(lambda: [*islice(found, LIST_BATCH)])
            for info in batch:
                yield info
            if len(batch) < LIST_BATCH:
                return

    async def delete(self, key: str) -> None:
        """See `BlobStore.delete`."""
        with _available(self._root):
            await in_thread(folder.remove, self._root, self._path(key))

    async def delete_prefix(self, prefix: str) -> int:
        """See `BlobStore.delete_prefix`."""
        if not prefix.endswith("/"):
            raise ValueError(f"not a prefix: {prefix!r}")
        with _available(self._root):
            return await in_thread(folder.remove_tree, self._root, self._path(prefix))

    async def presigned(self, key: str, seconds: int) -> None:
        """See `BlobStore.presigned`. Nobody reaches a folder from outside."""

    async def sweep_unfinished(self, older_than: float) -> int:
        """See `BlobStore.sweep_unfinished`."""
        with _available(self._root):
            return await in_thread(folder.sweep, self._unfinished, time.time() - older_than)

    async def check(self) -> None:
        """See `BlobStore.check`."""
        with _available(self._root):
            await in_thread(folder.try_to_write, self._unfinished / uuid4().hex)

    async def close(self) -> None:
        """Nothing is held."""

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)


class FileWriter:
    """A `BlobWriter`. While a thread writes some chunks, the next ones gather."""

    def __init__(self, *, root: Path, key: str) -> None:
        self._root = root
        self._key = key
        self._path = root / UNFINISHED / uuid4().hex
        self._chunks: list[bytes] = []
        self._gathered = 0
        self._writing: asyncio.Future[None] | None = None
        self._file: BinaryIO | None = None

    async def __aenter__(self) -> Self:
        with _available(self._root):
            self._file = await opened(folder.create, self._path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            await finished(asyncio.ensure_future(self._discard(self._file)))

    async def write(self, chunk: bytes | memoryview) -> None:
        """See `BlobWriter.write`."""
        self._chunks.append(bytes(chunk))
        self._gathered += len(chunk)
        if self._gathered >= WRITE_BYTES:
            await self._flush()

    async def commit(self) -> BlobInfo:
        """See `BlobWriter.commit`."""
        assert self._file is not None
        await self._flush()
        await self._written()
        with _available(self._root):
            info = await in_thread(folder.finish, self._file, self._path, self._root, self._key)
        self._file = None
        return info

    async def _flush(self) -> None:
        assert self._file is not None
        await self._written()
        chunks, self._chunks, self._gathered = self._chunks, [], 0
        self._writing = asyncio.get_running_loop().run_in_executor(None, folder.append, self._file, chunks)

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            with _available(self._root):
                await finished(writing)

    async def _discard(self, file: BinaryIO) -> None:
        if self._writing is not None:
            await asyncio.wait([self._writing])
            self._writing.exception()
        await in_thread(folder.throw_away, file, self._path)


@contextmanager
def _available(root: Path) -> Iterator[None]:
    """Errors of the file system become those of a blob store."""
    try:
        yield
    except OSError as error:
        raise BlobUnavailable(f"The blob folder {root} does not serve: {error.strerror}; check its disk and rights.") from error


@contextmanager
def _existing(root: Path, key: str) -> Iterator[None]:
    """The same for reading a blob, which may be missing."""
    try:
        with _available(root):
            yield
    except BlobUnavailable as error:
        if isinstance(error.__cause__, FileNotFoundError | IsADirectoryError | NotADirectoryError):
            raise BlobNotFound(f"There is no blob {key}.") from error.__cause__
        raise
