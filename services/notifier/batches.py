"""What comes at about the same time is carried out together: a transaction for hundreds costs little more than one for one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self, TypeVar

from shared.database import is_outage

FLUSH_SECONDS = 5.0
"""How long the end of the process waits for what was handed in."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False)
class Entry(Generic[T, R]):
    """Something handed in, for which somebody waits."""

    item: T
    _answer: asyncio.Future[R] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def resolve(self, result: R) -> None:
        """It is done. Whoever handed it in may have gone meanwhile."""
        if not self._answer.done():
            self._answer.set_result(result)

    def fail(self, error: BaseException) -> None:
        """It could not be done."""
        if not self._answer.done():
            self._answer.set_exception(error)

    async def answer(self) -> R:
        """Wait for the result; raises the error."""
        return await self._answer


class Batches(Generic[T, R]):
    """A task of its own, from entering the context to leaving it; leaving waits for what was handed in.

    `carry_out` resolves the entries of a batch. It may raise instead: an outage is everybody's error, anything else is looked
    for one by one, so that an entry that cannot be carried out keeps no other from it. The first entry of a batch waits for
    others for `gathering` seconds, and each for the batch before.
    """

    def __init__(
        self,
        carry_out: Callable[[list[Entry[T, R]]], Awaitable[None]],
        *,
        most: int,
        name: str,
        gathering: float = 0.0,
    ) -> None:
        self._carry_out = carry_out
        self._most = most
        self._name = name
        self._gathering = gathering
        self._entries: asyncio.Queue[Entry[T, R]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name=self._name)
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

    async def carry_out(self, item: T) -> R:
        """Hand in one, and wait for its result."""
        entry: Entry[T, R] = Entry(item)
        self._entries.put_nowait(entry)
        return await entry.answer()

    async def _run(self) -> None:
        while True:
            batch = [await self._entries.get()]
            await asyncio.sleep(self._gathering)
            while len(batch) < self._most and not self._entries.empty():
                batch.append(self._entries.get_nowait())
            await self._attempt(batch)
            for _ in batch:
                self._entries.task_done()

    async def _attempt(self, batch: list[Entry[T, R]]) -> None:
        try:
            await self._carry_out(list(batch))
        except Exception as error:
            if len(batch) == 1 or is_outage(error):
                for entry in batch:
                    entry.fail(error)
            else:
                for entry in batch:
                    await self._attempt([entry])
