"""What only a folder can do to us: fill up, disappear, or keep what a dead process left."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.blobs import BlobNotFound, BlobUnavailable, folder
from shared.blobs.file import FileBlobs
from shared.errors import ConfigurationError

MIB = 1024 * 1024
KEY = "t/1/j/2/source/audio"
ROOT = Path(__file__).parents[2]

UPLOADER = """
import asyncio, sys
from pathlib import Path
from shared.blobs.file import FileBlobs

async def main():
    blobs = await FileBlobs.open(Path(sys.argv[1]))
    async with blobs.writer(sys.argv[2]) as writer:
        await writer.write(bytes(3 * 1024 * 1024))
        print("under way", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


async def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """The upload fails as an outage, the half-written bytes go, and what the key held before stays."""
    blobs = await FileBlobs.open(tmp_path / "blobs")
    await blobs.put(KEY, b"before")

    async def upload() -> None:
        async with blobs.writer(KEY) as writer:
            for _ in range(8):
                await writer.write(bytes(MIB))
            await writer.commit()

    with files_at_most(4 * MIB), pytest.raises(BlobUnavailable, match="check its disk and rights"):
        await upload()
    assert await blobs.get(KEY) == b"before"
    assert await blobs.sweep_unfinished(-60) == 0


async def test_a_blob_may_be_removed_as_soon_as_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stores it learns what it stored, though somebody who erases has taken it, and its folder, at once."""
    blobs = await FileBlobs.open(tmp_path / "blobs")
    replace = Path.replace

    def replace_and_lose(path: Path, target: Path) -> Path:
        replaced = replace(path, target)
        folder.remove(tmp_path / "blobs", replaced)
        return replaced

    kept = await blobs.put(KEY, b"late")
    monkeypatch.setattr(Path, "replace", replace_and_lose)
    late = await blobs.put(KEY, b"later")
    assert (kept.size, late.size) == (4, 5)
    assert [info async for info in blobs.list("t/")] == []


async def test_a_folder_that_is_gone_is_an_outage(tmp_path: Path) -> None:
    """An unmounted disk is no empty store: the check fails and nothing new is taken."""
    blobs = await FileBlobs.open(tmp_path / "blobs")
    shutil.rmtree(tmp_path / "blobs")
    for attempt in (blobs.check(), blobs.put(KEY, b"x"), blobs.sweep_unfinished(0)):
        with pytest.raises(BlobUnavailable):
            await attempt


async def test_a_folder_that_cannot_be_is_named_at_the_start(tmp_path: Path) -> None:
    """The operator reads which folder it is."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ConfigurationError, match=f"AUDIO2TXT_BLOBS_URL: the folder {tmp_path / 'taken'} cannot be used"):
        await FileBlobs.open(tmp_path / "taken")


async def test_nobody_else_may_read(tmp_path: Path) -> None:
    """Recordings are for our account alone."""
    blobs = await FileBlobs.open(tmp_path / "blobs")
    await blobs.put(KEY, b"x")
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "blobs").rglob("*")}
    assert modes == {0}


async def test_a_killed_upload_is_swept(tmp_path: Path) -> None:
    """Kill -9 in the middle of an upload leaves no blob, and bytes that the sweep finds."""
    folder = tmp_path / "blobs"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    uploader = await asyncio.create_subprocess_exec(
        sys.executable, "-c", UPLOADER, folder, KEY, stdin=PIPE, stdout=PIPE, env=environment
    )
    assert uploader.stdout is not None
    assert await uploader.stdout.readline() == b"under way\n"
    uploader.kill()
    await uploader.wait()
    blobs = await FileBlobs.open(folder)
    with pytest.raises(BlobNotFound):
        await blobs.info(KEY)
    assert [info async for info in blobs.list("t/")] == []
    assert await blobs.sweep_unfinished(3600) == 0
    assert await blobs.sweep_unfinished(-60) == 1


async def test_deletion_leaves_no_empty_folders(tmp_path: Path) -> None:
    """Tenants and jobs that are gone leave no trace of their names."""
    blobs = await FileBlobs.open(tmp_path / "blobs")
    for key in ("t/1/j/2/source/audio", "t/1/j/2/raw/1.json", "t/1/j/3/source/audio"):
        await blobs.put(key, b"x")
    await blobs.delete("t/1/j/3/source/audio")
    assert {path.name for path in (tmp_path / "blobs" / "t" / "1" / "j").iterdir()} == {"2"}
    await blobs.delete_prefix("t/1/j/2/")
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == [".unfinished"]


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """No file of this process may grow beyond this, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
