"""What every blob store promises, kept by the folder and by S3 alike."""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest

from shared.blobs import BlobNotFound, BlobStore, RangeNotSatisfiable

MIB = 1024 * 1024
KEY = "t/1/j/2/source/audio"


async def test_small_blobs_come_back_as_they_were_put(blobs: BlobStore) -> None:
    """Bytes, size and key survive, also for an empty blob and for every byte value."""
    for data in (b"", b"x", bytes(range(256)) * 100):
        put = await blobs.put(KEY, data)
        assert await blobs.get(KEY) == data
        assert (put.key, put.size) == (KEY, len(data))
        assert await blobs.info(KEY) == put


async def test_a_blob_is_replaced_as_a_whole(blobs: BlobStore) -> None:
    """A second put wins, and the etag tells that the bytes changed."""
    first = await blobs.put(KEY, b"first")
    second = await blobs.put(KEY, b"other")
    assert await blobs.get(KEY) == b"other"
    assert first.etag != second.etag


async def test_what_is_missing_is_not_found(blobs: BlobStore, tmp_path: Path) -> None:
    """Every way to read says so; a folder of keys is no blob either."""
    await blobs.put(KEY, b"x")
    for key in ("t/1/j/9/source/audio", "t/1/j/2"):
        for read in (blobs.get(key), blobs.info(key), blobs.download(key, tmp_path / "copy"), anext(blobs.stream(key))):
            with pytest.raises(BlobNotFound, match=key):
                await read
        with pytest.raises(BlobNotFound, match=key):
            await collected(blobs, key, 0, 0)


async def test_a_long_blob_streams_in_and_out(blobs: BlobStore, tmp_path: Path) -> None:
    """64 MiB in odd pieces keep their digest, by stream and by download, and take little memory."""
    digest = hashlib.sha256()
    before = resident()
    peak = before
    async with blobs.writer(KEY) as writer:
        piece = os.urandom(300_001)
        for number in range(224):
            digest.update(piece)
            await writer.write(piece if number % 2 else memoryview(piece))
            peak = max(peak, resident())
        info = await writer.commit()
    assert info.size == 224 * len(piece)
    assert await blobs.info(KEY) == info
    found = hashlib.sha256()
    async with aclosing(blobs.stream(KEY)) as chunks:
        async for chunk in chunks:
            found.update(chunk)
            peak = max(peak, resident())
    assert found.digest() == digest.digest()
    assert peak - before < 64 * MIB
    assert await blobs.download(KEY, tmp_path / "copy") == info.size
    assert hashlib.sha256((tmp_path / "copy").read_bytes()).digest() == digest.digest()


@pytest.mark.parametrize("size", [8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB])
async def test_sizes_around_a_part_are_exact(blobs: BlobStore, size: int) -> None:
    """Nothing is lost or added where a backend cuts."""
    data = os.urandom(size)
    assert (await blobs.put(KEY, data)).size == size
    assert await blobs.get(KEY) == data


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, None, b"0123456789"),
        (0, 1, b"0"),
        (3, 7, b"3456"),
        (9, 10, b"9"),
        (9, None, b"9"),
        (5, 99, b"56789"),
        (4, 4, b""),
        (0, 0, b""),
    ],
)
async def test_ranges(blobs: BlobStore, start: int, end: int | None, expected: bytes) -> None:
    """From `start` up to but not including `end`, clipped to what there is."""
    await blobs.put(KEY, b"0123456789")
    assert await collected(blobs, KEY, start, end) == expected


@pytest.mark.parametrize(("start", "end"), [(10, None), (10, 12), (11, None), (10, 10)])
async def test_a_range_beyond_the_end_is_refused(blobs: BlobStore, start: int, end: int | None) -> None:
    """There is no byte to begin with."""
    await blobs.put(KEY, b"0123456789")
    with pytest.raises(RangeNotSatisfiable):
        await collected(blobs, KEY, start, end)


async def test_an_empty_blob_has_an_empty_beginning(blobs: BlobStore) -> None:
    """A range from 0 is fine, one from 1 is not."""
    await blobs.put(KEY, b"")
    assert await collected(blobs, KEY, 0, 5) == b""
    with pytest.raises(RangeNotSatisfiable):
        await collected(blobs, KEY, 1, 5)


