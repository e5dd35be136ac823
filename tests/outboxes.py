"""What tests of the outbox of the service `playground` are made of."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg

from shared.database import Pool, transaction
from shared.outbox import Outbox
from shared.schemas.events import Event
from tests.messaging import PATIENCE, Reader


async def write(pool: Pool, outbox: Outbox, *events: Event) -> None:
    """Commit events to the outbox, and wake this process's relay."""
    async with transaction(pool) as connection:
        await outbox.append(connection, *events)
    outbox.wake()


async def until_empty(pool: Pool) -> None:
    """Wait until every event has left the outbox."""
    await until_row(pool, "select 1 from playground.outbox having count(*) = 0")


async def until_row(pool: Pool, query: str) -> asyncpg.Record:
    """Wait until a query finds a row."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if (row := await pool.fetchrow(query)) is not None:
                return row
            await asyncio.sleep(0.02)


def ids(reader: Reader) -> list[UUID]:
    """The ids of the events a reader was given, sorted."""
    return sorted(event.event_id for event in reader.events if isinstance(event, Event))


async def cancel_task(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
