"""File work in threads is never abandoned half way."""

from __future__ import annotations

import asyncio
import threading

import pytest

from shared.blobs.threads import in_thread


async def test_results_and_errors_come_back() -> None:
    """As from a plain call."""
    assert await in_thread(pow, 2, 10) == 1024
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 1, 0)


async def test_a_cancellation_waits_for_the_work() -> None:
    """Cancelled twice, the caller goes on only when the thread has let go; then it is cancelled."""
    begun, release = asyncio.Event(), threading.Event()
    done = []
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        release.wait()
        done.append(True)

    task = asyncio.create_task(in_thread(work))
    await begun.wait()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [True]
