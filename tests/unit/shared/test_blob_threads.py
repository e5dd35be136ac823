"""Files that are opened beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from io import FileIO
from pathlib import Path

import pytest

from shared.blobs.threads import opened


async def test_who_is_cancelled_while_a_file_is_opened_leaves_none_open(tmp_path: Path) -> None:
    """The file is opened all the same, and nobody would close it."""
    entered, go_on = asyncio.Event(), threading.Event()
    loop, files = asyncio.get_running_loop(), list[FileIO]()

    def open_slowly() -> FileIO:
        loop.call_soon_threadsafe(entered.set)
        go_on.wait()
        files.append(FileIO(tmp_path / "file", "w"))
        return files[0]

    opening = asyncio.create_task(opened(open_slowly))
    await entered.wait()
    opening.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert files[0].closed


async def test_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    """As it would without a thread."""
    with pytest.raises(FileNotFoundError):
        await opened((tmp_path / "nothing").open, "rb", buffering=0)
