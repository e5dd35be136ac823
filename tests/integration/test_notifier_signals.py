"""Two notifiers on one database: what one makes, the other sends at once; and later, where it did not hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from services.notifier import dispatcher, signals
from services.notifier.callbacks import callback_id
from services.notifier.store.partitions import PARTS, part_of
from services.notifier.store.signals import CHANNEL, SignalStore
from shared.database import Pool
from shared.schemas.events import JobCompleted
from tests.notifying import RunningNotifier, job_completed, notifier_pool, running_notifier, tenant
from tests.receivers import Receiver, receiver

ENVIRONMENT = {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8"}
LISTENERS = (
    "select pid from pg_stat_activity where application_name = 'audio2txt notifier, listening' and datname = current_database()"
)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not hear of something finds it only after the test."""
    monkeypatch.setattr(dispatcher, "LOOK_SECONDS", 600.0)


@pytest_asyncio.fixture
async def both(pool: Pool, database_url: str) -> AsyncIterator[tuple[RunningNotifier, RunningNotifier]]:
    """Two processes that share the endpoints, as far as the tables know."""
    async with (
        running_notifier(pool, ENVIRONMENT, alone=False, database_url=database_url) as first,
        running_notifier(pool, ENVIRONMENT, alone=False, database_url=database_url) as second,
    ):

        async def shared_out() -> bool:
            owners = await pool.fetch("select count(*) from notifier.partitions where owner is not null group by owner")
            return [row["count"] for row in owners] == [PARTS // 2] * 2

        await first.until(shared_out)
        yield first, second


async def tell(pool: Pool, maker: RunningNotifier, customer: Receiver) -> set[object]:
    """The maker takes in an event for an endpoint of each owner; returns the owners of those that were told."""
    owners: dict[object, JobCompleted] = {}
    rows = {row["part"]: row["owner"] for row in await pool.fetch("select part, owner from notifier.partitions")}
    for number in range(1000):
        event = job_completed(f"{customer.url}&{number}", tenant_id=tenant(1))
        part = part_of(callback_id(event.tenant_id, event.callback_url or ""))
        owners.setdefault(rows[part], event)
    before = len(customer.requests)
    for event in owners.values():
        await maker.publish(event)
    await customer.wait_for(before + len(owners))
    return set(owners)


@pytest.mark.usefixtures("patient")
async def test_the_other_process_sends_at_once(pool: Pool, both: tuple[RunningNotifier, RunningNotifier]) -> None:
    """Whichever of the two takes the event in."""
    async with receiver() as customer:
        for maker in both:
            assert len(await tell(pool, maker, customer)) == 2


@pytest.mark.usefixtures("patient")
async def test_a_connection_that_broke_is_made_anew(pool: Pool, both: tuple[RunningNotifier, RunningNotifier]) -> None:
    """As when the database was restarted: afterwards signals are heard again, and what was missed is looked for."""
    first, _ = both

    async def listening() -> bool:
        return len(await pool.fetch(LISTENERS)) == 2

    await first.until(listening)
    broken = {row["pid"] for row in await pool.fetch(LISTENERS)}
    await pool.fetch("select pg_terminate_backend(pid) from unnest($1::int[]) as pid", list(broken))

    async def anew() -> bool:
        pids = {row["pid"] for row in await pool.fetch(LISTENERS)}
        return len(pids) == 2 and not pids & broken

    async with receiver() as customer:
        await tell(pool, first, customer)
        await first.until(anew)
        await tell(pool, first, customer)


async def test_without_signals_looking_finds_it(pool: Pool, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a pooler that gives every transaction another connection nothing is heard. That is said once, and delays only."""
    monkeypatch.setattr(signals, "ECHO_PATIENCE", 0.1)
    monkeypatch.setattr(SignalStore, "say", _into_the_void)
    with capture_logs() as logs:
        async with (
            running_notifier(pool, ENVIRONMENT, alone=False, database_url=database_url) as first,
            running_notifier(pool, ENVIRONMENT, alone=False, database_url=database_url),
            receiver() as customer,
        ):

            async def shared_out() -> bool:
                return len(await pool.fetch("select distinct owner from notifier.partitions where owner is not null")) == 2

            await first.until(shared_out)
            assert len(await tell(pool, first, customer)) == 2

            async def said() -> bool:
                return [line["event"] for line in logs].count("signals.unheard") == 2

            await first.until(said)


async def _into_the_void(_store: object, _text: str) -> None:
    await asyncio.sleep(0)


async def test_alone_nothing_listens(pool: Pool, database_url: str) -> None:
    """In one process there is nobody to hear from, and no further connection."""
    async with receiver() as customer, running_notifier(pool, ENVIRONMENT, database_url=database_url) as notifier:
        event = job_completed(customer.url)
        await notifier.publish(event)
        await notifier.end_of(event)
        assert await pool.fetch(LISTENERS) == []
        assert await pool.fetchval("select count(*) from pg_stat_activity where query ilike $1", f"listen%{CHANNEL}%") == 0
