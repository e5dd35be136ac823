"""A blob that grows in S3 with interruptions: a multipart upload, and an object for the bytes that fill no part yet.

What outlives its process is in the bookmark: the parts by number, and the name of that object. A writer that nobody saw end
may still send parts, so the next one takes numbers that it cannot use; parts that no bookmark lists are no part of the blob.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Collection
from contextlib import suppress
from io import BytesIO
from types import TracebackType
from typing import Self
from uuid import uuid4

import msgspec
import structlog

from shared.blobs import BlobNotFound, BlobUnavailable, Bookmark, Record
from shared.blobs.s3.address import Address
from shared.blobs.s3.failures import translated
from shared.blobs.s3.parts import PART_BYTES, PARTS_IN_FLIGHT, Part, Parts, S3Client, abort
from shared.blobs.s3.parts import complete as complete_parts
from shared.blobs.threads import finished

UNFINISHED = ".unfinished/"
"""Where the objects lie whose bytes fill no part; no key starts with a dot."""

NUMBERS_APART = PARTS_IN_FLIGHT + 1
"""More than the parts that a writer can have sent since its last bookmark."""

log = structlog.get_logger(__name__)


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the bytes of a growing blob are."""

    upload_id: str | None = None
    parts: tuple[Part, ...] = ()
    tail: str | None = None
    """The object with the bytes after the last part."""
    next: int = 1
    """The number of the next part, counted by a writer of this generation."""
    generation: int = 0

    @classmethod
    def of(cls, bookmark: Bookmark) -> Place:
        """The place in a bookmark."""
        return msgspec.json.decode(bookmark.place, type=Place) if bookmark.place else cls()

    def at(self, size: int) -> Bookmark:
        """A bookmark for so many bytes here."""
        return Bookmark(size=size, place=msgspec.json.encode(self).decode())


def tails_of(key: str) -> str:
    """What the names of a growing blob's tails start with."""
    return f"{UNFINISHED}{hashlib.sha256(key.encode()).hexdigest()[:32]}/"


class S3Growing:
    """A `GrowingBlob`."""

    def __init__(
        self,
        *,
        client: S3Client,
        address: Address,
        key: str,
        slots: asyncio.Semaphore,
        bookmark: Bookmark,
        record: Record,
        generation: int,
        whole: bool,
    ) -> None:
        self._client = client
        self._address = address
        self._key = key
        self._record = record
        self._whole = whole
        self._generation = generation
        self._bookmark = bookmark
        self._place = Place.of(bookmark)
        first = self._place.next + NUMBERS_APART * (generation - self._place.generation)
        self._parts = Parts(client=client, address=address, key=key, slots=slots, upload_id=self._place.upload_id, first=first)
        self._stored = list(self._place.parts)
        self._buffer = BytesIO()
        self._tail = self._place.tail
        self._tail_bytes = 0
        """How many bytes at the buffer's beginning lie in the tail, too."""

    async def __aenter__(self) -> Self:
        if self._place.tail is not None:
            with translated(self._address, self._key):
                answer = await self._client.get_object(**self._object(self._place.tail))
                async with answer["Body"] as body:
                    self._tail_bytes = self._buffer.write(await body.read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await finished(asyncio.ensure_future(self._parts.cancel()))

    async def write(self, chunk: bytes | memoryview) -> None:
        """See `GrowingBlob.write`."""
        rest = memoryview(chunk)
        while rest:
            if self._buffer.tell() == PART_BYTES:
                await self._send_part()
            room = PART_BYTES - self._buffer.tell()
            self._buffer.write(rest[:room])
            rest = rest[room:]

    async def pause(self) -> None:
        """See `GrowingBlob.pause`."""
        await self._collect_all()
        tail_bytes = self._buffer.tell()
        tail = self._tail if tail_bytes == self._tail_bytes else await self._put_tail()
        await self._keep(tail, tail_bytes)

    async def finish(self) -> None:
        """See `GrowingBlob.finish`."""
        if self._buffer.tell():
            await self._send_part()
        await self._collect_all()
        await self._keep(None, 0)

    async def _send_part(self) -> None:
        if self._parts.full:
            await self._collect()
        await self._parts.send(self._buffer)
        self._buffer, self._tail, self._tail_bytes = BytesIO(), None, 0

    async def _collect(self) -> None:
        """Take in the oldest part on its way, and record it before another one leaves."""
        self._stored.append(await self._parts.collect())
        if self._whole:
            await self._record(self._numbered(Place.of(self._bookmark)).at(self._bookmark.size))
        else:
            await self._keep(None, 0)

    async def _collect_all(self) -> None:
        while self._parts.in_flight:
            await self._collect()

    async def _put_tail(self) -> str:
        name = tails_of(self._key) + uuid4().hex
        body = BytesIO(self._buffer.getvalue())
        with translated(self._address, self._key):
            await self._client.put_object(**self._object(name), **self._address.sealing, Body=body)
        return name

    async def _keep(self, tail: str | None, tail_bytes: int) -> None:
        """Record what is stored, and remove the tail that is none any more."""
        place = msgspec.structs.replace(self._numbered(self._place), parts=tuple(self._stored), tail=tail)
        before, self._place = self._place, place
        await self._record(place.at(sum(part.size for part in self._stored) + tail_bytes))
        if before.tail is not None and before.tail != tail:
            try:
                with translated(self._address, self._key):
                    await self._client.delete_object(**self._object(before.tail))
            except BlobUnavailable as error:
                log.warning("blob.tail_left", key=self._key, error=str(error))

    def _numbered(self, place: Place) -> Place:
        return msgspec.structs.replace(
            place, upload_id=self._parts.upload_id, next=self._parts.next, generation=self._generation
        )

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self._address.bucket, "Key": self._address.prefix + name}


