"""Assembles one service or all of them, serves HTTP, owns the signals, and drains before it ends.

A service is data: what it subscribes to, the loops it runs, how to tell that it is ready. `services/<name>/app.py`
has one function `assemble(platform)`, an async context manager that yields a `Service`; leaving it tears down what
it made. A loop that meets an outage (of the database, the store, the bus) is started again with back-off; one that
ends or fails otherwise ends the process, and the orchestrator (or the person at the terminal) restarts it.
"""

from __future__ import annotations

import asyncio
import importlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from shared import database, health, metrics
from shared.blobs import BlobStore, Encryption, ServerSide, open_blobs
from shared.bus import Bus, Listener, Subscription, open_bus
from shared.errors import ConfigurationError, RetryableError
from shared.http import HttpServer
from shared.loops import Loop, keep_running
from shared.outbox import Outbox
from shared.schemas.events import Event
from shared.settings import PlatformSettings
from shared.structs import ready_structs

if TYPE_CHECKING:
    from shared.database import Pool

SERVICES = ("gateway", "transcriber", "reporter", "notifier")
LAG_SECONDS = 5.0
"""How often the outbox's lag is measured for `/metrics`."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Service:
    """One assembled service."""

    name: str
    subscriptions: Sequence[Subscription] = ()
    listeners: Sequence[Listener] = ()
    loops: Sequence[Loop] = ()
    checks: Mapping[str, health.Check] = field(default_factory=dict)
    app: health.AsgiApp | None = None
    """What it answers over HTTP; only the gateway has one."""
    hooks: health.AsgiApp | None = None
    """What it answers below `/hooks/`, where providers call back; only the transcriber has any."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What services are assembled on. One per process."""

    settings: PlatformSettings
    environment: Mapping[str, str]
    """Our variables, from which each service loads its own settings."""
    blobs: BlobStore
    bus: Bus
    pool: Pool | None
    """None in a process whose services need no database."""
    database_url: str
    """Where that is, for connections of another kind; empty where there is none."""
    stopping: asyncio.Event
    """Set when the process begins to drain; long answers (event streams, waits) end themselves."""

    @property
    def database(self) -> Pool:
        """The pool; asking for it without having one is a programming error."""
        assert self.pool is not None
        return self.pool

    @property
    def secret_key(self) -> bytes:
        """The master secret that other secrets are derived from."""
        if self.settings.secret_key is None:
            raise ConfigurationError("AUDIO2TXT_SECRET_KEY must be set, to the same value for all processes.")
        return self.settings.secret_key.encode()


Assemble = Callable[[Platform], AbstractAsyncContextManager[Service]]


def assembler(service: str) -> Assemble:
    """The `assemble` of a service, found by name."""
    try:
        module = importlib.import_module(f"services.{service}.app")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("services."):
            raise ConfigurationError(f"The {service} is not part of this installation; run it from its own image.") from None
        raise ConfigurationError(
            f"The service {service} lacks the package {error.name}; install it with `pip install 'audio2txt[{service}]'`."
        ) from error
    assemble: Assemble = module.assemble
    return assemble


@asynccontextmanager
async def open_platform(
    settings: PlatformSettings, environment: Mapping[str, str], *, needs_database: bool, database_url: str
) -> AsyncIterator[Platform]:
    """Open the backends that the URLs name, and close them in the reverse order."""
    async with AsyncExitStack() as stack:
        pool = None
        if needs_database:
            pool = await database.open_pool(database_url, size=settings.database_pool)
            stack.push_async_callback(database.close_pool, pool)
        blobs = await open_blobs(
            settings.blobs_url,
            data_dir=settings.data_path,
            credentials=s3_credentials(settings),
            encryption=encryption_of(settings),
        )
        stack.push_async_callback(blobs.close)
        bus = open_bus(settings.bus_url)
        stack.push_async_callback(bus.close)
        yield Platform(
            settings=settings,
            environment=environment,
            blobs=blobs,
            bus=bus,
            pool=pool,
            database_url=database_url,
            stopping=asyncio.Event(),
        )


def outbox_loops(outbox: Outbox, bus: Bus, *, service: str) -> list[Loop]:
    """The loops every service with an outbox runs: its relay, and the gauge of its lag."""

    async def measure_lag() -> None:
        while True:
            metrics.OUTBOX_LAG.labels(service).set(await outbox.lag_seconds())
            await asyncio.sleep(LAG_SECONDS)

    return [
        Loop(name=f"{service}.relay", run=lambda: outbox.relay(bus)),
        Loop(name=f"{service}.lag", run=measure_lag),
    ]


