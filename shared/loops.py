"""Work that goes on until the process ends, outages or not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from shared import database
from shared.errors import RetryableError
from shared.retry import backoff

HEALTHY_SECONDS = 60.0
"""A loop that ran so long has recovered: its next outage counts as the first."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Work that goes on until the process ends. It is cancelled to stop, and must leave nothing half done then."""

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]


async def keep_running(loop: Loop) -> None:
    """Run a loop through outages, until it is cancelled."""
    outages = 0
    while True:
        began = time.monotonic()
        try:
            return await loop.run()
        except Exception as error:
            if not _is_outage(error):
                raise
            if _is_cancelled():
                log.error("loop.cut_short", loop=loop.name, error=repr(error))
                raise asyncio.CancelledError from error
            outages = outages + 1 if time.monotonic() - began < HEALTHY_SECONDS else 1
            log.warning("loop.outage", loop=loop.name, outages=outages, error=repr(error))
        await asyncio.sleep(backoff(outages, longest=5.0))


async def look_when_due(
    due: asyncio.Event, look: Callable[[], Awaitable[bool]], *, rest: Callable[[], Awaitable[float]]
) -> None:
    """Loop for ever: `look` while it says that there may be more, then rest until `due` is set, or the seconds of `rest` are
    over."""
    while True:
        due.clear()
        if not await look():
            with suppress(TimeoutError):
                async with asyncio.timeout(await rest()):
                    await due.wait()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_outage(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_outage(inner) for inner in error.exceptions)
    return isinstance(error, RetryableError) or database.is_outage(error)
