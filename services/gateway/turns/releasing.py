"""Lets jobs begin whose turn has come: woken when a job waits or ends, and when the time comes that a job was to wait for."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from dataclasses import dataclass, field

import structlog

from services.gateway import announcements
from services.gateway.store.turns import TurnStore
from services.gateway.turns.choice import NEVER, Queue, Room, choose
from services.gateway.wakeups import Wakeups
from shared.loops import look_when_due
from shared.outbox import Outbox

AT_ONCE = 50
"""Jobs that one transaction lets begin."""
POLL_SECONDS = 5.0
"""How soon a turn is found that nobody told of, as when the process died that should have."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Turns:
    """The loop of one process."""

    store: TurnStore
    outbox: Outbox
    wakeups: Wakeups
    room: Room
    deadline: dt.timedelta
    _due: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """A job waits, or one that was in work ended."""
        self._due.set()

    async def run(self) -> None:
        """Loop for ever."""
        await look_when_due(self._due, self.release, rest=self._rest)

    async def release(self) -> bool:
        """Let those begin whose turn it is; whether there may be more. They are announced in the same transaction."""
        if not await self.store.any_due():
            return False
        async with self.store.deciding() as connection:
            standings = await self.store.standings(connection, most=AT_ONCE)
            if not standings:
                return False
            room = AT_ONCE
            if self.room.whole is not None:
                room = min(room, self.room.whole - await self.store.in_work(connection))
            queues = [
                Queue(
                    tenant_id=one.tenant_id,
                    waiting=one.waiting,
                    in_work=one.in_work,
                    most=self.room.each if one.most is None else one.most,
                    served_at=one.served_at or NEVER,
                )
                for one in standings
            ]
            jobs = []
            if chosen := choose(queues, room=room):
                jobs = await self.store.release(connection, chosen, deadline=self.deadline)
                await self.outbox.append(connection, *map(announcements.submitted, jobs))
        for job in jobs:
            self.wakeups.tell(job.tenant_id, job.id)
        if jobs:
            self.outbox.wake()
            log.info("jobs.begun", count=len(jobs), tenants=len(chosen))
        return len(jobs) >= AT_ONCE

    async def _rest(self) -> float:
        """Seconds until there may be something to do, if nobody says so before."""
        seconds = POLL_SECONDS * random.uniform(0.8, 1.2)
        at = await self.store.next_start()
        return seconds if at is None else min(seconds, max(0.0, (at - dt.datetime.now(dt.UTC)).total_seconds()) + 0.01)
