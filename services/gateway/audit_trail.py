"""The audit log at work: reads are noted without waiting, entries are chained in the background, chains are walked."""

from __future__ import annotations

import asyncio
from uuid import UUID

from services.gateway.audit import Action, Fact, decode, entry_of, link
from services.gateway.problems import unavailable
from services.gateway.store.audit import AuditStore, Head, Link
from shared.errors import Audio2txtError

CHAIN_SECONDS = 1.0
"""How often entries are written and chained; a crash loses the reads that were noted since, and no change ever."""

MOST_UNWRITTEN = 10_000
"""Reads that wait to be written. Beyond them nothing is read, rather than read without a trace."""


class AuditTrail:
    """Notes reads, and chains what has come in."""

    def __init__(self, store: AuditStore) -> None:
        self.store = store
        self._reads: list[str] = []

    def read(self, action: Action, tenant_id: UUID, thing_id: UUID, **facts: Fact) -> None:
        """Somebody read something. Raises `Problem` 503 when reads can no longer be noted."""
        if len(self._reads) >= MOST_UNWRITTEN:
            raise unavailable("The audit log")
        self.note(entry_of(action, tenant_id, thing_id, after=facts or None))

    def note(self, entry: str | None) -> None:
        """Something happened that changed nothing."""
        if entry is not None:
            self._reads.append(entry)

    async def run(self) -> None:
        """Loop for ever; what was noted is written before it ends."""
        try:
            while True:
                await asyncio.sleep(CHAIN_SECONDS)
                await self.settle()
        except asyncio.CancelledError:
            await self.settle()
            raise

    async def settle(self, *, wait: bool = False) -> None:
        """Write the reads that were noted, and chain all that has come in, by this process or, with `wait`, by any. An outage
        keeps them for the next time."""
        noted = len(self._reads)
        if noted:
            await self.store.take_in(self._reads[:noted])
            del self._reads[:noted]
        while await self.store.chain(wait=wait):
            pass


class ChainBroken(Audio2txtError):
    """A chain is not what it was when its entries were made."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"the chain is broken at entry {number}: {reason}")
        self.number = number
        self.reason = reason


async def verify(store: AuditStore, tenant_id: UUID, *, anchor: Head | None = None) -> Head:
    """Walk a tenant's chain; where it ends. Every entry must be there, be linked to the one before it and say what its row
    says, and the chain must reach its end. It must pass the anchor, an end that was noted down earlier, elsewhere: whoever
    can rewrite the database could else make the whole chain anew. Raises `ChainBroken`."""
    head, reached = await store.head(tenant_id), Head()
    async for row in store.walk(tenant_id, last=head.number):
        reached = _next(tenant_id, reached, row)
        if anchor is not None and anchor.number == reached.number and anchor.hash != reached.hash:
            raise ChainBroken(reached.number, "it, or one before it, is not the one that the anchor names")
    if reached.number != head.number:
        raise ChainBroken(reached.number + 1, "it is missing")
    if reached.hash != head.hash:
        raise ChainBroken(reached.number, "the chain's end has another hash")
    if anchor is not None and anchor.number > head.number:
        raise ChainBroken(head.number + 1, "it is missing, although the anchor names a later one")
    if await store.furthest(tenant_id) > head.number and await store.head(tenant_id) == head:
        raise ChainBroken(head.number + 1, "it lies beyond the chain's end")
    return head


def _next(tenant_id: UUID, reached: Head, row: Link) -> Head:
    """The next link, which must be in order. Raises `ChainBroken`."""
    if row.number != reached.number + 1:
        raise ChainBroken(reached.number + 1, "it is missing")
    if link(reached.hash, row.number, tenant_id, row.entry) != row.hash:
        raise ChainBroken(row.number, "its hash is not that of its words and of the entry before it")
    entry = decode(row.entry)
    if (entry.id, entry.at, entry.tenant_id) != (row.id, row.at, tenant_id):
        raise ChainBroken(row.number, "its row says something else than its words")
    return Head(number=row.number, hash=row.hash)
