"""Writes results in batches, through outages of the database: what is not written down would be sent again."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog

from services.notifier.health import Health
from services.notifier.store.results import Result, ResultStore
from shared.database import is_outage
from shared.retry import backoff

BATCH = 256
GATHERING_SECONDS = 0.02
"""How long the first result of a batch waits for others."""

FLUSH_SECONDS = 5.0
"""How long the end of the process waits for what is to be written."""

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class _Entry:
    result: Result
    health: Health
    deadline: float
    written: asyncio.Future[bool]


class Writer:
    """A task of its own, from entering the context to leaving it; leaving waits for what is still to be written."""

    def __init__(self, store: ResultStore) -> None:
        self._store = store
        self._entries: asyncio.Queue[_Entry] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="notifier.writer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._entries.join()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def write(self, result: Result, health: Health, *, deadline: float) -> bool:
        """Return when the result is written: whether its lease was still ours. `deadline` on the monotonic clock is when the
        lease ends; after it an outage of the database is raised."""
        entry = _Entry(result, health, deadline, asyncio.get_running_loop().create_future())
        self._entries.put_nowait(entry)
        return await entry.written

    async def _run(self) -> None:
        while True:
            batch = [await self._entries.get()]
            await asyncio.sleep(GATHERING_SECONDS)
            while len(batch) < BATCH and not self._entries.empty():
                batch.append(self._entries.get_nowait())
            await self._write(list(batch))
            for _ in batch:
                self._entries.task_done()

    async def _write(self, batch: list[_Entry]) -> None:
        """Try until it is written, or the leases have ended."""
        failures = 0
        while batch:
            try:
                ours = await self._store.write([entry.result for entry in batch], _newest(batch))
            except Exception as error:
                failures += 1
                if not is_outage(error):
                    await self._write_apart(batch, error)
                    return
                log.warning("delivery.record_failed", error=type(error).__name__, results=len(batch))
                pause = backoff(failures, longest=2.0)
                batch = _give_up(batch, error, before=time.monotonic() + pause)
                await asyncio.sleep(pause)
            else:
                for entry in batch:
                    _resolve(entry, entry.result.delivery_id in ours)
                return

    async def _write_apart(self, batch: list[_Entry], error: Exception) -> None:
        """One result that the database refuses keeps no other from being written."""
        if len(batch) == 1:
            _give_up(batch, error, before=float("inf"))
            return
        for entry in batch:
            await self._write([entry])


def _newest(batch: list[_Entry]) -> dict[UUID, Health]:
    """What each endpoint's last result of the batch says."""
    return {entry.result.endpoint_id: entry.health for entry in batch}


def _resolve(entry: _Entry, ours: bool) -> None:
    if not entry.written.done():
        entry.written.set_result(ours)


def _give_up(batch: list[_Entry], error: Exception, *, before: float) -> list[_Entry]:
    """Raise the error where the lease ends before; return the others."""
    for entry in batch:
        if entry.deadline < before and not entry.written.done():
            entry.written.set_exception(error)
    return [entry for entry in batch if entry.deadline >= before]
