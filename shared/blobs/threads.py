"""Blocking file work beside the event loop, never abandoned half way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Closable(Protocol):
    """An open file, or what has one."""

    def close(self) -> None:
        """Close it."""


F = TypeVar("F", bound=Closable)


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `asyncio.to_thread`, but a cancellation waits until the work is done.

    Otherwise the caller would close a file that the thread still uses. So the work must be short.
    """
    return await finished(asyncio.get_running_loop().run_in_executor(None, partial(work, *args, **kwargs)))


async def opened(work: Callable[P, F], *args: P.args, **kwargs: P.kwargs) -> F:
    """The same for work that opens a file, which a cancellation closes again: nobody else would."""
    future = asyncio.get_running_loop().run_in_executor(None, partial(work, *args, **kwargs))
    try:
        return await finished(future)
    except asyncio.CancelledError:
        if future.exception() is None:
            future.result().close()
        raise


async def finished(future: asyncio.Future[T]) -> T:
    """The future's result; a cancellation is raised only when the future is done."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()
        raise cancelled
    return future.result()