async def test_readers_may_leave_early(blobs: BlobStore) -> None:
    """Many streams that are closed after their first chunk leave the store usable."""
    await blobs.put(KEY, bytes(4 * MIB))
    for _ in range(20):
        async with aclosing(blobs.stream(KEY)) as chunks:
            assert await anext(chunks)
    assert (await blobs.info(KEY)).size == 4 * MIB


@pytest.mark.parametrize("size", [10, 3 * MIB, 40 * MIB])
async def test_leaving_without_commit_leaves_nothing(blobs: BlobStore, size: int) -> None:
    """Neither a blob nor parts of one, and what the key held before is still there."""
    await blobs.put(KEY, b"before")

    async def upload() -> None:
        async with blobs.writer(KEY) as writer:
            await writer.write(bytes(size))
            raise ConnectionError("the client went away")

    with pytest.raises(ConnectionError):
        await upload()
    assert await blobs.get(KEY) == b"before"
    assert await blobs.sweep_unfinished(-60) == 0


@pytest.mark.parametrize("size", [3 * MIB, 40 * MIB])
async def test_a_cancelled_writer_leaves_nothing(blobs: BlobStore, size: int) -> None:
    """Wherever the cancellation hits it."""
    reached = asyncio.Event()

    async def upload() -> None:
        async with blobs.writer(KEY) as writer:
            await writer.write(bytes(size // 2))
            reached.set()
            while True:
                await writer.write(bytes(size // 2))

    task = asyncio.create_task(upload())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(BlobNotFound):
        await blobs.info(KEY)
    assert await blobs.sweep_unfinished(-60) == 0


async def test_nothing_is_visible_before_commit(blobs: BlobStore) -> None:
    """A reader finds the old blob until the new one is whole; unfinished ones are no part of a list."""
    await blobs.put(KEY, b"before")
    async with blobs.writer(KEY) as writer:
        await writer.write(bytes(20 * MIB))
        assert await blobs.get(KEY) == b"before"
        assert await keys(blobs, "t/") == [KEY]
        await writer.commit()
    assert (await blobs.info(KEY)).size == 20 * MIB


async def test_dead_uploads_are_swept_and_young_ones_are_not(blobs: BlobStore) -> None:
    """The sweep removes what is old enough, and only that."""
    await blobs.put(KEY, b"finished")
    async with blobs.writer("t/1/j/3/source/audio") as writer:
        await writer.write(bytes(20 * MIB))
        assert await blobs.sweep_unfinished(3600) == 0
        assert await blobs.sweep_unfinished(-60) == 1
    assert await keys(blobs, "t/") == [KEY]


async def test_concurrent_writers_of_one_key_do_not_mix(blobs: BlobStore) -> None:
    """One of them wins, whole."""

    async def upload(byte: bytes) -> None:
        async with blobs.writer(KEY) as writer:
            for _ in range(10):
                await writer.write(byte * MIB)
            await writer.commit()

    await asyncio.gather(*(upload(byte) for byte in (b"a", b"b", b"c")))
    assert await blobs.get(KEY) in {byte * (10 * MIB) for byte in (b"a", b"b", b"c")}
    assert await blobs.sweep_unfinished(-60) == 0


async def test_a_reader_sees_one_version_to_the_end(blobs: BlobStore) -> None:
    """A blob that is replaced or removed while it is read never mixes with another one."""
    await blobs.put(KEY, b"a" * (3 * MIB))
    async with aclosing(blobs.stream(KEY)) as chunks:
        received = await anext(chunks)
        await blobs.put(KEY, b"b" * (3 * MIB))
        async for chunk in chunks:
            received += chunk
    assert received == b"a" * (3 * MIB)


async def test_lists_are_sorted_by_key_and_cut_by_prefix(blobs: BlobStore) -> None:
    """More than one page of them, at any depth; a prefix need not end at a slash."""
    names = [f"t/1/j/{number:04}/raw/1.json" for number in range(1100)]
    for start in range(0, len(names), 50):
        await asyncio.gather(*(blobs.put(name, b"x") for name in names[start : start + 50]))
    await asyncio.gather(*(blobs.put(name, b"yy") for name in ("t/2/j/1/raw/1.json", "t/10/j/1/raw/1.json")))
    assert await keys(blobs, "t/1/") == names
    assert await keys(blobs, "t/1/j/000") == names[:10]
    assert await keys(blobs, "t/1") == [*names, "t/10/j/1/raw/1.json"]
    assert await keys(blobs, "t/3/") == []
    assert [info.size async for info in blobs.list("t/2/")] == [2]
    assert await blobs.delete_prefix("t/1/") == 1100
    assert await keys(blobs, "t/") == ["t/10/j/1/raw/1.json", "t/2/j/1/raw/1.json"]


async def test_deleting_is_repeatable(blobs: BlobStore) -> None:
    """Removing what is not there is no error, and removes nothing else."""
    await blobs.put(KEY, b"x")
    await blobs.put("t/1/j/22/source/audio", b"x")
    await blobs.delete("t/1/j/2/source/other")
    await blobs.delete("t/1/j/2")
    assert await blobs.delete_prefix("t/1/j/2/") == 1
    assert await blobs.delete_prefix("t/1/j/2/") == 0
    assert await keys(blobs, "t/") == ["t/1/j/22/source/audio"]
    await blobs.delete("t/1/j/22/source/audio")
    await blobs.delete("t/1/j/22/source/audio")
    assert await keys(blobs, "t/") == []


async def test_writing_while_a_neighbour_is_removed(blobs: BlobStore) -> None:
    """Removing the last blob below a prefix never takes one along that is just arriving."""

    async def come_and_go(number: int) -> None:
        for _ in range(20):
            await blobs.put(f"t/1/j/{number}/raw/1.json", b"x")
            await blobs.delete_prefix(f"t/1/j/{number}/")
        await blobs.put(f"t/1/j/{number}/raw/1.json", b"x")

    await asyncio.gather(*(come_and_go(number) for number in range(4)))
    assert len(await keys(blobs, "t/")) == 4


@pytest.mark.parametrize("key", ["", "/t/1", "../secret", "t/../../secret", "t//1", "T/1", "t/\n", "t/ü"])
async def test_keys_that_are_not_ours_are_refused(blobs: BlobStore, key: str) -> None:
    """No key leaves the store's place."""
    for attempt in (blobs.get(key), blobs.put(key, b"x"), blobs.delete(key), anext(blobs.stream(key))):
        with pytest.raises(ValueError, match="not a blob key"):
            await attempt
    with pytest.raises(ValueError, match="not a prefix"):
        await blobs.delete_prefix("t/1")


async def test_a_store_that_works_says_so(blobs: BlobStore) -> None:
    """The health check passes and leaves nothing behind."""
    await blobs.check()
    assert await blobs.sweep_unfinished(-60) == 0
    assert await keys(blobs, "t/") == []


async def keys(blobs: BlobStore, prefix: str) -> list[str]:
    """The keys of a list."""
    return [info.key async for info in blobs.list(prefix)]


async def collected(blobs: BlobStore, key: str, start: int, end: int | None) -> bytes:
    """A range in one piece."""
    async with aclosing(blobs.stream(key, start=start, end=end)) as chunks:
        return b"".join([chunk async for chunk in chunks])


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_a_presigned_url_serves_one_blob_to_anybody(blobs: BlobStore) -> None:
    """Where a store has such URLs, a bare request gets the bytes, and nothing without the signature."""
    await blobs.put(KEY, b"heard by others")
    url = await blobs.presigned(KEY, 60)
    if url is None:
        return
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            assert await answer.read() == b"heard by others"
        async with session.get(url.partition("?")[0]) as refused:
            assert refused.status == 403


async def test_a_signed_request_stores_one_blob_once(blobs: BlobStore) -> None:
    """Where a store has them: of the size that was agreed, and never in place of another blob."""
    put = await blobs.presigned_put(KEY, size=5, seconds=60)
    if put is None:
        return
    async with aiohttp.ClientSession() as session:
        async with session.put(put.url, data=b"other size", headers={"If-None-Match": "*"}) as refused:
            assert refused.status == 403
        async with session.put(put.url, data=b"12345", headers={"If-None-Match": "*"}) as stored:
            assert stored.status == 200
        async with session.put(put.url, data=b"54321", headers=put.headers) as refused:
            assert refused.status == 412
    assert await blobs.get(KEY) == b"12345"
