"""Blobs in any S3 store, through aiobotocore."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import time
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from pathlib import Path
from typing import Self
from uuid import UUID

import structlog
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError, NoCredentialsError

from shared.blobs import (
    CHUNK_BYTES,
    BlobInfo,
    BlobNotFound,
    BlobUnavailable,
    Bookmark,
    Encryption,
    RangeNotSatisfiable,
    Record,
    SignedPut,
    check_key,
    check_range,
    folder,
)
from shared.blobs.s3 import growing
from shared.blobs.s3.address import DEFAULT_REGION, Address
from shared.blobs.s3.failures import MISSING, error_code, translated
from shared.blobs.s3.parts import S3Client
from shared.blobs.s3.writer import S3Writer
from shared.blobs.threads import in_thread, opened
from shared.errors import ConfigurationError
from shared.retry import backoff

PARTS_AT_ONCE = 8
"""Parts of all uploads of this process that travel at the same time: 64 MiB."""

CONNECTIONS = 1000
"""Slow readers hold one each, so few would let them delay everybody."""

CONNECT_SECONDS = 5
READ_SECONDS = 60
CHECK_SECONDS = 3.0
ATTEMPTS = 3
STARTUP_PATIENCE = 60.0
"""Seconds to wait for a store that does not answer yet, as when all containers start at once."""

DOWNLOAD_BYTES = 1024 * 1024
FORBIDDEN = frozenset({"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
log = structlog.get_logger(__name__)


class S3Blobs:
    """A `BlobStore` on a bucket, with one client for the whole process."""

    def __init__(self, *, client: S3Client, address: Address, resources: AsyncExitStack) -> None:
        self._client = client
        self._address = address
        self._bucket = {"Bucket": address.bucket}
        self._resources = resources
        self._slots = asyncio.Semaphore(PARTS_AT_ONCE)

    @classmethod
    async def open(cls, url: str, credentials: Mapping[str, str], encryption: Encryption | None = None) -> Self:
        """Connect, and make the bucket when it is missing. Waits up to a minute for the store.

        Raises `ConfigurationError` when the URL, the credentials or the bucket cannot work.
        """
        address = Address.parse(url).encrypted(encryption or Encryption())
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(_create_client(address, credentials))
            await _wait_for_bucket(client, address)
            return cls(client=client, address=address, resources=stack.pop_all())

    def writer(self, key: str) -> S3Writer:
        """See `BlobStore.writer`."""
        return S3Writer(client=self._client, address=self._address, key=check_key(key), slots=self._slots)

    def grow(
        self, key: str, bookmark: Bookmark, *, record: Record, generation: int = 0, whole: bool = False
    ) -> growing.S3Growing:
        """See `BlobStore.grow`."""
        return growing.S3Growing(
            client=self._client,
            address=self._address,
            key=check_key(key),
            slots=self._slots,
            bookmark=bookmark,
            record=record,
            generation=generation,
            whole=whole,
        )

    async def complete(self, key: str, bookmark: Bookmark) -> BlobInfo:
        """See `BlobStore.complete`."""
        try:
            etag = await growing.complete(self._client, self._address, check_key(key), bookmark)
        except BlobNotFound:
            info = await self.info(key)
            if info.size != bookmark.size:
                raise
            return info
        return BlobInfo(key=key, size=bookmark.size, etag=etag.strip('"'))

    async def abandon(self, key: str, bookmark: Bookmark) -> None:
        """See `BlobStore.abandon`."""
        await growing.abandon(self._client, self._address, check_key(key), bookmark)

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
        with translated(self._address, key):
            head = await self._client.head_object(**self._object(key))
        return BlobInfo(key=key, size=head["ContentLength"], etag=head["ETag"].strip('"'))

    async def stream(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `BlobStore.stream`."""
        check_range(start, end)
        if start == end:
            # HTTP has no empty range.
            await self._check_start(key, start)
            return
        try:
            with translated(self._address, key):
                response = await self._client.get_object(**self._object(key), **_range(start, end))
        except RangeNotSatisfiable:
            if start == 0:
                # So S3 answers for an empty blob.
                return
            raise
        async with response["Body"] as body:
            while True:
                with translated(self._address, key):
                    chunk = await body.read(CHUNK_BYTES)
                if not chunk:
                    return
                yield chunk

    async def download(self, key: str, path: Path) -> int:
        """See `BlobStore.download`."""
        with await opened(path.open, "wb", buffering=0) as file:
            async with aclosing(_gathered(self.stream(key))) as pieces:
                async for chunks in pieces:
                    await in_thread(folder.append, file, chunks)
            return file.tell()

    async def list(self, prefix: str) -> AsyncGenerator[BlobInfo, None]:
        """See `BlobStore.list`."""
        async for page in _pages(self._client, self._address, prefix):
            for info in page:
                yield info

    async def delete(self, key: str) -> None:
        """See `BlobStore.delete`."""
        with translated(self._address, key):
            await self._client.delete_object(**self._object(key))

    async def delete_prefix(self, prefix: str) -> int:
        """See `BlobStore.delete_prefix`."""
        if not prefix.endswith("/"):
            raise ValueError(f"not a prefix: {prefix!r}")
        count = 0
        async for page in _pages(self._client, self._address, prefix):
            with translated(self._address, prefix):
                answer = await self._client.delete_objects(
                    **self._bucket,
                    Delete={"Objects": [{"Key": self._address.prefix + info.key} for info in page], "Quiet": True},
                )
            if errors := answer.get("Errors"):
                raise BlobUnavailable(f"The S3 store at {self._address.store} answered {errors[0].get('Code')} to a deletion.")
            count += len(page)
        return count

    async def shred(self, tenant_id: UUID) -> bool:
        """See `BlobStore.shred`. Keys are the store's own business."""
        del tenant_id
        return False

    async def presigned(self, key: str, seconds: int) -> str:
        """See `BlobStore.presigned`. Two of them for one blob differ, if they are not made in the same second."""
        with translated(self._address, key):
            url: str = await self._client.generate_presigned_url("get_object", Params=self._object(key), ExpiresIn=seconds)
        return url

    async def presigned_put(self, key: str, *, size: int, seconds: int) -> SignedPut:
        """See `BlobStore.presigned_put`. The store must know conditional writes for the second request to be refused."""
        order = {**self._object(key), "ContentLength": size, "IfNoneMatch": "*", **self._address.sealing}
        with translated(self._address, key):
            url: str = await self._client.generate_presigned_url("put_object", Params=order, ExpiresIn=seconds)
        return SignedPut(url=url, headers={"Content-Length": str(size), "If-None-Match": "*", **self._address.sealing_headers})

    async def sweep_unfinished(self, older_than: float, *, keep: Collection[str] = ()) -> int:
        """See `BlobStore.sweep_unfinished`."""
        before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=older_than)
        return await growing.sweep(self._client, self._address, before, frozenset(keep))

    async def check(self) -> None:
        """See `BlobStore.check`."""
        with translated(self._address):
            async with asyncio.timeout(CHECK_SECONDS):
                await self._client.head_bucket(**self._bucket)

    async def close(self) -> None:
        """See `BlobStore.close`."""
        await self._resources.aclose()

    def _object(self, key: str) -> dict[str, str]:
        return {**self._bucket, "Key": self._address.prefix + check_key(key)}

    async def _check_start(self, key: str, start: int) -> None:
        size = (await self.info(key)).size
        if start and start >= size:
            raise RangeNotSatisfiable(f"The blob {key} ends before the requested range.")


