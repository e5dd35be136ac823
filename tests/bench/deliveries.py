"""How fast webhooks leave one notifier, beside a bare client that posts the same bodies to the same sink."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import aiohttp
import msgspec
from aiohttp import web

from shared import migrations
from shared.bus import Bus, Envelope, open_bus, subscription
from shared.database import open_pool
from shared.schemas.events import DeliveryFinished
from shared.schemas.ids import new_id
from tests.bench import apart
from tests.bench.figures import Cell, Table, at_least
from tests.bench.ground import Ground
from tests.bench.processes import Trees, spent, watching
from tests.installation import Process
from tests.notifying import job_completed
from tests.servers.ports import free_port

DELIVERIES = 5_000
TENANTS, RECEIVERS = 10, 5
AT_ONCE = 64
PATIENCE = 300.0
NOTE = f"""\
{DELIVERIES:,} ended jobs of {TENANTS} tenants, each with {RECEIVERS} receivers, handed to RabbitMQ at once; the sink answers
204 in the process that measures. From the first request to the last. Ours is one notifier over RabbitMQ and PostgreSQL: it
takes each event in, claims, signs, posts, and writes down what came back. The bare client is aiohttp with {AT_ONCE} requests at
once, the same bodies and headers, signing and keeping nothing. CPU is that of the sender's process."""


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


async def measure(ground: Ground) -> list[Table]:
    """Ours, then the bare client."""
    async with _sink() as sink:
        ours = await _ours(ground, sink)
        bare = await _bare(sink)
    columns = ("", "per second", "CPU ms each", "memory MB")
    aims = (at_least("deliveries per second beside the bare client", _rate(ours) / _rate(bare), 0.5, "of it"),)
    return [Table(title="Webhooks from one notifier", columns=columns, rows=(ours, bare), note=NOTE, aims=aims)]


def _rate(row: tuple[Cell, ...]) -> float:
    assert isinstance(row[1], float)
    return row[1]


async def _ours(ground: Ground, sink: Sink) -> tuple[Cell, ...]:
    database_url, bus_url = ground.postgres.create_database(), ground.rabbitmq.create_vhost()
    pool = await open_pool(database_url, size=2)
    await migrations.apply(pool, "notifier")
    await pool.close()
    folder = ground.folder()
    settings = {
        "DATABASE_URL": database_url,
        "BUS_URL": bus_url,
        "BLOBS_URL": f"file://{folder}/blobs",
        "DATA_DIR": str(folder / "data"),
        "PORT": str(free_port()),
        "SECRET_KEY": "a secret of the benchmark, long enough for everyone",
        "LOG_LEVEL": "warning",
        "EGRESS_ALLOW_CIDRS": "127.0.0.1/32",
    }
    environment = {f"AUDIO2TXT_{name}": value for name, value in settings.items()}
    process = Process(names=("notifier",), environment=environment, folder=folder)
    bus = open_bus(bus_url)
    await process.start()
    try:
        await bus.start([subscription("gateway", DeliveryFinished, _ignore)])
        urls, tenants = _urls(sink), [new_id() for _ in range(TENANTS)]
        await _publish(bus, sink, urls, tenants, RECEIVERS * TENANTS)
        await sink.seconds()
        tree = Trees({"notifier": process.pid})
        before = tree.cpu_seconds()
        async with watching(tree) as peak:
            await _publish(bus, sink, urls, tenants, DELIVERIES)
            seconds = await sink.seconds()
        cpu = sum(spent(before, tree.cpu_seconds()).values())
    finally:
        await process.stop()
        await bus.close()
    return ("our notifier", DELIVERIES / seconds, cpu * 1000 / DELIVERIES, peak.added)


async def _publish(bus: Bus, sink: Sink, urls: list[str], tenants: list[UUID], count: int) -> None:
    sink.expect(count)
    turns = asyncio.Semaphore(AT_ONCE)

    async def publish(number: int) -> None:
        tenant = number % TENANTS
        event = job_completed(urls[tenant * RECEIVERS + number // TENANTS % RECEIVERS], tenant_id=tenants[tenant])
        async with turns:
            await bus.publish(Envelope.of(event))

    await asyncio.gather(*map(publish, range(count)))


async def _bare(sink: Sink) -> tuple[Cell, ...]:
    sink.expect(DELIVERIES)
    ours = ("Host", "Content-Length", "Accept")
    headers = {name: value for name, value in sink.headers.items() if name not in ours}
    order = Bare(urls=tuple(_urls(sink)), body=sink.body, headers=headers, count=DELIVERIES)
    sending = asyncio.create_task(apart.carry_out("tests.bench.deliveries", order, Sent))
    seconds = await sink.seconds()
    sent = await sending
    return ("a bare aiohttp client", DELIVERIES / seconds, sent.cpu_seconds * 1000 / DELIVERIES, None)


def _urls(sink: Sink) -> list[str]:
    return [f"{sink.url}/{tenant}/{receiver}" for tenant in range(TENANTS) for receiver in range(RECEIVERS)]


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
