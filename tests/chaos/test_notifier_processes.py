"""Two notifiers share the work; one is killed, or stopped and woken, in the middle of it."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from shared.database import Pool
from tests.notifier_processes import DELIVERIES, all_claimed_anew, all_delivered, both_hold_parts, notifiers, work
from tests.notifying import notifier_pool
from tests.watching import Watcher, watching


@pytest_asyncio.fixture
async def watcher() -> AsyncIterator[Watcher]:
    """The receiver of everything."""
    async with watching() as watcher:
        yield watcher


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


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
    """SIGSTOP until the other has taken over: woken, it decides nothing about what is no longer its own, and no message is
    under way twice at the same time."""
    async with notifiers(database_url, 2) as (victim, _):
        await both_hold_parts(pool)
        await work(pool, watcher)
        await watcher.wait_for(DELIVERIES // 8)
        victim.send_signal(signal.SIGSTOP)
        await all_claimed_anew(pool)
        victim.send_signal(signal.SIGCONT)
        await all_delivered(pool)
        rows = await pool.fetch("select count(*) from notifier.attempts where not orphan group by delivery_id")
    assert {row["count"] for row in rows} == {1}
    assert len(watcher.seen) == DELIVERIES
    assert watcher.overlaps == []
