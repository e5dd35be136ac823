"""Wall clocks jump by hours under two notifiers at work, those of the processes or that of the database."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from standardwebhooks import Webhook

from services.notifier.callbacks import callback
from shared.database import Pool
from shared.sealing import Sealer
from shared.signing import webhook_secret
from tests.notifier_processes import DELIVERIES, all_delivered, both_hold_parts, notifiers, owners, work
from tests.notifying import MASTER, Wanted, fill, notifier_pool, tenant
from tests.servers.clocks import WallClock
from tests.servers.debian import PackageMissing
from tests.servers.postgresql import PostgresServer
from tests.watching import Watcher, watching

HOURS = 3600.0
JUMPS = pytest.mark.parametrize("jump", [3 * HOURS, -3 * HOURS], ids=["forward", "back"])
TIMEOUT, LEASE = 10.0, 6.0
"""Seconds: long enough that no process of a busy machine loses by being slow what no clock may take from it."""
RENEWALS = 4
"""How often the processes renew their leases while everything hangs."""


@pytest.fixture
def clock() -> Iterator[WallClock]:
    """A clock that can be set."""
    try:
        clock = WallClock()
    except PackageMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with clock:
        yield clock


@pytest.fixture
def moved_database_url(clock: WallClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database on a server that goes by the clock."""
    monkeypatch.setattr("shared.embedded.server.CLEAN_ENVIRONMENT", {"LC_ALL": "C", "PATH": os.defpath, **clock.environment})
    with PostgresServer() as server:
        yield server.create_database()


@pytest_asyncio.fixture
async def watcher() -> AsyncIterator[Watcher]:
    """The receiver of everything."""
    async with watching() as watcher:
        yield watcher


@JUMPS
@pytest.mark.timeout(120)
async def test_the_clock_of_the_notifiers_jumps(database_url: str, clock: WallClock, watcher: Watcher, jump: float) -> None:
    """Everything is sent once, signed with the time that the clock shows."""
    async with (
        notifier_pool(database_url) as pool,
        notifiers(database_url, 2, timeout=TIMEOUT, lease=LEASE, environment=clock.environment),
    ):
        began = clock.now()
        await _jump_in_the_middle(pool, clock, watcher, jump)
        await all_delivered(pool)
    await _expect_all_sent_once(database_url, watcher)
    times = [int(request.headers["webhook-timestamp"]) for request in watcher.requests]
    before, after = [time for time in times if abs(time - began) < HOURS], [time for time in times if abs(time - began) > HOURS]
    assert len(before) >= DELIVERIES // 8
    assert len(after) > DELIVERIES // 2
    assert all(abs(time - clock.now()) < 120 for time in after)
    for request in watcher.requests:
        at = dt.datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), dt.UTC)
        secrets = (Webhook(webhook_secret(MASTER.encode(), tenant(number))) for number in range(1, 21))
        signature = request.headers["webhook-signature"]
        assert signature in {secret.sign(request.headers["webhook-id"], at, request.body.decode()) for secret in secrets}


@JUMPS
@pytest.mark.timeout(120)
async def test_the_clock_of_the_database_jumps(
    moved_database_url: str, clock: WallClock, watcher: Watcher, jump: float
) -> None:
    """No lease ends by it while its holder lives: parts stay where they are, and what hangs is not sent a second time."""
    async with notifier_pool(moved_database_url) as pool, notifiers(moved_database_url, 2, timeout=TIMEOUT, lease=LEASE):
        held = await _jump_in_the_middle(pool, clock, watcher, jump)
        assert await owners(pool) == held
        await all_delivered(pool)
    await _expect_all_sent_once(moved_database_url, watcher)


@JUMPS
@pytest.mark.timeout(120)
async def test_one_of_two_dies_after_the_clock_of_the_database_has_jumped(
    moved_database_url: str, clock: WallClock, watcher: Watcher, jump: float
) -> None:
    """The other follows it within seconds, not hours, and sends again only what was under way."""
    watcher.answering.clear()
    async with (
        notifier_pool(moved_database_url) as pool,
        notifiers(moved_database_url, 2, timeout=TIMEOUT, lease=LEASE) as (victim, _),
    ):
        await both_hold_parts(pool)
        await work(pool, watcher)
        await watcher.wait_for(DELIVERIES // 8)
        clock.put(jump)
        await _renewals(pool)
        victim.kill()
        watcher.answering.set()
        await all_delivered(pool)
    assert len(watcher.seen) == DELIVERIES
    assert watcher.overlaps == []
    assert max(watcher.seen.values()) <= 2


@pytest.mark.timeout(120)
async def test_what_waits_does_not_wait_for_hours_when_the_clock_of_the_database_goes_back(
    moved_database_url: str, clock: WallClock, watcher: Watcher
) -> None:
    """Not what is to be tried again, nor what comes for an endpoint that rests."""
    url = f"{watcher.url}/hook"
    endpoint = callback(Sealer(MASTER.encode(), purpose="endpoint"), tenant(1), url).endpoint_id
    async with notifier_pool(moved_database_url) as pool, notifiers(moved_database_url, 2):
        await both_hold_parts(pool)
        await fill(pool, [Wanted(tenant_id=tenant(1), url=url, due_in=8)])
        await pool.execute(
            "update notifier.health set open_until = now() + interval '6 s', not_before = now() + interval '7 s', "
            "revision = revision + 1 where endpoint_id = $1",
            endpoint,
        )
        clock.put(-3 * HOURS)
        await watcher.wait_for(1)
    assert clock.ahead < 0


async def _jump_in_the_middle(pool: Pool, clock: WallClock, watcher: Watcher, jump: float) -> list[str | None]:
    """Let attempts hang, set the clock, let leases be renewed, and go on; returns whose the parts were before."""
    await both_hold_parts(pool)
    held = await _settled(pool)
    watcher.answering.clear()
    await work(pool, watcher)
    await watcher.wait_for(DELIVERIES // 8)
    clock.put(jump)
    await _renewals(pool)
    watcher.answering.set()
    return held


async def _settled(pool: Pool) -> list[str | None]:
    """The owners of the parts once each process has its half."""
    async with asyncio.timeout(30):
        while True:
            held = await owners(pool)
            if None not in held and sorted(held.count(owner) for owner in set(held)) == [32, 32]:
                return held
            await asyncio.sleep(0.05)


async def _renewals(pool: Pool) -> None:
    """Wait until every process has renewed its leases some times."""
    seen: dict[str, set[dt.datetime]] = {}
    async with asyncio.timeout(30):
        while len(seen) < 2 or any(len(times) <= RENEWALS for times in seen.values()):
            for row in await pool.fetch("select id, alive_until from notifier.senders"):
                seen.setdefault(row["id"], set()).add(row["alive_until"])
            await asyncio.sleep(0.05)


async def _expect_all_sent_once(database_url: str, watcher: Watcher) -> None:
    async with notifier_pool(database_url) as pool:
        rows = await pool.fetch("select count(*), bool_or(orphan) as orphan from notifier.attempts group by delivery_id")
    assert {(row["count"], row["orphan"]) for row in rows} == {(1, False)}
    assert len(watcher.seen) == DELIVERIES
    assert set(watcher.seen.values()) == {1}
    assert watcher.overlaps == []
