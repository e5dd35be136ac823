"""Loops of services outlast outages, and end when they are told to."""

from __future__ import annotations

import asyncio

import pytest

from shared import loops
from shared.loops import Loop, keep_running


async def test_a_loop_outlasts_outages(monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins anew; what is no outage ends it."""
    monkeypatch.setattr(loops, "backoff", lambda *_args, **_options: 0)
    errors = iter([OSError("away"), TimeoutError(), ValueError("a bug")])

    async def run() -> None:
        raise next(errors)

    with pytest.raises(ValueError, match="a bug"):
        await keep_running(Loop(name="loop", run=run))


async def test_a_loop_ends_during_an_outage() -> None:
    """What it wanted to finish when it was stopped fails, and it ends all the same."""
    began = asyncio.Event()

    async def run() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            raise ConnectionRefusedError("the database is away")

    task = asyncio.create_task(keep_running(Loop(name="loop", run=run)))
    await began.wait()
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([task])
    assert task.cancelled()
