"""What one request brings of an upload that is sent piece by piece: looked at, hashed and stored as it arrives."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from services.gateway.body import Body
from services.gateway.leases import Lease
from services.gateway.media import HEAD_BYTES
from services.gateway.problems import Problem
from services.gateway.tus import Checksum
from services.gateway.uploads import media_type_of
from shared.blobs import Bookmark, GrowingBlob


class Hashes:
    """The running SHA-256 of uploads that this process receives. Without it, a finished blob must be read once more."""

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._known: OrderedDict[UUID, tuple[int, hashlib._Hash]] = OrderedDict()

    def of(self, upload_id: UUID, size: int) -> hashlib._Hash | None:
        """Of the first `size` bytes, to be gone on with; null when it is not known."""
        if size == 0:
            return hashlib.sha256()
        known_size, known = self._known.get(upload_id, (None, None))
        return known.copy() if known is not None and known_size == size else None

    def keep(self, upload_id: UUID, size: int, running: hashlib._Hash | None) -> None:
        """Remember it, in place of the least recent one."""
        self._known.pop(upload_id, None)
        if running is not None:
            self._known[upload_id] = (size, running)
            if len(self._known) > self._most:
                self._known.popitem(last=False)


@dataclass(kw_only=True)
class Reception:
    """What one request adds to an upload."""

    length: int
    bookmark: Bookmark
    size: int
    head: bytes
    running: hashlib._Hash | None
    own: hashlib._Hash | None
    """Of this request's bytes, where it announced a checksum."""

    @classmethod
    def of(cls, lease: Lease, running: hashlib._Hash | None, checksum: Checksum | None) -> Self:
        """Nothing yet."""
        upload = lease.upload
        return cls(
            length=upload.length,
            bookmark=upload.bookmark,
            size=upload.received,
            head=upload.head,
            running=running,
            own=None if checksum is None else checksum.begin(),
        )

    async def take(self, chunk: bytes, blob: GrowingBlob) -> None:
        """Look at a chunk and store it. Raises `Problem` once it is clear that this is no recording."""
        self.size += len(chunk)
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
            if len(self.head) == HEAD_BYTES or self.size == self.length:
                media_type_of(self.head)
        for running in (self.running, self.own):
            if running is not None:
                running.update(chunk)
        await blob.write(chunk)


async def pour(body: Body, reception: Reception, blob: GrowingBlob) -> Problem | None:
    """Store the body as it arrives; returns what ended it before its time."""
    chunks = body.chunks()
    while True:
        try:
            chunk = await anext(chunks, None)
        except Problem as problem:
            return problem
        if chunk is None:
            return None
        await reception.take(chunk, blob)


def check(checksum: Checksum | None, reception: Reception, interruption: Problem | None) -> None:
    """Raise `Problem` where an announced checksum is not, or cannot be, that of the bytes."""
    if checksum is None or reception.own is None:
        return
    if interruption is not None:
        raise interruption
    if reception.own.digest() != checksum.digest:
        detail = f"The bytes that arrived do not have the {checksum.algorithm} of Upload-Checksum; send them again."
        raise Problem(460, "checksum_mismatch", detail)
