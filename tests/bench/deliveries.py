"""How fast webhooks leave one notifier, beside a bare client that posts the same bodies to the same sink."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web

from shared import migrations
from shared.bus import Bus, Envelope, open_bus, subscription
from shared.database import Pool, open_pool
from shared.schemas.events import DeliveryFinished, EndpointChanged, Event
from shared.schemas.ids import new_id
from tests.bench import apart
from tests.bench.figures import Cell, Table, at_least
from tests.bench.ground import Ground
from tests.bench.processes import Trees, spent, watching
from tests.installation import Process
from tests.notifying import MASTER, endpoint_changed, job_completed
from tests.servers.ports import free_port

DELIVERIES = 5_000
TENANTS, RECEIVERS = 10, 5
AT_ONCE = 64
PATIENCE = 300.0
NOTE = f"""\
One notifier over RabbitMQ and PostgreSQL, and a sink that answers 204 in the process that measures. {TENANTS} tenants with
{RECEIVERS} endpoints each. "A backlog": the endpoints were paused while {DELIVERIES:,} messages for them came in, and are
switched on. "New": the ends of {DELIVERIES:,} jobs with a callback each are handed to RabbitMQ at once. Both from the first
request to the last, with all that belongs to it: claimed, signed, posted, and written down what came back. The bare client is
aiohttp with {AT_ONCE} requests at once, the same bodies and headers, signing and keeping nothing. CPU is that of the sender's
process."""


class Bare(msgspec.Struct, frozen=True, kw_only=True):
    """Post to these URLs in turn."""

    urls: tuple[str, ...]
    body: bytes
    headers: dict[str, str]
    count: int


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What that cost the process."""

    cpu_seconds: float


class Sink:
    """Answers everything with 204, and notes when the first and the last request came."""

    def __init__(self) -> None:
        self.url = ""
        self.body, self.headers = b"", dict[str, str]()
        self._expected, self._came = 0, 0
        self._began = self._ended = 0.0
        self._all = asyncio.Event()

    def expect(self, count: int) -> None:
        """From now on, so many."""
        self._expected, self._came = count, 0
        self._all.clear()

    async def take(self, request: web.Request) -> web.Response:
        """Count one request."""
        self.body, self.headers = await request.read(), dict(request.headers)
        self._came += 1
        if self._came == 1:
            self._began = time.perf_counter()
        if self._came == self._expected:
            self._ended = time.perf_counter()
            self._all.set()
        return web.Response(status=204)

    async def seconds(self) -> float:
        """Wait for all of them; how long they took to come."""
        async with asyncio.timeout(PATIENCE):
            await self._all.wait()
        return self._ended - self._began


class Notifier:
    """A notifier process, what publishes to it, and its tables."""

    def __init__(self, process: Process, bus: Bus, pool: Pool) -> None:
        self.bus = bus
        self.pool = pool
        self.tree = Trees({"notifier": process.pid})


async def measure(ground: Ground) -> list[Table]:
    """Ours, then the bare client."""
    async with _sink() as sink:
        async with _notifier(ground) as notifier:
            backlog = await _backlog(notifier, sink)
            new = await _new(notifier, sink)
        bare = await _bare(sink)
    columns = ("", "per second", "CPU ms each", "memory MB")
    aims = (at_least("a backlog's deliveries per second beside the bare client", _rate(backlog) / _rate(bare), 0.5, "of it"),)
    return [Table(title="Webhooks from one notifier", columns=columns, rows=(backlog, new, bare), note=NOTE, aims=aims)]


def _rate(row: tuple[Cell, ...]) -> float:
    assert isinstance(row[1], float)
    return row[1]


@asynccontextmanager
async def _notifier(ground: Ground) -> AsyncIterator[Notifier]:
    database_url, bus_url = ground.postgres.create_database(), ground.rabbitmq.create_vhost()
    pool, folder = await open_pool(database_url, size=2), ground.folder()
    await migrations.apply(pool, "notifier")
    settings = {
        "DATABASE_URL": database_url,
        "BUS_URL": bus_url,
        "BLOBS_URL": f"file://{folder}/blobs",
        "DATA_DIR": str(folder / "data"),
        "PORT": str(free_port()),
        "SECRET_KEY": MASTER,
        "LOG_LEVEL": "warning",
        "EGRESS_ALLOW_CIDRS": "127.0.0.1/32",
    }
    environment = {f"AUDIO2TXT_{name}": value for name, value in settings.items()}
    process = Process(names=("notifier",), environment=environment, folder=folder)
    bus = open_bus(bus_url)
    await process.start()
    try:
        await bus.start([subscription("gateway", DeliveryFinished, _ignore)])
        yield Notifier(process, bus, pool)
    finally:
        await process.stop()
        await bus.close()
        await pool.close()


