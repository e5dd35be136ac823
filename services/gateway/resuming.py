"""Takes recordings piece by piece, over connections that break and processes that die: what a request brought is stored
before it is acknowledged, and the next one goes on at the last stored byte."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from services.gateway.body import Body, too_large
from services.gateway.leases import Lease, Leases, NothingToHold, taken_over
from services.gateway.problems import Problem
from services.gateway.reception import Hashes, Reception, check, pour
from services.gateway.store.resumables import ResumableStore
from services.gateway.store.uploads import Upload, UploadState
from services.gateway.tus import Checksum
from services.gateway.uploads import Uploads, media_type_of
from shared import metrics
from shared.blobs import BlobNotFound, BlobStore, Bookmark, source_key
from shared.schemas.ids import new_id

OpenBody = Callable[[int], Body]
"""Opens the request's body, for at most so many bytes."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far an upload is."""

    received: int
    length: int
    metadata: str | None = None
    expires_at: dt.datetime | None = None
    """When it is deleted; null for one that became a job."""


@dataclass(frozen=True, kw_only=True)
class Resumables:
    """Uploads in pieces. The finished one is an upload like any other."""

    store: ResumableStore
    uploads: Uploads
    blobs: BlobStore
    leases: Leases
    ttl: dt.timedelta
    hashes: Hashes = field(default_factory=Hashes)

    async def create(
        self, tenant_id: UUID, *, length: int, limit: int, metadata: str | None = None, file_name: str | None = None
    ) -> UUID:
        """Begin an upload of so many bytes. Raises `Problem`: 422, 413, 402."""
        if length == 0:
            media_type_of(b"")
        if length > limit:
            raise too_large(limit)
        upload_id = new_id()
        async with self.uploads.quotas.room(tenant_id, length) as room:
            await self.store.begin(
                *(tenant_id, upload_id),
                length=length,
                metadata=metadata,
                file_name=file_name,
                expires_at=self._expiry(),
                room=room,
            )
        return upload_id

    async def standing(self, tenant_id: UUID, upload_id: UUID) -> Standing:
        """How far an upload is. A request that is at it is stopped first, so what is said stays true. Raises `Problem`."""
        try:
            async with self.leases.hold(tenant_id, upload_id) as lease:
                upload = lease.upload
                if upload.received == upload.length:
                    await self._complete(tenant_id, lease, await self._settled(tenant_id, lease))
                return Standing(
                    received=upload.received,
                    length=upload.length,
                    metadata=upload.metadata,
                    expires_at=upload.expires_at,
                )
        except NothingToHold:
            return await self._whole(tenant_id, upload_id)
        except BlobNotFound:
            raise await self._lost(tenant_id, upload_id) from None

    async def append(
        self, tenant_id: UUID, upload_id: UUID, *, offset: int, open_body: OpenBody, checksum: Checksum | None = None
    ) -> Standing:
        """Store what a request brings, also when it breaks off; with a checksum, all of it or nothing. Raises `Problem`."""
        try:
            async with self.leases.hold(tenant_id, upload_id) as lease:
                upload = lease.upload
                _check_offset(offset, upload.received)
                body = open_body(upload.length - upload.received)
                received, interruption = await self._receive(tenant_id, lease, body, checksum)
                if received.size == upload.length:
                    await self._complete(tenant_id, lease, received)
                if interruption is not None:
                    raise interruption
                return Standing(received=received.size, length=upload.length, expires_at=self._expiry())
        except NothingToHold:
            whole = await self._whole(tenant_id, upload_id)
            _check_offset(offset, whole.received)
            return whole
        except BlobNotFound:
            raise await self._lost(tenant_id, upload_id) from None

    async def terminate(self, tenant_id: UUID, upload_id: UUID) -> None:
        """Delete an upload that no job was made of. Raises `Problem`: 404, 409."""
        try:
            async with self.leases.hold(tenant_id, upload_id) as lease:
                await self._remove(tenant_id, upload_id, lease.upload.bookmark)
        except NothingToHold:
            await self._terminate_other(await self._find(tenant_id, upload_id), tenant_id)

    async def _terminate_other(self, upload: Upload, tenant_id: UUID) -> None:
        """Delete an upload that is whole, or comes another way."""
        if upload.direct_size is not None:
            deleted = await self.uploads.store.erase(tenant_id, upload.id)
        elif upload.state is UploadState.RECEIVING:
            raise Problem(409, "upload_unfinished", "The upload is still running; close its connection to end it.")
        else:
            deleted = await self._remove(tenant_id, upload.id, Bookmark())
        if not deleted:
            detail = f"The upload became the job {upload.id}; delete the job."
            raise Problem(409, "upload_used", detail, job_id=str(upload.id))

    async def _receive(
        self, tenant_id: UUID, lease: Lease, body: Body, checksum: Checksum | None
    ) -> tuple[Reception, Problem | None]:
        """What came, stored, and what ended it before its time. Raises `Problem` when nothing of it counts."""
        upload = lease.upload
        reception = Reception.of(lease, self.hashes.of(upload.id, upload.received), checksum)

        async def record(bookmark: Bookmark) -> None:
            await self._record(lease, bookmark, reception.head)
            reception.bookmark = bookmark

        lease.orderly = False
        key, whole = source_key(tenant_id, upload.id), checksum is not None
        async with self.blobs.grow(key, upload.bookmark, record=record, generation=upload.generation, whole=whole) as blob:
            lease.stop = body.stop
            try:
                interruption = await pour(body, reception, blob)
            except Problem as problem:
                if problem.status in (415, 422):
                    await self._remove(tenant_id, upload.id, reception.bookmark)
                raise
            finally:
                lease.stop = None
            check(checksum, reception, interruption)
            await (blob.finish() if reception.size == upload.length else blob.pause())
        lease.orderly = True
        self.hashes.keep(upload.id, reception.size, reception.running)
        metrics.UPLOAD_BYTES.inc(reception.size - upload.received)
        return reception, interruption

    async def _settled(self, tenant_id: UUID, lease: Lease) -> Reception:
        """An upload that has all its bytes, and whose request died before it was made a blob."""
        upload = lease.upload
        reception = Reception.of(lease, self.hashes.of(upload.id, upload.received), None)

        async def record(bookmark: Bookmark) -> None:
            await self._record(lease, bookmark, upload.head)
            reception.bookmark = bookmark

        # Where the bytes are not below the bookmark any more, the blob was made of them: `complete` looks.
        with suppress(BlobNotFound):
            key = source_key(tenant_id, upload.id)
            async with self.blobs.grow(key, upload.bookmark, record=record, generation=upload.generation) as blob:
                await blob.finish()
        return reception

    async def _complete(self, tenant_id: UUID, lease: Lease, received: Reception) -> None:
        """Make an upload like any other of all the bytes. Whoever dies here leaves it to the next request."""
        key = source_key(tenant_id, lease.upload.id)
        await self.blobs.complete(key, received.bookmark)
        running = received.running or await self._read(key)
        if not await self.store.finish(
            tenant_id,
            lease.upload,
            holder=lease.holder,
            media_type=media_type_of(received.head),
            sha256=running.hexdigest(),
            expires_at=self._expiry(),
        ):
            raise taken_over()
        self.hashes.keep(lease.upload.id, 0, None)

    async def _read(self, key: str) -> hashlib._Hash:
        log.info("upload.read_again", key=key)
        running = hashlib.sha256()
        async for chunk in self.blobs.stream(key):
            running.update(chunk)
        return running

    async def _record(self, lease: Lease, bookmark: Bookmark, head: bytes) -> None:
        kept = await self.store.advance(
            lease.upload.id, holder=lease.holder, bookmark=bookmark, head=head, expires_at=self._expiry()
        )
        if not kept:
            raise taken_over()

    async def _remove(self, tenant_id: UUID, upload_id: UUID, bookmark: Bookmark) -> bool:
        """Delete an upload with its bytes; false when a job was made of it."""
        if not await self.uploads.store.expire(tenant_id, upload_id):
            return False
        try:
            await self.blobs.abandon(source_key(tenant_id, upload_id), bookmark)
        except Exception as error:
            log.warning("upload.removal_postponed", upload_id=str(upload_id), error=repr(error))
        else:
            await self.uploads.discard(tenant_id, upload_id)
        return True

    async def _lost(self, tenant_id: UUID, upload_id: UUID) -> Problem:
        """The store has lost what it had taken: the client must begin anew."""
        log.error("upload.lost", tenant_id=str(tenant_id), upload_id=str(upload_id))
        await self._remove(tenant_id, upload_id, Bookmark())
        return Problem(410, "upload_lost", "The store has lost the bytes of this upload; begin a new one.")

    async def _whole(self, tenant_id: UUID, upload_id: UUID) -> Standing:
        """An upload that lacks nothing. Raises `Problem`: 404, 409."""
        upload = await self._find(tenant_id, upload_id)
        if upload.state is UploadState.RECEIVING or upload.size is None:
            raise Problem(409, "upload_unfinished", "This upload comes in one piece, and is still running.")
        used = upload.state is UploadState.USED
        return Standing(received=upload.size, length=upload.size, expires_at=None if used else upload.expires_at)

    async def _find(self, tenant_id: UUID, upload_id: UUID) -> Upload:
        upload = await self.uploads.store.find(tenant_id, upload_id)
        if upload is None or (upload.state is not UploadState.USED and upload.expires_at <= dt.datetime.now(dt.UTC)):
            raise Problem(404, "upload_not_found", "There is no upload with this id; it may have expired.")
        return upload

    def _expiry(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ttl


def _check_offset(offset: int, received: int) -> None:
    if offset != received:
        detail = f"The upload stands at byte {received:,}, not {offset:,}; go on there."
        raise Problem(409, "offset_mismatch", detail, headers={"Upload-Offset": str(received)})
