"""The outbox when something is killed: the process that relays, or the database."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import migrations
from shared.bus import subscription
from shared.bus.memory import MemoryBus
from shared.database import Pool, is_outage, open_pool
from shared.errors import RetryableError
from shared.outbox import Outbox
from shared.schemas.events import JobCancelled
from tests.messaging import PATIENCE, Reader, cancelled
from tests.outboxes import cancel_task, ids, until_empty, write
from tests.servers.postgresql import PostgresServer

HANGING_PROCESS = """
import asyncio, sys
import shared.outbox.relay
from shared.bus import subscription
from shared.bus.memory import MemoryBus
from shared.database import open_pool
from shared.schemas.events import JobCancelled

async def hang(event):
    print("taken", flush=True)
    await asyncio.Event().wait()

async def main():
    shared.outbox.relay.CLAIM_SECONDS = float(sys.argv[2])
    bus = MemoryBus()
    await bus.start([subscription("transcriber", JobCancelled, hang)])
    await shared.outbox.Outbox(pool=await open_pool(sys.argv[1], size=2), schema="playground").relay(bus)

asyncio.run(main())
"""


async def _killed_at_work(database_url: str, *, claim_seconds: float) -> None:
    """A process that takes an event and is killed while it handles it."""
    command = [sys.executable, "-c", HANGING_PROCESS, database_url, str(claim_seconds)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    process.kill()
    await process.wait()


async def test_what_a_killed_process_held_is_delivered_again(pool: Pool, outbox: Outbox, database_url: str) -> None:
    """`kill -9` between claim and delete: when the claim has run out, another process delivers the event."""
    reader, event = Reader(), cancelled()
    await write(pool, outbox, event)
    await _killed_at_work(database_url, claim_seconds=1.0)
    relay = await _relay(outbox, reader)
    assert await reader.received(1) == [event]
    await until_empty(pool)
    await cancel_task(relay)


async def test_a_single_process_continues_at_once_after_a_kill(pool: Pool, outbox: Outbox, database_url: str) -> None:
    """In one process nobody else can be relaying, so a restart need not wait for the claims of the dead."""
    reader, event = Reader(), cancelled()
    await write(pool, outbox, event)
    await _killed_at_work(database_url, claim_seconds=3600)
    await outbox.release_claims()
    relay = await _relay(outbox, reader)
    assert await reader.received(1) == [event]
    await cancel_task(relay)


@pytest.fixture
async def fragile(playground: Path) -> AsyncIterator[tuple[PostgresServer, Pool]]:
    """A database server of the test's own, to kill."""
    with PostgresServer() as server:
        pool = await open_pool(server.create_database(), size=8)
        await migrations.apply(pool, "playground")
        yield server, pool
        pool.terminate()


async def test_a_killed_database_loses_no_event(fragile: tuple[PostgresServer, Pool]) -> None:
    """The relay says that the database is away; run again when it is back, it delivers what was committed."""
    server, pool = fragile
    outbox, reader = Outbox(pool=pool, schema="playground"), Reader()
    events = [cancelled() for _ in range(300)]
    await write(pool, outbox, *events)
    relay = await _relay(outbox, reader)
    await reader.received(10)
    await asyncio.to_thread(server.kill9)
    [failure] = await asyncio.wait_for(asyncio.gather(relay, return_exceptions=True), PATIENCE)
    assert _is_outage(failure)
    await asyncio.to_thread(server.restart)
    relay = await _relay(outbox, reader)
    await until_empty(pool)
    assert set(ids(reader)) == {event.event_id for event in events}
    await cancel_task(relay)


async def _relay(outbox: Outbox, reader: Reader) -> asyncio.Task[None]:
    bus = MemoryBus()
    await bus.start([subscription("transcriber", JobCancelled, reader)])
    return asyncio.create_task(outbox.relay(bus))


def _is_outage(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_outage(inner) for inner in error.exceptions)
    return isinstance(error, RetryableError) or (error is not None and is_outage(error))