def _create_client(address: Address, credentials: Mapping[str, str]) -> AbstractAsyncContextManager[S3Client]:
    client: AbstractAsyncContextManager[S3Client] = get_session().create_client(
        "s3",
        region_name=address.region,
        endpoint_url=address.endpoint,
        aws_access_key_id=credentials.get("access_key_id"),
        aws_secret_access_key=credentials.get("secret_access_key"),
        config=AioConfig(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            max_pool_connections=CONNECTIONS,
            # Without it, URLs are presigned in a way that new buckets refuse.
            signature_version="s3v4",
            # Stores other than AWS know few of the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path", "payload_signing_enabled": address.needs_signed_payload},
        ),
    )
    return client


async def _wait_for_bucket(client: S3Client, address: Address) -> None:
    deadline = time.monotonic() + STARTUP_PATIENCE
    for attempt in itertools.count(1):
        try:
            with translated(address):
                await _ensure_bucket(client, address)
        except BlobUnavailable as error:
            if time.monotonic() > deadline:
                raise ConfigurationError(f"AUDIO2TXT_BLOBS_URL: {error}") from error
            log.info("blobs.waiting", error=str(error))
            await asyncio.sleep(backoff(attempt, longest=5))
        else:
            return


async def _ensure_bucket(client: S3Client, address: Address) -> None:
    """Make the bucket when there is none. What no waiting will mend is a `ConfigurationError`."""
    try:
        await client.head_bucket(Bucket=address.bucket)
    except NoCredentialsError as error:
        raise ConfigurationError(
            "AUDIO2TXT_BLOBS_URL: the S3 store needs credentials; "
            "set AUDIO2TXT_S3_ACCESS_KEY_ID and AUDIO2TXT_S3_SECRET_ACCESS_KEY."
        ) from error
    except ClientError as error:
        if error_code(error) in FORBIDDEN:
            raise ConfigurationError(
                f"AUDIO2TXT_BLOBS_URL: the S3 store at {address.store} refuses us the bucket {address.bucket}; "
                "check AUDIO2TXT_S3_ACCESS_KEY_ID, AUDIO2TXT_S3_SECRET_ACCESS_KEY and what they may do."
            ) from error
        if error_code(error) not in MISSING:
            raise
        await _create_bucket(client, address)


