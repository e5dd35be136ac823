"""Recordings that clients send straight to the S3 store, by requests that we sign; we look at them when they are there."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from uuid import UUID

from services.gateway.body import too_large
from services.gateway.media import HEAD_BYTES
from services.gateway.problems import Problem
from services.gateway.store.uploads import Upload, UploadState
from services.gateway.uploads import Uploads, media_type_of
from shared import metrics
from shared.blobs import BlobNotFound, BlobStore, SignedPut, source_key
from shared.schemas.ids import new_id

URL_SECONDS = 3600
"""How long a signed request may be begun. Deleted jobs are looked after for as long, should it come late."""

LARGEST_PUT = 5 * 1024**3
"""What S3 takes in one request."""


@dataclass(frozen=True, kw_only=True)
class Direct:
    """An upload that is to come, and the request that brings it."""

    upload: Upload
    put: SignedPut
    until: dt.datetime
    """When the request must have begun."""


@dataclass(frozen=True, kw_only=True)
class DirectUploads:
    """Uploads past the gateway, where the operator allows them."""

    uploads: Uploads
    blobs: BlobStore
    allowed: bool
    most_bytes: int

    async def begin(self, tenant_id: UUID, *, size: int, file_name: str | None) -> Direct:
        """Announce an upload. Raises `Problem`: 404 where there are none, 413, 402."""
        if not self.allowed:
            detail = "This installation takes no direct uploads; use POST /v1/uploads (AUDIO2TXT_DIRECT_UPLOADS)."
            raise Problem(404, "direct_uploads_off", detail)
        if size > min(self.most_bytes, LARGEST_PUT):
            raise too_large(min(self.most_bytes, LARGEST_PUT))
        upload_id, now = new_id(), dt.datetime.now(dt.UTC)
        put = await self.blobs.presigned_put(source_key(tenant_id, upload_id), size=size, seconds=URL_SECONDS)
        if put is None:
            detail = "This installation keeps recordings in a folder, which takes no direct uploads; use POST /v1/uploads."
            raise Problem(404, "direct_uploads_impossible", detail)
        async with self.uploads.quotas.room(tenant_id, size) as room:
            await self.uploads.store.begin_direct(
                *(tenant_id, upload_id), file_name=file_name, size=size, expires_at=now + self.uploads.ttl, room=room
            )
        return Direct(upload=await self._find(tenant_id, upload_id), put=put, until=now + dt.timedelta(seconds=URL_SECONDS))

    async def complete(self, tenant_id: UUID, upload_id: UUID) -> Upload:
        """Look at what came, and make an upload like any other of it; once more is no harm. Raises `Problem`."""
        upload = await self._find(tenant_id, upload_id)
        if upload.state is not UploadState.RECEIVING:
            return upload
        if upload.direct_size is None:
            raise Problem(409, "upload_unfinished", "This upload is sent to the gateway, and needs no completion.")
        key = source_key(tenant_id, upload_id)
        try:
            await self._check(key, upload.direct_size)
            media_type, sha256 = await self._read(key)
        except BlobNotFound:
            raise Problem(409, "upload_missing", "Nothing has arrived in the store yet; send the file first.") from None
        except Problem:
            await self.uploads.store.erase(tenant_id, upload_id)
            raise
        metrics.UPLOAD_BYTES.inc(upload.direct_size)
        finished = await self.uploads.store.finish(
            *(tenant_id, upload_id),
            file_name=upload.file_name,
            size=upload.direct_size,
            sha256=sha256,
            expires_at=dt.datetime.now(dt.UTC) + self.uploads.ttl,
            media_type=media_type,
        )
        return finished or await self._find(tenant_id, upload_id)

    async def _check(self, key: str, size: int) -> None:
        if (found := (await self.blobs.info(key)).size) != size:
            detail = f"The store holds {found:,} bytes instead of the {size:,} that were announced; begin anew."
            raise Problem(422, "size_mismatch", detail)

    async def _read(self, key: str) -> tuple[str, str]:
        """Type and SHA-256 of what is stored. Raises `Problem` after its first bytes when it is no recording."""
        head, media_type, sha256 = b"", "", hashlib.sha256()
        async for chunk in self.blobs.stream(key):
            if len(head) < HEAD_BYTES:
                head += chunk[:HEAD_BYTES]
                media_type = media_type_of(head) if len(head) >= HEAD_BYTES else ""
            sha256.update(chunk)
        return media_type or media_type_of(head), sha256.hexdigest()

    async def _find(self, tenant_id: UUID, upload_id: UUID) -> Upload:
        upload = await self.uploads.store.find(tenant_id, upload_id)
        if upload is None:
            raise Problem(404, "upload_not_found", "There is no upload with this id; it may have expired.")
        return upload
