"""Work in a process of its own, so that what makes a load shares no interpreter with what bears it.

The order goes in as JSON, the answer comes back as JSON.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import uvloop

from shared.logs import configure_logs
from shared.settings import PlatformSettings

T = TypeVar("T")


async def carry_out(module: str, order: msgspec.Struct, answer: type[T]) -> T:
    """Start `python -m <module>`, give it the order, return its answer. Raises when it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(msgspec.json.encode(order))
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    return msgspec.json.decode(output, type=answer)


def serve(carry_out: Callable[[Any], Awaitable[object]], orders: Any) -> None:
    """What such a module does when it is run: one order, one answer."""

    configure_logs(PlatformSettings(log_level="warning"))  # which are otherwise written where the answer goes

    async def work() -> object:
        return await carry_out(msgspec.json.decode(sys.stdin.buffer.read(), type=orders))

    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(work())))