async def _create_bucket(client: S3Client, address: Address) -> None:
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": address.region}}
    try:
        await client.create_bucket(Bucket=address.bucket, **({} if address.region == DEFAULT_REGION else elsewhere))
    except ClientError as error:
        code = error_code(error)
        if code == "BucketAlreadyOwnedByYou":
            return
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        raise ConfigurationError(
            f"AUDIO2TXT_BLOBS_URL: the bucket {address.bucket} does not exist at {address.store} and cannot be made ({code}); "
            "make it, or name another one."
        ) from error
    log.info("blobs.bucket_created", bucket=address.bucket)


async def _pages(client: S3Client, address: Address, prefix: str) -> AsyncGenerator[list[BlobInfo], None]:
    """Blobs by the thousand, as the store lists them: sorted by key.

    SeaweedFS sorts a folder's name without its slash, so there `a/b` comes before `a-b`; no keys of ours differ so.
    """
    paginator = client.get_paginator("list_objects_v2")
    with translated(address, prefix):
        async for page in paginator.paginate(Bucket=address.bucket, Prefix=address.prefix + check_key(prefix)):
            if found := page.get("Contents"):
                yield [_info(item, address.prefix) for item in found]


def _range(start: int, end: int | None) -> dict[str, str]:
    if end is None:
        return {"Range": f"bytes={start}-"} if start else {}
    return {"Range": f"bytes={start}-{end - 1}"}


def _info(item: S3Client, prefix: str) -> BlobInfo:
    return BlobInfo(key=item["Key"].removeprefix(prefix), size=item["Size"], etag=item["ETag"].strip('"'))


async def _gathered(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[list[bytes], None]:
    """The chunks in lists of about a mebibyte, so that a thread has something to do."""
    gathered: list[bytes] = []
    async with aclosing(chunks):
        async for chunk in chunks:
            gathered.append(chunk)
            if sum(map(len, gathered)) >= DOWNLOAD_BYTES:
                yield gathered
                gathered = []
    if gathered:
        yield gathered
