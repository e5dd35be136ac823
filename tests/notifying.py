"""A notifier run in the test's own process, over a real database and the memory bus."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import msgspec

from services.notifier.app import assemble
from services.notifier.callbacks import callback
from services.notifier.store.intake import put_callbacks
from services.notifier.store.results import Attempt
from shared import migrations
from shared.blobs import BlobStore
from shared.bus import Bus, Envelope, open_bus, subscription
from shared.database import Pool, open_pool, transaction
from shared.loops import keep_running
from shared.runtime import Platform
from shared.schemas.endpoints import DeliveryWish, EmailDestination, Endpoint, EndpointHealth, EndpointKind, WebhookDestination
from shared.schemas.events import (
    AddressRefused,
    DeliveryFinished,
    DeliveryRequested,
    EndpointChanged,
    Event,
    JobCompleted,
    JobEvent,
    JobFailed,
)
from shared.schemas.ids import new_id
from shared.schemas.jobs import ArtifactResult, ArtifactState, Failure, FileFormat
from shared.sealing import Sealer
from shared.settings import PlatformSettings
from shared.signing import webhook_secret

MASTER = "a master secret for tests, 32 bytes and more"
NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
PATIENCE = 30.0


def job_completed(url: str | None, **changes: Any) -> JobCompleted:
    """A job that ended well, of a new tenant unless told otherwise."""
    event = JobCompleted(
        tenant_id=new_id(),
        job_id=new_id(),
        callback_url=url,
        title="週會",
        solution="minutes",
        language="zh-Hant",
        duration_ms=44_000,
        artifacts=(
            ArtifactResult(
                name="minutes 1.pdf",
                format=FileFormat.PDF,
                state=ArtifactState.READY,
                media_type="application/pdf",
                key="t/1/j/2/artifacts/1/minutes 1.pdf",
                size=12,
                sha256="00ff",
            ),
        ),
        metadata={"order": "42"},
        created_at=NOW,
        completed_at=NOW,
    )
    return msgspec.structs.replace(event, **changes)


def job_failed(url: str | None, **changes: Any) -> JobFailed:
    """A job that ended badly."""
    event = JobFailed(
        tenant_id=new_id(),
        job_id=new_id(),
        callback_url=url,
        solution="minutes",
        failure=Failure(code="no_speech", message="There is no speech in the recording."),
        created_at=NOW,
        failed_at=NOW,
    )
    return msgspec.structs.replace(event, **changes)


def email_changed(tenant_id: UUID, address: str) -> EndpointChanged:
    """An address that the tenant has set up, for nothing but completed jobs."""
    endpoint_id = new_id()
    sealed = Sealer(MASTER.encode(), purpose="endpoint").seal(
        msgspec.json.encode(EmailDestination(address=address)).decode(), place=str(endpoint_id)
    )
    return endpoint_changed(
        tenant_id,
        "",
        endpoint_id=endpoint_id,
        kind=EndpointKind.EMAIL,
        sealed=sealed,
        label="c***@example.com",
        events=("job.completed",),
    )


def endpoint_changed(
    tenant_id: UUID, url: str, *, version: int = 1, endpoint_id: UUID | None = None, **changes: Any
) -> EndpointChanged:
    """A webhook that the tenant has set up; it listens to everything that ends unless told otherwise."""
    endpoint_id = endpoint_id or new_id()
    sealed = Sealer(MASTER.encode(), purpose="endpoint").seal(
        msgspec.json.encode(WebhookDestination(url=url)).decode(), place=str(endpoint_id)
    )
    endpoint = Endpoint(
        id=endpoint_id,
        kind=EndpointKind.WEBHOOK,
        sealed=sealed,
        label="http://127.0.0.1/***",
        events=("job.completed", "job.failed", "job.cancelled"),
        enabled_at=NOW,
    )
    return EndpointChanged(
        tenant_id=tenant_id,
        endpoint_id=endpoint_id,
        version=version,
        endpoint=msgspec.structs.replace(endpoint, **changes),
    )


def deleted(event: EndpointChanged) -> EndpointChanged:
    """The same endpoint, deleted."""
    return EndpointChanged(tenant_id=event.tenant_id, endpoint_id=event.endpoint_id, version=event.version + 1, endpoint=None)


def wish(event: EndpointChanged, wanted: DeliveryWish) -> DeliveryRequested:
    """Something that the endpoint's owner wants sent."""
    return DeliveryRequested(tenant_id=event.tenant_id, endpoint_id=event.endpoint_id, wish=wanted)