async def _backlog(notifier: Notifier, sink: Sink) -> tuple[Cell, ...]:
    """Known endpoints, and much that is due for each of them."""
    tenants = [new_id() for _ in range(TENANTS)]
    endpoints = [
        endpoint_changed(tenant, url, events=("job.completed",))
        for tenant, urls in zip(tenants, _urls_by_tenant(sink), strict=True)
        for url in urls
    ]
    await _publish(notifier.bus, endpoints)
    await _until_taken(notifier.pool, "select count(*) from notifier.endpoints", len(endpoints))
    sink.expect(len(endpoints))
    await _publish(notifier.bus, [job_completed(None, tenant_id=tenant) for tenant in tenants])
    await sink.seconds()
    await _publish(notifier.bus, [_switched(endpoint, version=2, paused=True) for endpoint in endpoints])
    await _until_taken(notifier.pool, "select count(*) from notifier.endpoints where paused", len(endpoints))
    await _publish(notifier.bus, [job_completed(None, tenant_id=tenant) for tenant in tenants * (DELIVERIES // len(endpoints))])
    await _until_taken(notifier.pool, "select count(*) from notifier.deliveries where state = 'pending'", DELIVERIES)
    on = [_switched(endpoint, version=3, paused=False) for endpoint in endpoints]
    return await _measured("our notifier, a backlog", notifier, sink, on)


async def _new(notifier: Notifier, sink: Sink) -> tuple[Cell, ...]:
    """From RabbitMQ to the sink."""
    tenants, urls = [new_id() for _ in range(TENANTS)], _urls_by_tenant(sink)
    events = [
        job_completed(urls[number % TENANTS][number // TENANTS % RECEIVERS], tenant_id=tenants[number % TENANTS])
        for number in range(DELIVERIES + TENANTS * RECEIVERS)
    ]
    first, rest = events[: TENANTS * RECEIVERS], events[TENANTS * RECEIVERS :]
    sink.expect(len(first))
    await _publish(notifier.bus, first)
    await sink.seconds()
    return await _measured("our notifier, new", notifier, sink, rest)


async def _measured(name: str, notifier: Notifier, sink: Sink, events: Sequence[Event]) -> tuple[Cell, ...]:
    before = notifier.tree.cpu_seconds()
    sink.expect(DELIVERIES)
    async with watching(notifier.tree) as peak:
        await _publish(notifier.bus, events)
        seconds = await sink.seconds()
    cpu = sum(spent(before, notifier.tree.cpu_seconds()).values())
    return (name, DELIVERIES / seconds, cpu * 1000 / DELIVERIES, peak.added)


def _switched(event: EndpointChanged, *, version: int, paused: bool) -> EndpointChanged:
    assert event.endpoint is not None
    endpoint = msgspec.structs.replace(event.endpoint, paused=paused)
    return msgspec.structs.replace(event, event_id=new_id(), version=version, endpoint=endpoint)


async def _until_taken(pool: Pool, query: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await pool.fetchval(query) < count:
            await asyncio.sleep(0.05)


async def _publish(bus: Bus, events: Sequence[Event]) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def publish(event: Event) -> None:
        async with turns:
            await bus.publish(Envelope.of(event))

    await asyncio.gather(*map(publish, events))


async def _bare(sink: Sink) -> tuple[Cell, ...]:
    sink.expect(DELIVERIES)
    ours = ("Host", "Content-Length", "Accept")
    headers = {name: value for name, value in sink.headers.items() if name not in ours}
    urls = tuple(url for urls in _urls_by_tenant(sink) for url in urls)
    order = Bare(urls=urls, body=sink.body, headers=headers, count=DELIVERIES)
    sending = asyncio.create_task(apart.carry_out("tests.bench.deliveries", order, Sent))
    seconds = await sink.seconds()
    sent = await sending
    return ("a bare aiohttp client", DELIVERIES / seconds, sent.cpu_seconds * 1000 / DELIVERIES, None)


def _urls_by_tenant(sink: Sink) -> list[list[str]]:
    return [[f"{sink.url}/{tenant}/{receiver}" for receiver in range(RECEIVERS)] for tenant in range(TENANTS)]


async def _ignore(event: DeliveryFinished) -> None:
    """The gateway's part."""


@asynccontextmanager
async def _sink() -> AsyncIterator[Sink]:
    sink = Sink()
    app = web.Application()
    app.router.add_post("/{tenant}/{receiver}", sink.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", free_port(), backlog=1024)
        await site.start()
        sink.url = site.name
        yield sink
    finally:
        await runner.cleanup()


async def _send(order: Bare) -> Sent:
    turns = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(number: int) -> None:
            async with (
                turns,
                session.post(
                    order.urls[number % len(order.urls)], data=order.body, headers=order.headers, allow_redirects=False
                ) as answer,
            ):
                assert answer.status == 204, f"{os.getpid()} was answered with {answer.status}"

        before = time.process_time()
        await asyncio.gather(*(post(number) for number in range(order.count)))
        return Sent(cpu_seconds=time.process_time() - before)


if __name__ == "__main__":
    apart.serve(_send, Bare)
