"""Notifiers in processes of their own that share a database, to be killed, stopped and misled about the time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from shared.database import Pool
from tests.notifying import Wanted, fill, tenant
from tests.watching import Watcher

ENDPOINTS = 60
DELIVERIES = 480

PROGRAM = """
import asyncio, sys
from tests.hasty_notifier import hurry
from tests.notifying import notifier_pool, running_notifier

async def main(database_url, timeout, lease):
    hurry(float(lease))
    environment = {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8", "AUDIO2TXT_WEBHOOK_TIMEOUT_SECONDS": timeout}
    async with notifier_pool(database_url) as pool, running_notifier(
        pool, environment, alone=False, database_url=database_url
    ):
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main(*sys.argv[1:]))
"""


@asynccontextmanager
async def notifiers(
    database_url: str,
    count: int,
    *,
    timeout: float = 3.0,
    lease: float = 2.0,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[list[Process]]:
    """So many processes, ended at the end. `timeout` is what a receiver has to answer, `lease` for how long a process owns
    what it does not renew, in seconds."""
    command = [sys.executable, "-c", PROGRAM, database_url, str(timeout), str(lease)]
    whole = {**os.environ, **(environment or {})}
    processes = [await asyncio.create_subprocess_exec(*command, stdin=PIPE, env=whole) for _ in range(count)]
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
        while len(set(await owners(pool)) - {None}) < 2:
            await asyncio.sleep(0.05)


async def owners(pool: Pool) -> list[str | None]:
    """Whose each part is."""
    return [row["owner"] for row in await pool.fetch("select owner from notifier.partitions order by part")]


async def all_delivered(pool: Pool) -> None:
    """Wait until nothing is pending."""
    async with asyncio.timeout(120):
        while await pool.fetchval("select count(*) from notifier.deliveries where state = 'pending'"):
            await asyncio.sleep(0.2)
    assert await pool.fetchval("select count(*) from notifier.deliveries where state = 'delivered'") == DELIVERIES


async def all_claimed_anew(pool: Pool) -> None:
    """Wait until whatever is claimed now is delivered, or claimed by another."""
    claimed = {row["lease"] for row in await pool.fetch("select lease from notifier.deliveries where lease is not null")}
    assert claimed
    async with asyncio.timeout(60):
        while await pool.fetchval("select exists (select from notifier.deliveries where lease = any($1::uuid[]))", claimed):
            await asyncio.sleep(0.05)


async def work(pool: Pool, watcher: Watcher) -> None:
    """Something to do for both."""
    wanted = [Wanted(tenant_id=tenant(1 + place % 20), url=f"{watcher.url}/{place % ENDPOINTS}") for place in range(DELIVERIES)]
    await fill(pool, wanted)
