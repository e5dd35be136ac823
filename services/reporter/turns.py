"""A number of places that tenants take in turn, so that whoever wants many does not keep out whoever wants one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID


class Turns:
    """Like a semaphore, but the next free place goes to another tenant than the last one, if another waits."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: OrderedDict[UUID, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def take(self, tenant_id: UUID) -> AsyncIterator[None]:
        """A place for the length of a block; waits for one."""
        await self._acquire(tenant_id)
        try:
            yield
        finally:
            self._release()

    async def _acquire(self, tenant_id: UUID) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()  # It was our turn just now.
            raise

    def _release(self) -> None:
        while self._waiting:
            tenant_id, turns = self._waiting.popitem(last=False)
            turn = turns.popleft()
            if turns:
                self._waiting[tenant_id] = turns
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
