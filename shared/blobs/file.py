"""Blobs as files in one folder, for one-process installations.

Every change is atomic and durable: bytes are written beside the blobs, synced, and renamed into place.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Self
from uuid import UUID, uuid4

from shared.blobs import CHUNK_BYTES, BlobInfo, BlobNotFound, Bookmark, Encryption, Record, check_key, check_range, folder
from shared.blobs.file_writers import UNFINISHED, FileGrowing, FileWriter, growing_file, growing_name
from shared.blobs.sealed_files import ChunkReader, Vault
from shared.blobs.tenant_keys import MasterKey, TenantKeys
from shared.blobs.threads import in_thread, opened
from shared.errors import ConfigurationError

LIST_BATCH = 256


class FileBlobs:
    """A `BlobStore` on a folder of this machine."""

    def __init__(self, root: Path, vault: Vault) -> None:
        self._root = root
        self._vault = vault
        self._unfinished = root / UNFINISHED

    @classmethod
    async def open(cls, root: Path, encryption: Encryption | None = None) -> Self:
        """Make the folder when it is missing. Raises `ConfigurationError` when it cannot be used."""
        try:
            await in_thread((root / UNFINISHED).mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"AUDIO2TXT_BLOBS_URL: the folder {root} cannot be used for blobs ({error.strerror}); choose another one."
            ) from error
        return cls(root, vault_of(root, encryption or Encryption()))

    def writer(self, key: str) -> FileWriter:
        """See `BlobStore.writer`."""
        return FileWriter(root=self._root, key=check_key(key), vault=self._vault)

    def grow(self, key: str, bookmark: Bookmark, *, record: Record, generation: int = 0, whole: bool = False) -> FileGrowing:
        """See `BlobStore.grow`. A writer of this folder that is still at it writes the same bytes to the same places."""
        del generation
        path = self._unfinished / growing_name(check_key(key))
        return FileGrowing(
            root=self._root, path=path, key=key, bookmark=bookmark, record=record, whole=whole, vault=self._vault
        )

    async def complete(self, key: str, bookmark: Bookmark) -> BlobInfo:
        """See `BlobStore.complete`."""
        path = self._unfinished / growing_name(check_key(key))
        try:
            with folder.existing(self._root, key):
                return await in_thread(self._completed, path, key, bookmark)
        except BlobNotFound:
            if (info := await self.info(key)).size != bookmark.size:
                raise
            return info

    async def abandon(self, key: str, bookmark: Bookmark) -> None:
        """See `BlobStore.abandon`."""
        with folder.available(self._root):
            await in_thread((self._unfinished / growing_name(check_key(key))).unlink, missing_ok=True)
            if bookmark.place:
                await in_thread((self._unfinished / bookmark.place).unlink, missing_ok=True)

    async def put(self, key: str, data: bytes) -> BlobInfo:
        """See `BlobStore.put`."""
        async with self.writer(key) as writer:
            await writer.write(data)
            return await writer.commit()

    async def get(self, key: str) -> bytes:
        """See `BlobStore.get`."""
        return b"".join([chunk async for chunk in self.stream(key)])

    async def info(self, key: str) -> BlobInfo:
        """See `BlobStore.info`."""
        with folder.existing(self._root, key):
            return await in_thread(self._vault.inspect, key, self._path(key))

    async def stream(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `BlobStore.stream`. A blob that is replaced meanwhile is read to its old end."""
        check_range(start, end)
        with folder.existing(self._root, key):
            file = await opened(self._path(key).open, "rb", buffering=0)
        try:
            with folder.existing(self._root, key):
                reader = await in_thread(ChunkReader, file, self._vault, key, start, end)
            while True:
                with folder.existing(self._root, key):
                    chunk = await in_thread(reader.read, CHUNK_BYTES)
                if not chunk:
                    return
                yield chunk
        finally:
            file.close()

    async def download(self, key: str, path: Path) -> int:
        """See `BlobStore.download`."""
        with folder.existing(self._root, key):
            source = await opened(self._path(key).open, "rb", buffering=0)
            with source, await opened(path.open, "wb", buffering=0) as target:
                reader = await in_thread(ChunkReader, source, self._vault, key, 0, None)
                while await in_thread(_copy_piece, reader, target):
                    pass
                return target.tell()

    async def list(self, prefix: str) -> AsyncGenerator[BlobInfo, None]:
        """See `BlobStore.list`."""
        found = folder.walk(self._root, check_key(prefix))
        while True:
            with folder.available(self._root):
                batch = await in_thread(lambda: [*self._inspected(islice(found, LIST_BATCH))])
            for info in batch:
                yield info
            if len(batch) < LIST_BATCH:
                return

    async def delete(self, key: str) -> None:
        """See `BlobStore.delete`."""
        with folder.available(self._root):
            await in_thread(folder.remove, self._root, self._path(key))

    async def delete_prefix(self, prefix: str) -> int:
        """See `BlobStore.delete_prefix`."""
        if not prefix.endswith("/"):
            raise ValueError(f"not a prefix: {prefix!r}")
        with folder.available(self._root):
            return await in_thread(folder.remove_tree, self._root, self._path(prefix))

    async def shred(self, tenant_id: UUID) -> bool:
        """See `BlobStore.shred`."""
        with folder.available(self._root):
            return await in_thread(self._vault.destroy, str(tenant_id))

    async def rewrap(self) -> int:
        """Wrap every tenant's key by the master key that counts now; returns how many were wrapped by another one."""
        with folder.available(self._root):
            return await in_thread(self._vault.rewrap)

    async def presigned(self, key: str, seconds: int) -> None:
        """See `BlobStore.presigned`. Nobody reaches a folder from outside."""

    async def presigned_put(self, key: str, *, size: int, seconds: int) -> None:
        """See `BlobStore.presigned_put`."""

    async def sweep_unfinished(self, older_than: float, *, keep: Collection[str] = ()) -> int:
        """See `BlobStore.sweep_unfinished`."""
        kept = {growing_name(key) for key in keep}
        with folder.available(self._root):
            return await in_thread(folder.sweep, self._unfinished, time.time() - older_than, kept)

    async def check(self) -> None:
        """See `BlobStore.check`."""
        with folder.available(self._root):
            await in_thread(folder.try_to_write, self._unfinished / uuid4().hex)

    async def close(self) -> None:
        """Nothing is held."""

    def _completed(self, path: Path, key: str, bookmark: Bookmark) -> BlobInfo:
        chunks = growing_file(self._vault, path, key, bookmark)
        try:
            chunks.end()
            info = self._vault.inspect(key, path)
            folder.finish(chunks.file, path, self._root, key)
        finally:
            chunks.file.close()
        if bookmark.place:
            (self._unfinished / bookmark.place).unlink(missing_ok=True)
        return info

    def _inspected(self, found: Iterable[BlobInfo]) -> Iterator[BlobInfo]:
        for info in found:
            with suppress(FileNotFoundError):
                yield self._vault.inspect(info.key, self._root / info.key)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)


def vault_of(root: Path, encryption: Encryption) -> Vault:
    """The keys of a folder of blobs; without a master key, none."""
    if encryption.master is None:
        return Vault(None, sealing=False)
    previous = [MasterKey(secret) for secret in encryption.previous]
    return Vault(TenantKeys(root, MasterKey(encryption.master), *previous), sealing=encryption.by_tenant)


def _copy_piece(reader: ChunkReader, target: BinaryIO) -> int:
    return target.write(reader.read(folder.COPY_BYTES))
