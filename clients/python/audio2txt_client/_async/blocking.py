"""What takes time and is no request: waiting, and reading and writing files beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def sleep(seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


async def unblocked(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The result of a function that may block, such as reading a file."""
    return await asyncio.to_thread(function, *args, **kwargs)