def secret_of(event: Event) -> str:
    """The signing secret that the event's tenant sees."""
    return webhook_secret(MASTER.encode(), event.tenant_id)


class RunningNotifier:
    """What tests see of it: the bus it reads and writes, and its log in the database."""

    def __init__(self, *, bus: Bus, pool: Pool) -> None:
        self._bus = bus
        self.pool = pool
        self.finished: list[DeliveryFinished] = []
        self._refused: list[AddressRefused] = []
        self._heard = asyncio.Condition()

    async def publish(self, event: Event) -> None:
        """Hand it an event; returns when it is taken."""
        await self._bus.publish(Envelope.of(event))

    async def end_of(self, event: JobEvent) -> DeliveryFinished:
        """Wait until the delivery about the event's job has ended."""
        async with asyncio.timeout(PATIENCE), self._heard:
            await self._heard.wait_for(lambda: any(end.job_id == event.job_id for end in self.finished))
        return next(end for end in self.finished if end.job_id == event.job_id)

    async def first_end(self) -> DeliveryFinished:
        """Wait until any delivery has ended."""
        async with asyncio.timeout(PATIENCE), self._heard:
            await self._heard.wait_for(lambda: bool(self.finished))
        return self.finished[0]

    async def hear(self, end: DeliveryFinished) -> None:
        """Stands where the gateway reads the events."""
        async with self._heard:
            self.finished.append(end)
            self._heard.notify_all()

    async def hear_refusal(self, event: AddressRefused) -> None:
        """The same, of addresses."""
        async with self._heard:
            self._refused.append(event)
            self._heard.notify_all()

    async def refusals(self, count: int) -> list[AddressRefused]:
        """Wait until so many addresses were told not to exist."""
        async with asyncio.timeout(PATIENCE), self._heard:
            await self._heard.wait_for(lambda: len(self._refused) >= count)
        return self._refused

    async def statuses(self, endpoint: EndpointChanged) -> list[str]:
        """Where the deliveries to an endpoint stand, the oldest message first."""
        rows = await self.pool.fetch(
            "select status from notifier.delivery_log where endpoint_id = $1 order by job_id, sequence", endpoint.endpoint_id
        )
        return [row["status"] for row in rows]

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Ask until it holds."""
        async with asyncio.timeout(3 * PATIENCE):
            while not await condition():
                await asyncio.sleep(0.02)

    async def health(self, endpoint: EndpointChanged) -> EndpointHealth:
        """How an endpoint fares, as the gateway reads it."""
        row = await self.pool.fetchrow("select * from notifier.endpoint_health where endpoint_id = $1", endpoint.endpoint_id)
        assert row is not None
        return msgspec.convert(dict(row), EndpointHealth)

    async def attempts(self, event: JobEvent) -> list[Attempt]:
        """The log of the deliveries about the event's job."""
        rows = await self.pool.fetch(
            "select a.number, a.started_at, a.duration_ms, a.status, a.reason, a.request_headers, a.request_body, "
            "a.response_headers, a.response_body "
            "from notifier.attempts a join notifier.deliveries d on d.id = a.delivery_id where d.job_id = $1 order by a.id",
            event.job_id,
        )
        return [Attempt(**row) for row in rows]

    async def after_attempts(self, event: JobEvent, count: int) -> list[Attempt]:
        """Wait until so many attempts are in the log."""
        for _ in range(int(PATIENCE * 50)):
            if len(log := await self.attempts(event)) >= count:
                return log
            await asyncio.sleep(0.02)
        raise TimeoutError

    async def state(self, event: JobEvent) -> str | None:
        """Where the delivery about the event's job stands."""
        state: str | None = await self.pool.fetchval("select state from notifier.deliveries where job_id = $1", event.job_id)
        return state


