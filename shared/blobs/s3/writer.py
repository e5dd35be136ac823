"""Streams a blob of unknown size into S3 in constant memory, by a multipart upload when it is long."""

from __future__ import annotations

import asyncio
from collections import deque
from io import BytesIO
from types import TracebackType
from typing import Any, Self, TypeAlias

import structlog

from shared.blobs import BlobInfo, BlobUnavailable
from shared.blobs.s3.address import Address
from shared.blobs.s3.failures import translated
from shared.blobs.threads import finished

PART_BYTES = 8 * 1024 * 1024
"""S3 allows 10000 parts, so a blob can have 80 GB."""

PARTS_IN_FLIGHT = 3
ABORT_SECONDS = 10.0
"""How long a leaving writer tries to remove its parts; `sweep_unfinished` finds what it could not."""

S3Client: TypeAlias = Any
"""botocore makes its client classes at run time."""

Part: TypeAlias = dict[str, str | int]
log = structlog.get_logger(__name__)


class S3Writer:
    """A `BlobWriter`. Parts travel while the next one fills; `slots` bounds those of all writers together."""

    def __init__(self, *, client: S3Client, address: Address, key: str, slots: asyncio.Semaphore) -> None:
        self._client = client
        self._address = address
        self._key = key
        self._object = {"Bucket": address.bucket, "Key": address.prefix + key}
        self._slots = slots
        self._buffer = BytesIO()
        self._size = 0
        self._upload: asyncio.Task[str] | None = None
        self._sending: deque[asyncio.Task[Part]] = deque()
        self._parts: list[Part] = []
        self._committed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._committed:
            await finished(asyncio.ensure_future(self._abort()))

    async def write(self, chunk: bytes | memoryview) -> None:
        """See `BlobWriter.write`."""
        rest = memoryview(chunk)
        self._size += len(rest)
        while rest:
            room = PART_BYTES - self._buffer.tell()
            self._buffer.write(rest[:room])
            rest = rest[room:]
            if self._buffer.tell() == PART_BYTES:
                await self._send_part()

    async def commit(self) -> BlobInfo:
        """See `BlobWriter.commit`."""
        with translated(self._address, self._key):
            response = await (self._put() if self._upload is None else self._complete(self._upload))
        self._committed = True
        return BlobInfo(key=self._key, size=self._size, etag=response["ETag"].strip('"'))

    async def _put(self) -> dict[str, str]:
        self._buffer.seek(0)
        response: dict[str, str] = await self._client.put_object(**self._object, Body=self._buffer)
        return response

    async def _complete(self, upload: asyncio.Task[str]) -> dict[str, str]:
        if self._buffer.tell():
            await self._send_part()
        while self._sending:
            await self._collect()
        response: dict[str, str] = await self._client.complete_multipart_upload(
            **self._object, UploadId=await upload, MultipartUpload={"Parts": self._parts}
        )
        return response

    async def _send_part(self) -> None:
        if self._upload is None:
            self._upload = asyncio.create_task(self._create())
        if len(self._sending) == PARTS_IN_FLIGHT:
            await self._collect()
        with translated(self._address, self._key):
            # A cancelled caller must not lose the id, or the upload could not be aborted.
            upload_id = await asyncio.shield(self._upload)
        await self._slots.acquire()
        body, self._buffer = self._buffer, BytesIO()
        number = len(self._parts) + len(self._sending) + 1
        task = asyncio.create_task(self._upload_part(upload_id, number, body))
        task.add_done_callback(lambda _: self._slots.release())
        self._sending.append(task)

    async def _collect(self) -> None:
        """Wait for the oldest part on its way."""
        with translated(self._address, self._key):
            self._parts.append(await self._sending[0])
        del self._sending[0]

    async def _create(self) -> str:
        response = await self._client.create_multipart_upload(**self._object)
        return str(response["UploadId"])

    async def _upload_part(self, upload_id: str, number: int, body: BytesIO) -> Part:
        body.seek(0)
        response = await self._client.upload_part(**self._object, UploadId=upload_id, PartNumber=number, Body=body)
        return {"PartNumber": number, "ETag": response["ETag"]}

    async def _abort(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._upload is None:
            return
        try:
            with translated(self._address, self._key):
                async with asyncio.timeout(ABORT_SECONDS):
                    await self._client.abort_multipart_upload(**self._object, UploadId=await self._upload)
        except BlobUnavailable as error:
            log.warning("blob.abort_postponed", key=self._key, error=str(error))
