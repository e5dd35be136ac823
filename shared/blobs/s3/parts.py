"""The parts of one multipart upload, some of which are on their way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple, TypeAlias

from shared.blobs.s3.address import Address
from shared.blobs.s3.failures import translated

PART_BYTES = 8 * 1024 * 1024
"""S3 allows 10000 parts, so a blob can have 80 GB."""

PARTS_IN_FLIGHT = 3

S3Client: TypeAlias = Any
"""botocore makes its client classes at run time."""


class Part(NamedTuple):
    """A part that is stored."""

    number: int
    etag: str
    size: int


async def complete(client: S3Client, address: Address, key: str, upload_id: str, parts: Sequence[Part]) -> str:
    """Make one blob of these parts; returns its ETag."""
    numbered = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
    with translated(address, key):
        response = await client.complete_multipart_upload(
            Bucket=address.bucket, Key=address.prefix + key, UploadId=upload_id, MultipartUpload={"Parts": numbered}
        )
    return str(response["ETag"])


async def abort(client: S3Client, address: Address, key: str, upload_id: str) -> None:
    """Remove an upload with all its parts. Raises `BlobNotFound` when it is gone."""
    with translated(address, key):
        await client.abort_multipart_upload(Bucket=address.bucket, Key=address.prefix + key, UploadId=upload_id)


class Parts:
    """Sends parts side by side and collects them in their order; `slots` bounds those of all uploads together."""

    def __init__(
        self,
        *,
        client: S3Client,
        address: Address,
        key: str,
        slots: asyncio.Semaphore,
        upload_id: str | None = None,
        first: int = 1,
    ) -> None:
        self._client = client
        self._address = address
        self._key = key
        self._object = {"Bucket": address.bucket, "Key": address.prefix + key}
        self._slots = slots
        self._creating: asyncio.Task[str] | None = None
        self._sending: deque[asyncio.Task[Part]] = deque()
        self.upload_id = upload_id
        self.next = first
        """The number of the next part."""

    @property
    def begun(self) -> bool:
        """Whether there is an upload that could be aborted."""
        return self.upload_id is not None or self._creating is not None

    @property
    def in_flight(self) -> int:
        """How many parts are sent and not collected."""
        return len(self._sending)

    @property
    def full(self) -> bool:
        """Whether one must be collected before another may be sent."""
        return len(self._sending) >= PARTS_IN_FLIGHT

    async def begin(self) -> str:
        """The upload's id; makes the upload when there is none."""
        if self.upload_id is None:
            if self._creating is None:
                self._creating = asyncio.create_task(self._create())
            with translated(self._address, self._key):
                # A cancelled caller must not lose the id, or the upload could not be aborted.
                self.upload_id = await asyncio.shield(self._creating)
        return self.upload_id

    async def send(self, body: BytesIO) -> None:
        """Send a part as soon as there is a slot for it."""
        upload_id = await self.begin()
        await self._slots.acquire()
        task = asyncio.create_task(self._send(upload_id, self.next, body))
        task.add_done_callback(lambda _: self._slots.release())
        self.next += 1
        self._sending.append(task)

    async def collect(self) -> Part:
        """Wait for the oldest part on its way. A cancelled caller can do so again."""
        await asyncio.wait([self._sending[0]])
        with translated(self._address, self._key):
            part = self._sending[0].result()
        del self._sending[0]
        return part

    async def cancel(self) -> None:
        """Break off what is on its way."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._sending.clear()

    async def _create(self) -> str:
        response = await self._client.create_multipart_upload(**self._object, **self._address.sealing)
        return str(response["UploadId"])

    async def _send(self, upload_id: str, number: int, body: BytesIO) -> Part:
        size = body.seek(0, 2)
        body.seek(0)
        response = await self._client.upload_part(**self._object, UploadId=upload_id, PartNumber=number, Body=body)
        return Part(number, response["ETag"], size)