@asynccontextmanager
async def notifier_pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on a database that has the notifier's tables."""
    pool = await open_pool(database_url, size=8)
    try:
        await migrations.apply(pool, "notifier")
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def running_notifier(
    pool: Pool,
    environment: Mapping[str, str],
    *,
    drain: float = 5.0,
    blobs: BlobStore | None = None,
    alone: bool = True,
    database_url: str = "",
) -> AsyncIterator[RunningNotifier]:
    """The notifier with its loops, as the runtime runs it; leaving drains it. `blobs` where transcripts are told. Not `alone`,
    it respects the leases of others, as it does where the bus is a broker, and listens to them over `database_url`."""
    bus = open_bus("memory://")
    platform = Platform(
        settings=PlatformSettings(
            secret_key=MASTER,
            public_url="https://audio2txt.example/",
            drain_seconds=drain,
            bus_url="memory://" if alone else "amqp://elsewhere",
        ),
        environment=environment,
        blobs=blobs if blobs is not None else cast("BlobStore", None),
        bus=bus,
        pool=pool,
        database_url=database_url,
        stopping=asyncio.Event(),
    )
    notifier = RunningNotifier(bus=bus, pool=pool)
    async with assemble(platform) as service:
        await bus.start(
            [
                *service.subscriptions,
                subscription("gateway", DeliveryFinished, notifier.hear),
                subscription("gateway", AddressRefused, notifier.hear_refusal),
            ]
        )
        loops = [asyncio.create_task(keep_running(loop), name=loop.name) for loop in service.loops]
        try:
            yield notifier
            assert not any(loop.done() for loop in loops)
        finally:
            platform.stopping.set()
            await bus.stop_consuming(drain)
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery to a callback that is to be in the tables."""

    tenant_id: UUID
    url: str
    due_in: float = 0.0
    payload: str = "thin"


async def fill(pool: Pool, wanted: Sequence[Wanted]) -> None:
    """Put many deliveries into the tables at once; they were made when they are due."""
    sealer = Sealer(MASTER.encode(), purpose="endpoint")
    callbacks = {(each.tenant_id, each.url): callback(sealer, each.tenant_id, each.url) for each in wanted}
    messages = [(new_id(), each) for each in wanted]
    async with transaction(pool) as connection:
        await put_callbacks(connection, callbacks.values())
        await connection.executemany(
            "insert into notifier.messages (id, tenant_id, type, job_id, run, occurred_at) "
            "values ($1, $2, 'job.completed', $3, 1, now())",
            [(message, each.tenant_id, new_id()) for message, each in messages],
        )
        await connection.executemany(
            "insert into notifier.bodies values ($1, $2, '{}')",
            [(message, payload) for message, each in messages for payload in {"thin", each.payload}],
        )
        await connection.executemany(
            """
            insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, job_id, payload, due_at, created_at)
            select $1, $2, id, tenant_id, job_id, $4, clock_timestamp() + $5, clock_timestamp() + $5
            from notifier.messages where id = $3
            """,
            [
                (
                    new_id(),
                    callbacks[each.tenant_id, each.url].endpoint_id,
                    message,
                    each.payload,
                    dt.timedelta(seconds=each.due_in),
                )
                for message, each in messages
            ],
        )
        await connection.execute("update notifier.health set due_at = notifier.next_due(endpoint_id)")


def tenant(number: int) -> UUID:
    """The `number`-th tenant of a test."""
    return UUID(int=number)
