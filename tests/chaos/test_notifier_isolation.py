"""A thousand receivers on real sockets, three tenths of which never answer, refuse, drip, redirect or flood."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest
import pytest_asyncio
import structlog

from shared.database import Pool
from tests.crowd import RECEIVERS, behaviour_of, crowd
from tests.notifying import Wanted, fill, notifier_pool, running_notifier, tenant

SLOTS = 128
TIMEOUT = 15.0
WAVES = 2
PER_SECOND = 100
TENANTS = 200
BEFORE_THE_FIRST = 15.0
"""Seconds: the tables are filled and the notifier has started by then."""
STATES = "select state, count(*) from notifier.deliveries group by state"
ENVIRONMENT = {
    "AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8",
    "AUDIO2TXT_WEBHOOK_TIMEOUT_SECONDS": str(TIMEOUT),
    "AUDIO2TXT_DELIVERY_SLOTS": str(SLOTS),
}


log = structlog.get_logger(__name__)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


@pytest.mark.timeout(600)
async def test_the_healthy_do_not_wait_for_the_others(pool: Pool) -> None:
    """Every healthy receiver gets everything, and waits far less than behind a plain queue with as many slots and the same
    time-out. Nothing is lost: what the others did not take is still to be sent."""
    async with crowd() as urls:
        waits = await _waits_with_the_notifier(pool, urls)
        states = Counter({row["state"]: row["count"] for row in await pool.fetch(STATES)})
        control = await _waits_in_a_plain_queue(urls)
    figures = [
        f"{name}: p50 {_at(some, 50):.3f} s, p99 {_at(some, 99):.3f} s, max {some[-1]:.3f} s"
        for name, some in (("notifier", waits), ("plain queue", control))
    ]
    log.info("waits of healthy receivers", figures=figures, states=dict(states))
    assert states["pending"] + states["delivered"] == WAVES * RECEIVERS
    assert len(waits) == WAVES * sum(behaviour_of(number) == "healthy" for number in range(RECEIVERS))
    assert _at(waits, 99) < _at(control, 99) / 5


async def _waits_with_the_notifier(pool: Pool, urls: list[str]) -> list[float]:
    """Seconds from when each delivery to a healthy receiver was due to its first attempt."""
    wanted = [
        Wanted(
            tenant_id=tenant(1 + place % RECEIVERS % TENANTS),
            url=urls[place % RECEIVERS],
            due_in=BEFORE_THE_FIRST + place / PER_SECOND,
            # Tells the healthy apart in the tables.
            payload="thin" if behaviour_of(place % RECEIVERS) == "healthy" else "text",
        )
        for place in range(WAVES * RECEIVERS)
    ]
    await fill(pool, wanted)
    async with running_notifier(pool, ENVIRONMENT, drain=0) as notifier:
        await notifier.until(partial(_all_healthy_told, pool))
    rows = await pool.fetch(
        """
        select extract(epoch from min(a.started_at) - min(d.created_at))::float8 as wait
        from notifier.attempts a join notifier.deliveries d on d.id = a.delivery_id where d.payload = 'thin' group by d.id
        """
    )
    return sorted(row["wait"] for row in rows)


async def _all_healthy_told(pool: Pool) -> bool:
    await asyncio.sleep(1)
    return not await pool.fetchval("select count(*) from notifier.deliveries where payload = 'thin' and state = 'pending'")


async def _waits_in_a_plain_queue(urls: list[str]) -> list[float]:
    """The same to the same receivers: first in, first out, as many at once."""
    queue: asyncio.Queue[tuple[float, int]] = asyncio.Queue()
    waits: list[float] = []

    async def work(session: aiohttp.ClientSession) -> None:
        while True:
            due, number = await queue.get()
            if behaviour_of(number) == "healthy":
                waits.append(time.monotonic() - due)
            try:
                async with session.post(urls[number], data=b"{}", allow_redirects=False) as response:
                    await response.content.read(4096)
                    response.close()
            except (aiohttp.ClientError, TimeoutError):
                pass
            queue.task_done()

    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        workers = [asyncio.create_task(work(session)) for _ in range(SLOTS)]
        began = time.monotonic()
        for place in range(WAVES * RECEIVERS):
            queue.put_nowait((time.monotonic(), place % RECEIVERS))
            await asyncio.sleep(max(0.0, began + place / PER_SECOND - time.monotonic()))
        await queue.join()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return sorted(waits)


def _at(waits: list[float], percent: int) -> float:
    return waits[min(len(waits) - 1, len(waits) * percent // 100)]
