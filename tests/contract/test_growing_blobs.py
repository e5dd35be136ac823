"""What every blob store promises of blobs that are sent with interruptions."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

import pytest

from shared.blobs import BlobNotFound, BlobStore, Bookmark, GrowingBlob

MIB = 1024 * 1024
KEY = "t/1/j/2/source/audio"
DATA = os.urandom(70 * MIB)


@dataclass
class Marks:
    """Where the bookmarks of one blob are kept."""

    last: Bookmark = field(default_factory=Bookmark)

    async def keep(self, bookmark: Bookmark) -> None:
        """Take a newer one."""
        self.last = bookmark


async def _write(blob: GrowingBlob, start: int, end: int) -> None:
    for at in range(start, end, 64 * 1024):
        await blob.write(DATA[at : min(at + 64 * 1024, end)])


async def _send(blobs: BlobStore, marks: Marks, *ends: int, last: bool = True) -> None:
    """Send DATA up to each of these places in turn, by a writer of its own."""
    for end in ends:
        async with blobs.grow(KEY, marks.last, record=marks.keep) as blob:
            await _write(blob, marks.last.size, end)
            await (blob.finish() if last and end == ends[-1] else blob.pause())
        assert marks.last.size == end


async def _left(blobs: BlobStore) -> int:
    return await blobs.sweep_unfinished(-60)


@pytest.mark.parametrize(
    "ends",
    [(0,), (1,), (1, 2, 3), (8 * MIB,), (8 * MIB, 16 * MIB), (5 * MIB, 8 * MIB + 1, 8 * MIB + 2, 33 * MIB), (70 * MIB,)],
)
async def test_pieces_of_any_size_become_one_blob(blobs: BlobStore, ends: tuple[int, ...]) -> None:
    """Byte for byte, and nothing is visible before or left behind."""
    marks = Marks()
    await _send(blobs, marks, *ends)
    assert [info.key async for info in blobs.list("t/")] == []
    info = await blobs.complete(KEY, marks.last)
    assert (info.key, info.size) == (KEY, ends[-1])
    assert await blobs.get(KEY) == DATA[: ends[-1]]
    assert await _left(blobs) == 0


async def test_completing_again_is_no_harm(blobs: BlobStore) -> None:
    """Whoever died after it, does not know that it is done."""
    marks = Marks()
    await _send(blobs, marks, 20 * MIB)
    await blobs.complete(KEY, marks.last)
    assert (await blobs.complete(KEY, marks.last)).size == 20 * MIB
    assert await blobs.get(KEY) == DATA[: 20 * MIB]


async def test_a_writer_that_dies_loses_little(blobs: BlobStore) -> None:
    """The next one goes on at the last bookmark, which is not far behind, whatever the first one had under way."""
    marks = Marks()
    await _send(blobs, marks, 3 * MIB, last=False)
    async with blobs.grow(KEY, marks.last, record=marks.keep) as blob:
        await _write(blob, 3 * MIB, 70 * MIB)
    assert 70 * MIB - marks.last.size <= 35 * MIB
    async with blobs.grow(KEY, marks.last, record=marks.keep, generation=1) as blob:
        await _write(blob, marks.last.size, 70 * MIB)
        await blob.finish()
    await blobs.complete(KEY, marks.last)
    assert await blobs.get(KEY) == DATA


async def test_a_writer_that_is_taken_for_dead_does_no_harm(blobs: BlobStore) -> None:
    """It goes on writing, to the end even, while two others take over one after the other; their bookmarks count."""
    marks, ghosts = Marks(), Marks()
    await _send(blobs, marks, 3 * MIB, last=False)
    async with (
        blobs.grow(KEY, marks.last, record=ghosts.keep) as first,
        blobs.grow(KEY, marks.last, record=ghosts.keep, generation=1) as second,
        blobs.grow(KEY, marks.last, record=marks.keep, generation=2) as third,
    ):
        await asyncio.gather(*(_write(blob, 3 * MIB, 30 * MIB) for blob in (first, second, third)))
        await third.finish()
        await asyncio.gather(_write(first, 30 * MIB, 31 * MIB), _write(second, 30 * MIB, 31 * MIB))
    await blobs.complete(KEY, marks.last)
    assert await blobs.get(KEY) == DATA[: 30 * MIB]


async def test_what_must_be_whole_counts_only_as_a_whole(blobs: BlobStore) -> None:
    """Bytes whose checksum turns out wrong are as if they had never come, and the right ones take their place."""
    marks = Marks()
    await _send(blobs, marks, 3 * MIB, last=False)
    async with blobs.grow(KEY, marks.last, record=marks.keep, whole=True) as blob:
        for _ in range(50):
            await blob.write(bytes(MIB))
    assert marks.last.size == 3 * MIB
    async with blobs.grow(KEY, marks.last, record=marks.keep, generation=1, whole=True) as blob:
        await _write(blob, 3 * MIB, 50 * MIB)
        assert marks.last.size == 3 * MIB
        await blob.pause()
    assert marks.last.size == 50 * MIB
    async with blobs.grow(KEY, marks.last, record=marks.keep, generation=1) as blob:
        await _write(blob, 50 * MIB, 70 * MIB)
        await blob.finish()
    await blobs.complete(KEY, marks.last)
    assert await blobs.get(KEY) == DATA


async def test_a_bookmark_that_cannot_be_kept_ends_the_writing(blobs: BlobStore) -> None:
    """Whoever may not go on, hears of it at the next one."""

    async def refuse(bookmark: Bookmark) -> None:
        raise PermissionError(bookmark.size)

    async with blobs.grow(KEY, Bookmark(), record=refuse) as blob:
        with pytest.raises(PermissionError):
            await _write(blob, 0, 70 * MIB)


@pytest.mark.parametrize("size", [3 * MIB, 40 * MIB])
async def test_abandoning_leaves_nothing(blobs: BlobStore, size: int) -> None:
    """Neither parts nor a tail; and then there is nothing to go on with."""
    marks = Marks()
    await _send(blobs, marks, size, last=False)
    await blobs.abandon(KEY, marks.last)
    await blobs.abandon(KEY, marks.last)
    assert await _left(blobs) == 0
    with pytest.raises(BlobNotFound):
        await _send(blobs, marks, 70 * MIB)
    with pytest.raises(BlobNotFound):
        await blobs.complete(KEY, marks.last)


async def test_the_sweep_spares_what_is_to_be_kept(blobs: BlobStore) -> None:
    """Old parts and tails of a blob that still grows stay; those that nobody knows go."""
    marks = Marks()
    await _send(blobs, marks, 20 * MIB, last=False)
    assert await blobs.sweep_unfinished(3600) == 0
    assert await blobs.sweep_unfinished(-60, keep=[KEY]) == 0
    await _send(blobs, marks, 30 * MIB, last=False)
    assert await blobs.sweep_unfinished(-60, keep=["t/1/j/3/source/audio"]) > 0
    assert await _left(blobs) == 0
