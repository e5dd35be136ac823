"""What only an S3 store can do to us: be away, refuse, or lack its bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from shared.blobs import BlobStore, BlobUnavailable, open_blobs
from shared.errors import ConfigurationError
from tests.servers.seaweedfs import SeaweedServer

MIB = 1024 * 1024
KEY = "t/1/j/2/source/audio"


@pytest.fixture
async def blobs(seaweed_server: SeaweedServer, tmp_path: Path) -> AsyncIterator[BlobStore]:
    """An empty bucket."""
    store = await opened(seaweed_server, fresh(), tmp_path)
    yield store
    await store.close()


async def test_a_store_that_is_killed_is_unavailable_until_it_is_back(tmp_path: Path) -> None:
    """Every call says so while it is away; afterwards the same client works, and finds what was committed."""
    with SeaweedServer() as server:
        async with closing(await opened(server, fresh(), tmp_path)) as blobs:
            await blobs.put(KEY, b"kept")
            server.kill9()
            attempts = (blobs.check(), blobs.get(KEY), blobs.info(KEY), blobs.put(KEY, b"x"), blobs.delete(KEY))
            errors = await asyncio.gather(*attempts, return_exceptions=True)
            assert {type(error) for error in errors} == {BlobUnavailable}
            assert "does not answer" in str(errors[0])
            await asyncio.to_thread(server.restart)
            assert await once_back(lambda: blobs.get(KEY)) == b"kept"
            await blobs.check()


@asynccontextmanager
async def closing(blobs: BlobStore) -> AsyncIterator[BlobStore]:
    """A store that is closed whatever happens."""
    try:
        yield blobs
    finally:
        await blobs.close()


async def once_back(read: Callable[[], Awaitable[bytes]]) -> bytes:
    """What is read as soon as the parts of the store have found each other again: it answers before that, with errors."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await read()
            except BlobUnavailable:
                await asyncio.sleep(0.1)


async def test_an_upload_that_loses_its_store_fails_and_is_swept_later(tmp_path: Path) -> None:
    """The writer raises, nothing becomes visible, and the parts that nobody could abort are swept."""
    with SeaweedServer() as server:
        blobs = await opened(server, fresh(), tmp_path)

        async def upload() -> None:
            async with blobs.writer(KEY) as writer:
                await writer.write(bytes(20 * MIB))
                await asyncio.to_thread(server.kill9)
                await writer.write(bytes(100 * MIB))

        with pytest.raises(BlobUnavailable):
            await upload()
        await asyncio.to_thread(server.restart)
        assert [info async for info in blobs.list("t/")] == []
        assert await blobs.sweep_unfinished(3600) == 0
        assert await blobs.sweep_unfinished(-60) == 1
        assert await blobs.sweep_unfinished(-60) == 0
        await blobs.close()


async def test_many_uploads_share_the_line(blobs: BlobStore) -> None:
    """More uploads at once than parts may travel: all arrive whole."""

    async def upload(number: int) -> None:
        async with blobs.writer(f"t/1/j/{number}/source/audio") as writer:
            for _ in range(18):
                await writer.write(bytes([number]) * MIB)
            await writer.commit()

    await asyncio.gather(*(upload(number) for number in range(6)))
    for number in range(6):
        assert await blobs.get(f"t/1/j/{number}/source/audio") == bytes([number]) * (18 * MIB)


async def test_prefixes_keep_installations_apart(seaweed_server: SeaweedServer, tmp_path: Path) -> None:
    """Two installations in one bucket do not see each other's blobs."""
    bucket = fresh()
    one, two = await opened(seaweed_server, f"{bucket}/one", tmp_path), await opened(seaweed_server, f"{bucket}/two", tmp_path)
    await one.put(KEY, b"one")
    await two.put(KEY, b"two")
    assert [info.key async for info in one.list("t/")] == [KEY]
    assert await one.delete_prefix("t/") == 1
    assert await two.get(KEY) == b"two"
    await one.close()
    await two.close()


async def test_wrong_credentials_are_named_at_the_start(seaweed_server: SeaweedServer, tmp_path: Path) -> None:
    """The operator reads which settings to look at, and not the secret."""
    credentials = {**seaweed_server.credentials, "secret_access_key": "wrong-and-secret"}
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_S3_SECRET_ACCESS_KEY") as caught:
        await open_blobs(seaweed_server.blobs_url(fresh()), data_dir=tmp_path, credentials=credentials)
    assert "wrong-and-secret" not in str(caught.value)


async def test_a_bucket_that_cannot_be_is_named_at_the_start(seaweed_server: SeaweedServer, tmp_path: Path) -> None:
    """A bucket that neither exists nor can be made stops the start with the store's reason."""
    with pytest.raises(ConfigurationError, match=r"the bucket NO.SUCH_BUCKET does not exist .* and cannot be made"):
        await opened(seaweed_server, "NO.SUCH_BUCKET", tmp_path)


def fresh() -> str:
    """A bucket name nobody used before."""
    return f"test-{uuid4().hex[:12]}"


async def opened(server: SeaweedServer, bucket: str, folder: Path) -> BlobStore:
    """The store as a process opens it."""
    return await open_blobs(server.blobs_url(bucket), data_dir=folder, credentials=server.credentials)
