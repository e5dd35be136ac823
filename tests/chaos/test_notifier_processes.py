"""Two notifiers share the work; one is killed, or stopped and woken, in the middle of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from shared.database import Pool
from tests.notifying import Wanted, fill, notifier_pool, tenant
from tests.receivers import _read_request

ENDPOINTS = 60
DELIVERIES = 480
ANSWER_SECONDS = 0.05

# Leases as short as the attempts here, so that nobody waits long for those of the dead.
PROGRAM = """
import asyncio, sys
import services.notifier.app as app, services.notifier.dispatcher as dispatcher, services.notifier.partitions as partitions
from tests.notifying import notifier_pool, running_notifier

partitions.LEASE_SECONDS, partitions.RENEW_SECONDS, partitions.HUNGRY_SECONDS = 2.0, 0.5, 0.2
dispatcher.START_SECONDS = 0.5
app.CHANNEL_MARGIN_SECONDS, app.LEASE_MARGIN_SECONDS = 0.5, 1.5
ENVIRONMENT = {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8", "AUDIO2TXT_WEBHOOK_TIMEOUT_SECONDS": "1"}

async def main(database_url):
    async with notifier_pool(database_url) as pool, running_notifier(pool, ENVIRONMENT, alone=False, database_url=database_url):
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main(*sys.argv[1:]))
"""


class Watcher:
    """A receiver that notices when two requests with the same id are under way at once."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: Counter[str] = Counter()
        self.bodies: dict[str, set[bytes]] = {}
        self.overlaps: list[str] = []
        self._open: Counter[str] = Counter()
        self.changed = asyncio.Condition()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                request = await _read_request(reader)
                name = request.headers["webhook-id"]
                self._open[name] += 1
                if self._open[name] > 1:
                    self.overlaps.append(name)
                async with self.changed:
                    self.seen[name] += 1
                    self.bodies.setdefault(name, set()).add(request.body)
                    self.changed.notify_all()
                await asyncio.sleep(ANSWER_SECONDS)
                self._open[name] -= 1
                writer.write(b"HTTP/1.1 204 X\r\n\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def wait_for(self, count: int) -> None:
        """Return once so many requests have come."""
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(lambda: self.seen.total() >= count)


@pytest_asyncio.fixture
async def watcher() -> AsyncIterator[Watcher]:
    """Listens on loopback."""
    watcher = Watcher()
    server = await asyncio.start_server(watcher.serve, "127.0.0.1", 0)
    watcher.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield watcher
    server.close()


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


@asynccontextmanager
async def notifiers(database_url: str, count: int) -> AsyncIterator[list[Process]]:
    """So many processes, ended at the end."""
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, database_url, stdin=PIPE) for _ in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            if process.returncode is None:
                os.kill(process.pid, signal.SIGCONT)
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


async def both_hold_parts(pool: Pool) -> None:
    """Wait until two processes share the work."""
    async with asyncio.timeout(60):
        while await pool.fetchval("select count(distinct owner) from notifier.partitions where held_until > now()") < 2:
            await asyncio.sleep(0.05)


async def all_delivered(pool: Pool) -> None:
    """Wait until nothing is pending."""
    async with asyncio.timeout(120):
        while await pool.fetchval("select count(*) from notifier.deliveries where state = 'pending'"):
            await asyncio.sleep(0.2)
    assert await pool.fetchval("select count(*) from notifier.deliveries where state = 'delivered'") == DELIVERIES


async def work(pool: Pool, watcher: Watcher) -> None:
    """Something to do for both."""
    wanted = [Wanted(tenant_id=tenant(1 + place % 20), url=f"{watcher.url}/{place % ENDPOINTS}") for place in range(DELIVERIES)]
    await fill(pool, wanted)


@pytest.mark.timeout(300)
async def test_one_of_two_is_killed(database_url: str, pool: Pool, watcher: Watcher) -> None:
    """`kill -9`: the other takes over, nothing is lost, and only what was under way is sent a second time, as it was."""
    async with notifiers(database_url, 2) as (victim, _):
        await both_hold_parts(pool)
        await work(pool, watcher)
        await watcher.wait_for(DELIVERIES // 8)
        victim.kill()
        await all_delivered(pool)
    assert len(watcher.seen) == DELIVERIES
    assert watcher.overlaps == []
    assert all(len(bodies) == 1 for bodies in watcher.bodies.values())
    assert max(watcher.seen.values()) <= 2


@pytest.mark.timeout(300)
async def test_one_of_two_is_stopped_and_woken(database_url: str, pool: Pool, watcher: Watcher) -> None:
    """SIGSTOP for longer than its leases last: the other takes over; woken, it decides nothing about what is no longer its own,
    and no message is under way twice at the same time."""
    async with notifiers(database_url, 2) as (victim, _):
        await both_hold_parts(pool)
        await work(pool, watcher)
        await watcher.wait_for(DELIVERIES // 8)
        victim.send_signal(signal.SIGSTOP)
        await asyncio.sleep(4)
        victim.send_signal(signal.SIGCONT)
        await all_delivered(pool)
        rows = await pool.fetch("select count(*) from notifier.attempts where not orphan group by delivery_id")
    assert {row["count"] for row in rows} == {1}
    assert len(watcher.seen) == DELIVERIES
    assert watcher.overlaps == []
