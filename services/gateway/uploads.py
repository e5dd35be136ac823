"""Takes recordings: a stream goes into the blob store in constant memory, hashed and looked at on the way."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.gateway.media import HEAD_BYTES, NotMedia, identify
from services.gateway.problems import Problem
from services.gateway.quotas.enforcing import Quotas
from services.gateway.store.storage import Room, StorageFull
from services.gateway.store.uploads import Upload, UploadStore
from shared import metrics
from shared.blobs import BlobStore, source_key
from shared.database import is_outage
from shared.schemas.ids import new_id

_DIGEST = re.compile(r"\s*sha-256\s*=\s*:([A-Za-z0-9+/=]*):\s*")
_PATIENCE = 10.0
"""Seconds that clearing up after a broken upload may take."""
_STANDSTILL = dt.timedelta(minutes=10)
"""Without a byte for so long, an upload is taken for broken: that of a killed process holds its tenant's storage no longer."""
_NOTED_EVERY = dt.timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Received:
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """Turns bytes into uploads that wait for their job."""

    store: UploadStore
    blobs: BlobStore
    quotas: Quotas
    ttl: dt.timedelta

    async def receive(
        self,
        tenant_id: UUID,
        chunks: AsyncIterator[bytes],
        *,
        file_name: Callable[[], str | None],
        digest: bytes | None = None,
        announced: int | None = None,
    ) -> Upload:
        """Store a recording under the id its job will have. Raises `Problem` and leaves nothing behind when it is none,
        when it breaks off, when its SHA-256 is not `digest`, or when there is no room for the bytes that were `announced`.
        The file name is asked for once all bytes are there."""
        head = await _head(chunks)
        media_type = media_type_of(head)
        upload_id, end = new_id(), self._expiry()
        async with self.quotas.room(tenant_id, announced) as room:
            held = await self.store.begin(
                tenant_id, upload_id, file_name=None, media_type=media_type, expires_at=_at_most(end), room=room
            )
            try:
                coming = self._noted(_within(chunks, room, held), tenant_id, upload_id, end=end)
                received = await self._write(source_key(tenant_id, upload_id), head, coming, digest)
                upload = await self.store.finish(
                    *(tenant_id, upload_id),
                    file_name=file_name(),
                    size=received.size,
                    sha256=received.sha256,
                    expires_at=self._expiry(),
                )
            except BaseException:
                await asyncio.shield(self.discard(tenant_id, upload_id))
                raise
        if upload is None:
            await self.discard(tenant_id, upload_id)
            raise Problem(
                408, "upload_expired", f"The upload took longer than {self.ttl}, or stood still; use a better connection."
            )
        return upload

    async def discard(self, tenant_id: UUID, upload_id: UUID) -> None:
        """Remove an upload and its bytes. What cannot be removed now is found by the sweeper when it expires."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.blobs.delete(source_key(tenant_id, upload_id))
                await self.store.forget(tenant_id, upload_id)
        except Exception as error:
            log.warning("upload.discard_postponed", upload_id=str(upload_id), error=repr(error))

    async def _write(self, key: str, head: bytes, chunks: AsyncIterator[bytes], digest: bytes | None) -> _Received:
        sha256 = hashlib.sha256(head)
        size = len(head)
        async with self.blobs.writer(key) as writer:
            await writer.write(head)
            async for chunk in chunks:
                sha256.update(chunk)
                size += len(chunk)
                await writer.write(chunk)
            if digest is not None and sha256.digest() != digest:
                detail = "The bytes that arrived do not have the SHA-256 of Content-Digest; send the file again."
                raise Problem(422, "digest_mismatch", detail)
            await writer.commit()
        metrics.UPLOAD_BYTES.inc(size)
        return _Received(size=size, sha256=sha256.hexdigest())

    async def _noted(
        self, chunks: AsyncIterator[bytes], tenant_id: UUID, upload_id: UUID, *, end: dt.datetime
    ) -> AsyncIterator[bytes]:
        """The same chunks; that they come is noted now and then."""
        due = dt.datetime.now(dt.UTC) + _NOTED_EVERY
        async for chunk in chunks:
            if (now := dt.datetime.now(dt.UTC)) >= due:
                due = now + _NOTED_EVERY
                try:
                    await self.store.still_coming(tenant_id, upload_id, expires_at=_at_most(end))
                except Exception as error:
                    if not is_outage(error):
                        raise
                    log.warning("upload.note_postponed", upload_id=str(upload_id), error=repr(error))
            yield chunk

    def _expiry(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ttl


def _at_most(end: dt.datetime) -> dt.datetime:
    """When an upload is taken for broken of which nothing more comes; it has to be whole by its end."""
    return min(end, dt.datetime.now(dt.UTC) + _STANDSTILL)


def parse_digest(header: str | None) -> bytes | None:
    """The SHA-256 in a `Content-Digest` header (RFC 9530); null when it names other algorithms. Raises `Problem` 400."""
    if header is None:
        return None
    for member in header.split(","):
        match = _DIGEST.fullmatch(member)
        if match is None:
            continue
        try:
            digest = b64decode(match[1], validate=True)
        except ValueError:
            digest = b""
        if len(digest) == hashlib.sha256().digest_size:
            return digest
        raise Problem(400, "invalid_header", "Content-Digest must look like sha-256=:<44 characters of base64>:.")
    return None


async def _within(chunks: AsyncIterator[bytes], room: Room | None, held: int | None) -> AsyncIterator[bytes]:
    """The chunks, as long as they fit into what is held for them. Raises `StorageFull`."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if room is not None and held is not None and size > held:
            raise StorageFull(used=room.limit, room=room)
        yield chunk


async def _head(chunks: AsyncIterator[bytes]) -> bytes:
    """The first chunks, until there is enough to look at."""
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    return head


def media_type_of(head: bytes) -> str:
    """What kind of recording starts with these bytes; raises `Problem` when it is none: 422, 415."""
    if not head:
        raise Problem(422, "empty_file", "The file is empty; send a recording.")
    try:
        return identify(head[:HEAD_BYTES])
    except NotMedia as error:
        raise Problem(415, "not_audio", f"This is {error}; send an audio or video recording.") from None
