"""The encrypted half of the file backend: reads and writes chunks in files that are open. Blocking, for threads.

A file that is not encrypted, because it is older than the setting, is read as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from shared.blobs import BlobInfo, BlobNotFound, RangeNotSatisfiable, folder
from shared.blobs.sealing import (
    CHUNK_BYTES,
    HEADER_BYTES,
    SEALED_CHUNK_BYTES,
    BlobCipher,
    chunks_in,
    damaged,
    is_whole,
    offset_of,
    plain_size,
    salt_in,
)
from shared.blobs.tenant_keys import TenantKeys
from shared.errors import ConfigurationError

_PREFIX = "t/"


class Vault:
    """Knows which key a blob is under. Without `keys`, nothing can be encrypted or read that is."""

    def __init__(self, keys: TenantKeys | None, *, sealing: bool) -> None:
        self._keys = keys
        self._sealing = sealing and keys is not None

    def cipher_of(self, name: str) -> BlobCipher | None:
        """For a new blob; null where it is not to be encrypted."""
        tenant = _tenant_of(name)
        if not self._sealing or tenant is None or self._keys is None:
            return None
        return BlobCipher.of(self._keys.of(tenant), name)

    def cipher_in(self, file: BinaryIO, name: str) -> BlobCipher | None:
        """For a blob that is there; null where it is not encrypted. Raises `BlobNotFound` where its key was destroyed."""
        salt = salt_in(os.pread(file.fileno(), HEADER_BYTES, 0))
        if salt is None:
            return None
        if self._keys is None:
            raise ConfigurationError(f"The blob {name} is encrypted; set AUDIO2TXT_SECRET_KEY, or AUDIO2TXT_BLOBS_KEY.")
        tenant = _tenant_of(name)
        key = None if tenant is None else self._keys.existing(tenant)
        if key is None:
            raise BlobNotFound(f"There is no blob {name} any more: its tenant's key was destroyed.")
        return BlobCipher.of(key, name, salt)

    def inspect(self, key: str, path: Path) -> BlobInfo:
        """What the file says about the blob. Raises `FileNotFoundError`."""
        info = folder.inspect(key, path)
        if self._keys is None or not self._keys.any:
            return info
        with path.open("rb", buffering=0) as file:
            sealed = salt_in(file.read(HEADER_BYTES)) is not None
        return BlobInfo(key=key, size=plain_size(info.size), etag=info.etag) if sealed else info

    def destroy(self, tenant: str) -> bool:
        """Destroy a tenant's key; whether there was one."""
        return self._keys is not None and self._keys.destroy(tenant)

    def rewrap(self) -> int:
        """Wrap the keys by the master key that counts now; how many were wrapped by another one."""
        return 0 if self._keys is None else self._keys.rewrap()


class ChunkReader:
    """Reads bytes `start` to `end` of one blob, encrypted or not. Raises `BlobDamaged` where the file was cut off."""

    def __init__(self, file: BinaryIO, vault: Vault, key: str, start: int, end: int | None) -> None:
        self._file = file
        self._cipher = vault.cipher_in(file, key)
        self._file_bytes = os.fstat(file.fileno()).st_size
        if self._cipher is not None and not is_whole(self._file_bytes):
            raise damaged(key)
        size = self._file_bytes if self._cipher is None else plain_size(self._file_bytes)
        if start and start >= size:
            raise RangeNotSatisfiable(f"The blob {key} has {size} bytes; byte {start} is beyond its end.")
        self._at, self._end = start, size if end is None else min(end, size)

    def read(self, most: int) -> bytes:
        """The next bytes; none at the end. Raises `BlobDamaged`."""
        if self._at >= self._end:
            # The end of an empty blob is authenticated, too.
            return self._check_empty()
        if self._cipher is None:
            piece = os.pread(self._file.fileno(), min(most, self._end - self._at), self._at)
        else:
            piece = b"".join(self._opened(self._cipher, most))
        self._at += len(piece)
        return piece

    def _opened(self, cipher: BlobCipher, most: int) -> Iterator[bytes]:
        at, end, last = self._at, min(self._at + most, self._end), chunks_in(self._file_bytes) - 1
        while at < end:
            place, skip = divmod(at, CHUNK_BYTES)
            sealed = os.pread(self._file.fileno(), SEALED_CHUNK_BYTES, offset_of(place))
            piece = cipher.open(sealed, place, last=place == last)[skip : skip + end - at]
            yield piece
            at += len(piece)

    def _check_empty(self) -> bytes:
        if self._cipher is not None and plain_size(self._file_bytes) == 0:
            self._cipher.open(os.pread(self._file.fileno(), SEALED_CHUNK_BYTES, offset_of(0)), 0, last=True)
        return b""


class ChunkWriter:
    """Appends to an open file, encrypted or not. What is not a whole chunk yet is kept in memory: the `tail`."""

    def __init__(self, file: BinaryIO, cipher: BlobCipher | None, *, place: int = 0, tail: bytes = b"") -> None:
        self.file = file
        self.cipher = cipher
        self._place = place
        self._tail = bytearray(tail)

    @property
    def tail(self) -> bytes:
        """Bytes that are not in the file."""
        return bytes(self._tail)

    def begin(self) -> None:
        """Write what a new file begins with."""
        if self.cipher is not None:
            folder.append(self.file, [self.cipher.header])

    def append(self, chunks: list[bytes]) -> None:
        """Write what is whole; the last chunk waits, since it may be the last of all."""
        if self.cipher is None:
            folder.append(self.file, chunks)
            return
        pending = self._tail
        for chunk in chunks:
            pending += chunk
        whole = max(0, (len(pending) - 1) // CHUNK_BYTES)
        view = memoryview(pending)
        sealed = []
        for place in range(whole):
            piece = view[place * CHUNK_BYTES : (place + 1) * CHUNK_BYTES]
            sealed.append(self.cipher.seal(piece, self._place + place, last=False))
        self._tail = bytearray(view[whole * CHUNK_BYTES :])
        self._place += whole
        if sealed:
            folder.append(self.file, sealed)

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def end(self) -> None:
        """Write the last chunk."""
        if self.cipher is not None:
            folder.append(self.file, [self.cipher.seal(bytes(self._tail), self._place, last=True)])
            self._tail = bytearray()


def _tenant_of(name: str) -> str | None:
    """Null for what belongs to no tenant."""
    return name.split("/", 2)[1] if name.startswith(_PREFIX) else None