async def complete(client: S3Client, address: Address, key: str, bookmark: Bookmark) -> str:
    """Make a blob of the parts; returns its ETag. Raises `BlobNotFound` when they are gone."""
    place = Place.of(bookmark)
    if place.upload_id is None:
        if bookmark.size:
            raise BlobNotFound(f"The blob {key} has no parts.")
        with translated(address, key):
            answer = await client.put_object(Bucket=address.bucket, Key=address.prefix + key, Body=b"", **address.sealing)
        return str(answer["ETag"])
    return await complete_parts(client, address, key, place.upload_id, place.parts)


async def abandon(client: S3Client, address: Address, key: str, bookmark: Bookmark) -> None:
    """Remove the parts and the tail."""
    place = Place.of(bookmark)
    if place.upload_id is not None:
        with suppress(BlobNotFound):
            await abort(client, address, key, place.upload_id)
    if place.tail is not None:
        with translated(address, key):
            await client.delete_object(Bucket=address.bucket, Key=address.prefix + place.tail)


async def sweep(client: S3Client, address: Address, before: dt.datetime, keep: Collection[str]) -> int:
    """Remove the multipart uploads begun before that time, and the tails written before; returns how many."""
    kept = {address.prefix + key for key in keep}
    tails = {address.prefix + tails_of(key) for key in keep}
    bucket, count = {"Bucket": address.bucket}, 0
    with translated(address):
        async for page in client.get_paginator("list_multipart_uploads").paginate(**bucket, Prefix=address.prefix):
            for upload in page.get("Uploads", []):
                if upload["Initiated"] < before and upload["Key"] not in kept:
                    await client.abort_multipart_upload(**bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                    count += 1
        async for page in client.get_paginator("list_objects_v2").paginate(**bucket, Prefix=address.prefix + UNFINISHED):
            for item in page.get("Contents", []):
                if item["LastModified"] < before and item["Key"].rpartition("/")[0] + "/" not in tails:
                    await client.delete_object(**bucket, Key=item["Key"])
                    count += 1
    return count
