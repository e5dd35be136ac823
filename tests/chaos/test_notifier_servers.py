"""RabbitMQ, PostgreSQL or both are killed while two notifiers send what happens to jobs to receivers of several kinds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from shared.bus import Bus, BusUnavailable, Envelope, Unroutable, open_bus, subscription
from shared.database import Pool, is_outage
from shared.schemas.events import DeliveryFinished, DeliveryState, Event
from shared.schemas.ids import new_id
from tests.installation import Process
from tests.notifier_processes import both_hold_parts
from tests.notifying import MASTER, endpoint_changed, job_completed, notifier_pool
from tests.servers.postgresql import PostgresServer
from tests.servers.rabbitmq import RabbitServer
from tests.watching import Watcher, watching

JOBS = 360
TENANTS = 12
PER_SECOND = 60
DOWN_SECONDS = 1.0
CALLBACKS = {"quick": 0, "slow": 0, "refusing": 1}
"""Receivers of callbacks, and how often each refuses what it takes in the end."""


class Receivers:
    """Each job is told to one of the callbacks' receivers in turn, and to the one that its tenant has set up."""

    def __init__(self, callbacks: dict[str, Watcher], subscribed: Watcher) -> None:
        self.callbacks = callbacks
        self.subscribed = subscribed
        tenants = [new_id() for _ in range(TENANTS)]
        self.endpoints = [endpoint_changed(tenant, f"{subscribed.url}/{number}") for number, tenant in enumerate(tenants)]
        urls = [f"{watcher.url}/{path}" for path in range(10) for watcher in callbacks.values()]
        self.jobs = [job_completed(urls[place % len(urls)], tenant_id=tenants[place % TENANTS]) for place in range(JOBS)]

    @property
    def all(self) -> list[Watcher]:
        """Every receiver."""
        return [*self.callbacks.values(), self.subscribed]

    async def wait_for(self, count: int) -> None:
        """Return once so many requests have come, wherever."""
        async with asyncio.timeout(60):
            while sum(watcher.seen.total() for watcher in self.all) < count:
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def receivers() -> AsyncIterator[Receivers]:
    """On loopback."""
    async with AsyncExitStack() as stack:
        callbacks = {
            name: await stack.enter_async_context(watching(answer_seconds=0.4 if name == "slow" else 0.02, refusals=refusals))
            for name, refusals in CALLBACKS.items()
        }
        yield Receivers(callbacks, await stack.enter_async_context(watching()))


@asynccontextmanager
async def two_notifiers(database_url: str, bus_url: str, folder: Path) -> AsyncIterator[None]:
    """By the real command, for the length of the block; both must end in an orderly way."""
    environment = {
        "AUDIO2TXT_DATABASE_URL": database_url,
        "AUDIO2TXT_BUS_URL": bus_url,
        "AUDIO2TXT_BLOBS_URL": f"file://{folder}/blobs",
        "AUDIO2TXT_PORT": "0",
        "AUDIO2TXT_LOG_FORMAT": "json",
        "AUDIO2TXT_SECRET_KEY": MASTER,
        "AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.1/32",
        "AUDIO2TXT_WEBHOOK_TIMEOUT_SECONDS": "1",
        "AUDIO2TXT_WEBHOOK_SCHEDULE": "0" + ",0.2" * 9,
    }
    processes = []
    for name in ("first", "second"):
        own = folder / name
        own.mkdir()
        settings = {**environment, "AUDIO2TXT_DATA_DIR": str(own / "data")}
        processes.append(Process(names=("notifier",), environment=settings, folder=own, module="tests.hasty_notifier"))
    try:
        await asyncio.gather(*(process.start() for process in processes))
        yield
        assert [await process.stop() for process in processes] == [0, 0]
    finally:
        for process in processes:
            await process.kill()


