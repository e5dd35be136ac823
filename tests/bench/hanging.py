"""What an attempt costs that waits for a receiver who never answers: a notifier's, beside a bare client's request."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web

from shared.database import Pool
from tests.bench import apart
from tests.bench.figures import Table, at_most
from tests.bench.ground import Ground
from tests.bench.processes import Trees
from tests.installation import Process
from tests.notifying import MASTER, Wanted, fill, notifier_pool, tenant
from tests.servers.ports import free_port

ATTEMPTS, WARM = 1_000, 50
TENANTS = 50
TIMEOUT = 30
PATIENCE = 25.0
BODY = b"{}"
NOTE = f"""\
{ATTEMPTS:,} receivers of {TENANTS} tenants take the request and never answer. Proportional set size of the sender's process,
less what it was after {WARM} deliveries that were answered, by the number of attempts. The bare client is aiohttp with as
many requests and the same bodies. The notifier has `AUDIO2TXT_DELIVERY_SLOTS` at {ATTEMPTS:,}."""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Have so many requests wait."""

    url: str
    count: int
    warm: int
    body: bytes


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What that took."""

    before_mb: float
    after_mb: float


class Silent:
    """Answers what is sent to `/answered/…`, and nothing of what is sent to `/held/…`."""

    def __init__(self) -> None:
        self.url = ""
        self.answered = 0
        self._held = 0
        self._changed = asyncio.Condition()
        self.over = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        """At once."""
        await request.read()
        self.answered += 1
        return web.Response(status=204)

    async def hold(self, request: web.Request) -> web.Response:
        """Until the measurement is over."""
        await request.read()
        async with self._changed:
            self._held += 1
            self._changed.notify_all()
        try:
            await self.over.wait()
        finally:
            self._held -= 1
        return web.Response(status=204)

    async def all_held(self, request: web.Request) -> web.Response:
        """Answers when as many are held as the query says."""
        await self.holds(int(request.query["count"]))
        return web.Response(status=204)

    async def holds(self, count: int) -> None:
        """Return when so many are held at once."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: self._held >= count)


async def measure(ground: Ground) -> list[Table]:
    """The notifier, then the bare client."""
    _allow_files()
    async with _silent() as receiver:
        ours = await _ours(ground, receiver)
    async with _silent() as receiver:
        order = Hold(url=receiver.url, count=ATTEMPTS, warm=WARM, body=BODY)
        bare = await apart.carry_out("tests.bench.hanging", order, Held)
    rows = [
        (name, held.before_mb, held.after_mb, (held.after_mb - held.before_mb) * 1000 / ATTEMPTS)
        for name, held in (("our notifier", ours), ("a bare aiohttp client", bare))
    ]
    aims = (
        at_most("memory of a waiting attempt", rows[0][3], 64, "KB"),
        at_most("memory of a waiting attempt beside the bare client's", rows[0][3] / rows[1][3], 3, "times"),
    )
    columns = ("", "MB before", f"MB with {ATTEMPTS:,} waiting", "KB each")
    return [Table(title="Attempts that wait", columns=columns, rows=tuple(rows), note=NOTE, aims=aims)]


async def _ours(ground: Ground, receiver: Silent) -> Held:
    database_url, folder = ground.postgres.create_database(), ground.folder()
    settings = {
        "DATABASE_URL": database_url,
        "BUS_URL": ground.rabbitmq.create_vhost(),
        "BLOBS_URL": f"file://{folder}/blobs",
        "DATA_DIR": str(folder / "data"),
        "PORT": str(free_port()),
        "SECRET_KEY": MASTER,
        "LOG_LEVEL": "warning",
        "EGRESS_ALLOW_CIDRS": "127.0.0.1/32",
        "DELIVERY_SLOTS": str(ATTEMPTS),
        "WEBHOOK_TIMEOUT_SECONDS": str(TIMEOUT),
        "DRAIN_SECONDS": "0",
    }
    environment = {f"AUDIO2TXT_{name}": value for name, value in settings.items()}
    process = Process(names=("notifier",), environment=environment, folder=folder)
    async with notifier_pool(database_url) as pool:
        await process.start()
        try:
            tree = Trees({"notifier": process.pid})
            await fill(pool, _wanted(receiver, "answered", WARM))
            await _nothing_pending(pool)
            before = sum(tree.memory_mb().values())
            await fill(pool, _wanted(receiver, "held", ATTEMPTS))
            await receiver.holds(ATTEMPTS)
            return Held(before_mb=before, after_mb=sum(tree.memory_mb().values()))
        finally:
            await process.kill()


def _wanted(receiver: Silent, what: str, count: int) -> list[Wanted]:
    return [Wanted(tenant_id=tenant(1 + place % TENANTS), url=f"{receiver.url}/{what}/{place}") for place in range(count)]


async def _nothing_pending(pool: Pool) -> None:
    async with asyncio.timeout(PATIENCE):
        while await pool.fetchval("select exists (select from notifier.deliveries where state = 'pending')"):
            await asyncio.sleep(0.1)


def _allow_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * ATTEMPTS), hard))


@asynccontextmanager
async def _silent() -> AsyncIterator[Silent]:
    receiver = Silent()
    app = web.Application()
    app.router.add_post("/answered/{number}", receiver.answer)
    app.router.add_post("/held/{number}", receiver.hold)
    app.router.add_get("/all-held", receiver.all_held)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", free_port(), backlog=2 * ATTEMPTS)
        await site.start()
        receiver.url = site.name
        yield receiver
    finally:
        receiver.over.set()
        await runner.cleanup()


async def _hold(order: Hold) -> Held:
    _allow_files()
    tree = Trees({"bare": os.getpid()})
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post(what: str, number: int) -> None:
            async with session.post(f"{order.url}/{what}/{number}", data=order.body) as answer:
                assert answer.status == 204

        await asyncio.gather(*(post("answered", number) for number in range(order.warm)))
        before = sum(tree.memory_mb().values())
        tasks = [asyncio.create_task(post("held", number)) for number in range(order.count)]
        async with session.get(f"{order.url}/all-held?count={order.count}") as answer:
            assert answer.status == 204
        held = Held(before_mb=before, after_mb=sum(tree.memory_mb().values()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return held


if __name__ == "__main__":
    apart.serve(_hold, Hold)