async def run(names: Sequence[str], platform: Platform, *, ready: Callable[[str], None] | None = None) -> None:
    """Run services until SIGTERM or SIGINT, or until a loop fails (which raises). `ready` gets the HTTP address."""
    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(assembler(name)(platform)) for name in names]
        ready_structs()
        checks: dict[str, health.Check] = {"bus": platform.bus.check, "blobs": platform.blobs.check}
        if platform.pool is not None:
            checks["database"] = lambda: database.check(platform.database)
        for service in services:
            checks.update({f"{service.name}.{name}": check for name, check in service.checks.items()})
        probe = health.Health(checks)
        app = next((service.app for service in services if service.app is not None), None)
        hooks = next((service.hooks for service in services if service.hooks is not None), None)
        server = HttpServer(health.with_health(probe, app, hooks), host=platform.settings.host, port=platform.settings.port)
        await server.start()
        stack.push_async_callback(server.stop)
        await _run_until_stopped(services, platform, probe, server, ready)


async def _run_until_stopped(
    services: Sequence[Service],
    platform: Platform,
    probe: health.Health,
    server: HttpServer,
    ready: Callable[[str], None] | None,
) -> None:
    asked = _install_signals()
    loops = [asyncio.create_task(keep_running(loop), name=loop.name) for service in services for loop in service.loops]
    loops.append(asyncio.create_task(server.run(), name="http"))
    stopped = asyncio.create_task(asked.wait(), name="signal")
    starting = asyncio.create_task(
        platform.bus.start(
            [outlasting_outages(item) for service in services for item in service.subscriptions],
            [listener for service in services for listener in service.listeners],
        )
    )
    try:
        # The bus waits for a broker that is away; a signal or a failed loop must not wait with it.
        await asyncio.wait([starting, stopped, *loops], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            log.info("ready", services=[service.name for service in services], url=server.url)
            if ready is not None:
                ready(server.url)
            await asyncio.wait([stopped, *loops], return_when=asyncio.FIRST_COMPLETED)
        _raise_from_ended(loops)
    finally:
        for task in (stopped, starting):
            task.cancel()
        await asyncio.gather(stopped, starting, return_exceptions=True)
        await _drain(platform, probe, server, loops)


class DatabaseUnavailable(RetryableError):
    """A handler met an outage of the database."""


def outlasting_outages(subscription: Subscription) -> Subscription:
    """The same, whose handler says of an outage of the database that it is one: its event waits, and is never parked."""

    async def handle(event: Event) -> None:
        try:
            await subscription.handle(event)
        except Exception as error:
            if isinstance(error, RetryableError) or not database.is_outage(error):
                raise
            raise DatabaseUnavailable(f"The database is away: {error!r}.") from error

    return replace(subscription, handle=handle)


async def _drain(platform: Platform, probe: health.Health, server: HttpServer, loops: Sequence[asyncio.Task[None]]) -> None:
    """Stop taking work, let what runs finish, then end the loops."""
    probe.stopping = True
    platform.stopping.set()
    log.info("draining", seconds=platform.settings.drain_seconds)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.stop())
        tasks.create_task(platform.bus.stop_consuming(platform.settings.drain_seconds))
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
    log.info("stopped")


def _raise_from_ended(loops: Sequence[asyncio.Task[None]]) -> None:
    for loop in loops:
        if not loop.done():
            continue
        error = loop.exception()
        log.critical("loop.ended", loop=loop.get_name(), exc_info=error)
        raise RuntimeError(f"the loop {loop.get_name()} ended") from error


def _install_signals() -> asyncio.Event:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    return asked


def encryption_of(settings: PlatformSettings) -> Encryption:
    """How blobs are to be encrypted, and what opens those that are."""
    master, previous = settings.blobs_key or settings.secret_key, []
    if settings.blobs_previous_key is not None:
        previous.append(settings.blobs_previous_key.encode())
    if settings.blobs_key is not None and settings.secret_key is not None:
        # What was encrypted before there was a key for it.
        previous.append(settings.secret_key.encode())
    return Encryption(
        by_tenant=settings.blobs_encryption == "tenant",
        master=None if master is None else master.encode(),
        previous=tuple(previous),
        server_side=ServerSide(settings.blobs_sse),
        kms_key_id=settings.blobs_kms_key_id,
    )


def s3_credentials(settings: PlatformSettings) -> dict[str, str]:
    """The keys for the S3 store; empty where the platform provides them."""
    if settings.s3_access_key_id is None or settings.s3_secret_access_key is None:
        return {}
    return {"access_key_id": settings.s3_access_key_id, "secret_access_key": settings.s3_secret_access_key}