@pytest.mark.parametrize("victim", ["the broker", "the database", "both"])
@pytest.mark.timeout(180)
async def test_servers_are_killed_under_load(
    postgres_server: PostgresServer,
    rabbitmq_server: RabbitServer,
    receivers: Receivers,
    tmp_path: Path,
    victim: str,
) -> None:
    """Every delivery ends delivered and is in the log; repeats have the same id and body, and no two are under way at once."""
    ended: dict[object, DeliveryState] = {}

    async def hear(event: DeliveryFinished) -> None:
        ended[event.job_id] = event.state

    victims: list[RabbitServer | PostgresServer] = []
    if victim != "the broker":
        victims.append(postgres_server)
    if victim != "the database":
        victims.append(rabbitmq_server)
    database_url = postgres_server.create_database()
    with rabbitmq_server.vhost() as bus_url:
        bus = open_bus(bus_url)
        async with notifier_pool(database_url) as pool, two_notifiers(database_url, bus_url, tmp_path):
            await bus.start([subscription("gateway", DeliveryFinished, hear)])
            for endpoint in receivers.endpoints:
                await publish(bus, endpoint)
            await until(lambda: endpoints_known(pool))
            await both_hold_parts(pool)
            third = JOBS // 3
            await publish_all(bus, receivers.jobs[:third])
            await receivers.wait_for(third // 2)
            meanwhile = asyncio.create_task(publish_all(bus, receivers.jobs[third : 2 * third]))
            await kill_and_restart(victims)
            await publish_all(bus, receivers.jobs[2 * third :])
            await meanwhile
            await until(lambda: all_delivered(pool))
            await until(lambda: all_heard(ended))
            log = await read_log(pool)
        await bus.close()

    assert set(ended.values()) == {DeliveryState.DELIVERED}
    for watcher in receivers.all:
        assert watcher.overlaps == []
        assert all(len(bodies) == 1 for bodies in watcher.bodies.values())
    for name, refusals in CALLBACKS.items():
        assert len(receivers.callbacks[name].seen) == JOBS // len(CALLBACKS)
        assert min(receivers.callbacks[name].seen.values()) > refusals
    assert set(receivers.subscribed.seen) == {f"msg_{job.event_id.hex}" for job in receivers.jobs}
    expect_complete(log, receivers, answers_lost=victim != "the broker")


async def kill_and_restart(victims: Sequence[RabbitServer | PostgresServer]) -> None:
    """All at once, and for long enough to be noticed."""
    await asyncio.gather(*(asyncio.to_thread(server.kill9) for server in victims))
    await asyncio.sleep(DOWN_SECONDS)
    await asyncio.gather(*(asyncio.to_thread(server.restart) for server in victims))


async def publish(bus: Bus, event: Event) -> None:
    """Until it is safe, as an outbox does."""
    while True:
        try:
            return await bus.publish(Envelope.of(event))
        except (BusUnavailable, Unroutable):
            await asyncio.sleep(0.2)


async def publish_all(bus: Bus, events: Sequence[Event]) -> None:
    """At a steady pace."""
    async with asyncio.TaskGroup() as tasks:
        for event in events:
            tasks.create_task(publish(bus, event))
            await asyncio.sleep(1 / PER_SECOND)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask through outages until it holds."""
    async with asyncio.timeout(90):
        while True:
            try:
                if await condition():
                    return
            except Exception as error:
                if not is_outage(error):
                    raise
            await asyncio.sleep(0.1)


async def endpoints_known(pool: Pool) -> bool:
    """Whether the notifiers have heard of all."""
    known: int = await pool.fetchval("select count(*) from notifier.endpoints")
    return known == TENANTS


async def all_delivered(pool: Pool) -> bool:
    """Whether everything that should be was."""
    delivered: int = await pool.fetchval("select count(*) from notifier.deliveries where state = 'delivered'")
    return delivered == 2 * JOBS


async def all_heard(ended: dict[object, DeliveryState]) -> bool:
    """Whether the gateway's queue got the end of every callback."""
    return len(ended) == JOBS


async def read_log(pool: Pool) -> list[tuple[int, int, int, int, int]]:
    """For each delivery: attempts as counted, as logged, those that came too late, how many of all were answered, and the
    last one's status."""
    rows = await pool.fetch(
        """
        select d.attempts, count(a.id) filter (where not a.orphan)::int as logged,
            count(a.id) filter (where a.orphan)::int as orphans, count(a.status)::int as answered,
            (array_agg(a.status order by a.id desc) filter (where not a.orphan))[1] as status
        from notifier.deliveries d left join notifier.attempts a on a.delivery_id = d.id group by d.id
        """
    )
    return [(row["attempts"], row["logged"], row["orphans"], row["answered"], row["status"]) for row in rows]


def expect_complete(log: list[tuple[int, int, int, int, int]], receivers: Receivers, *, answers_lost: bool) -> None:
    """Every attempt is counted and logged, those too that a busy machine gave up before they arrived. Only what ended while
    the database was away for too long can be missing."""
    assert len(log) == 2 * JOBS
    assert all(attempts == logged for attempts, logged, *_ in log)
    assert {status for *_, status in log} == {204}
    seen = sum(watcher.seen.total() for watcher in receivers.all)
    written = sum(logged + orphans for _, logged, orphans, *_ in log)
    assert sum(answered for *_, answered, _ in log) <= seen
    assert answers_lost or seen <= written
