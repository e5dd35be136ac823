"""Streams a blob of unknown size into S3 in constant memory, by a multipart upload when it is long."""

from __future__ import annotations

import asyncio
from io import BytesIO
from types import TracebackType
from typing import Self

import structlog

from shared.blobs import BlobInfo, BlobNotFound, BlobUnavailable
from shared.blobs.s3.address import Address
from shared.blobs.s3.failures import translated
from shared.blobs.s3.parts import PART_BYTES, Part, Parts, S3Client, abort, complete
from shared.blobs.threads import finished

ABORT_SECONDS = 10.0
"""How long a leaving writer tries to remove its parts; `sweep_unfinished` finds what it could not."""

log = structlog.get_logger(__name__)


class S3Writer:
    """A `BlobWriter`. Parts travel while the next one fills; `slots` bounds those of all writers together."""

    def __init__(self, *, client: S3Client, address: Address, key: str, slots: asyncio.Semaphore) -> None:
        self._client = client
        self._address = address
        self._key = key
        self._object = {"Bucket": address.bucket, "Key": address.prefix + key}
        self._buffer = BytesIO()
        self._size = 0
        self._parts = Parts(client=client, address=address, key=key, slots=slots)
        self._sent: list[Part] = []
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
        etag = await (self._complete() if self._parts.begun else self._put())
        self._committed = True
        return BlobInfo(key=self._key, size=self._size, etag=etag.strip('"'))

    async def _put(self) -> str:
        self._buffer.seek(0)
        with translated(self._address, self._key):
            response = await self._client.put_object(**self._object, **self._address.sealing, Body=self._buffer)
        return str(response["ETag"])

    async def _complete(self) -> str:
        if self._buffer.tell():
            await self._send_part()
        while self._parts.in_flight:
            self._sent.append(await self._parts.collect())
        return await complete(self._client, self._address, self._key, await self._parts.begin(), self._sent)

    async def _send_part(self) -> None:
        if self._parts.full:
            self._sent.append(await self._parts.collect())
        body, self._buffer = self._buffer, BytesIO()
        await self._parts.send(body)

    async def _abort(self) -> None:
        await self._parts.cancel()
        if not self._parts.begun:
            return
        try:
            async with asyncio.timeout(ABORT_SECONDS):
                await abort(self._client, self._address, self._key, await self._parts.begin())
        except BlobNotFound:
            pass  # The sweep was here before us.
        except (BlobUnavailable, TimeoutError) as error:
            log.warning("blob.abort_postponed", key=self._key, error=repr(error))
