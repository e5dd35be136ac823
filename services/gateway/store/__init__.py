"""The SQL of the schema `gateway`. A method is a statement, and every change is guarded by the state it starts from."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 15.0
"""Seconds a request waits for the database, a free connection included; and two more for a server that does not even take a
cancellation, being frozen and not dead."""


async def patiently(answer: Awaitable[T]) -> T:
    """The answer to a statement of a request; raises `TimeoutError` when it takes too long."""
    async with asyncio.timeout(PATIENCE):
        return await answer
