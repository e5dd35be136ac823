"""A gateway run in the test's own process: over HTTP on a real port, a real database, the memory bus, and stand-ins for
the services behind it."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock
from uuid import UUID

import httpx
import msgspec

from services.gateway.app import assemble
from services.gateway.keys import hint, new_key
from services.gateway.permissions import Role
from services.gateway.store.keys import KeyRow, KeyStore
from services.gateway.store.tenants import TenantStore
from services.gateway.store.users import UserRow, UserStore
from services.gateway.users.passwords import Passwords
from shared import migrations
from shared.blobs import BlobStore, artifact_key, raw_key, report_key, transcript_key
from shared.bus import Envelope, Listener, subscription
from shared.database import Pool
from shared.http import HttpServer
from shared.loops import keep_running
from shared.runtime import Platform, open_platform
from shared.schemas.events import (
    BatchCompleted,
    BatchErased,
    BatchEvent,
    ContentErased,
    DeliveryFinished,
    DeliveryRequested,
    DeliveryState,
    EndpointChanged,
    Event,
    JobCancelled,
    JobCompleted,
    JobErased,
    JobEvent,
    JobFailed,
    JobSubmitted,
    ReportReady,
    TenantErased,
    TranscriptionProgressed,
    TranscriptionState,
    TranscriptReady,
    TranscriptRevised,
    UsageThresholdReached,
    UserMailRequested,
)
from shared.schemas.ids import new_id
from shared.schemas.jobs import ArtifactFormat, ArtifactResult, ArtifactState, Failure, FileFormat
from shared.schemas.transcripts import Cost
from shared.settings import PlatformSettings
from tests.conformance import conforms
from tests.routing import shared_web_app

E = TypeVar("E", bound=Event)

PATIENCE = 30.0
PASSWORD = "an umbrella, twice"
WAV = b"RIFF\xff\xff\xff\x7fWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16) + b"data\xff\xff\xff\x7f"
COST = Cost(amount="0.0026", billed_ms=44_000, prices=("scripted/s1/2026-11-22",))

TRANSCRIPT = {
    "schema": "audio2txt.transcript/1",
    "created_at": "2026-11-22T09:30:00Z",
    "media": {"duration_ms": 44_000},
    "engine": {"provider": "scripted", "model": "s1", "cost": COST, "raw_key": "raw", "raw_sha256": "00ff"},
    "language": "en",
    "segments": [],
}


class Others:
    """The transcriber, reporter and notifier as the gateway sees them: what they were told, and what they answer."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._heard: list[Event] = []
        self._news = asyncio.Condition()

    async def hear(self, event: Event) -> None:
        """Keep an event."""
        async with self._news:
            self._heard.append(event)
            self._news.notify_all()

    async def heard(self, kind: type[E], job_id: str, *, count: int = 1) -> E:
        """The `count`-th event of a kind about a job (or an endpoint), waited for."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(self.all_of(kind, job_id)) >= count)
        return self.all_of(kind, job_id)[count - 1]

    def all_of(self, kind: type[E], job_id: str) -> list[E]:
        """Every event of a kind about a job (or an endpoint) so far."""
        return [event for event in self._heard if isinstance(event, kind) and _subject(event) == job_id]

    async def say(self, event: Event) -> None:
        """Publish an event; returns when the gateway has handled it."""
        await self._platform.bus.publish(Envelope.of(event))

    async def progress(
        self,
        order: JobSubmitted,
        state: TranscriptionState,
        progress: float | None = None,
        failure: Failure | None = None,
        **details: Any,
    ) -> None:
        """How far the transcription is."""
        await self.say(
            TranscriptionProgressed(
                **_about(order),
                state=state,
                progress=progress,
                engine="scripted",
                duration_ms=44_000,
                failure=failure,
                **details,
            )
        )

    async def transcribe(self, order: JobSubmitted, **changes: Any) -> None:
        """Store a transcript and say so."""
        await self.store_transcript(order)
        await self.say(msgspec.structs.replace(transcript_ready(order), **changes))

    async def store_transcript(self, order: JobSubmitted) -> None:
        """Store a transcript without a word."""
        key = transcript_key(order.tenant_id, order.job_id, order.run)
        about = {"id": new_id(), "job_id": order.job_id, "version": order.run}
        await self._platform.blobs.put(key, msgspec.json.encode({**TRANSCRIPT, **about}))

    async def report(self, order: JobSubmitted, *artifacts: ArtifactResult) -> ReportReady:
        """Store the files that are ready and say so."""
        for artifact in artifacts:
            if artifact.key is not None:
                await self._platform.blobs.put(artifact.key, contents(artifact.name))
        event = report_ready(order, *artifacts)
        await self.say(event)
        return event

    async def complete(self, order: JobSubmitted) -> None:
        """Do the whole work: a transcript, and a text file."""
        await self.transcribe(order)
        await self.report(order, ready(order))

    async def deliver(self, order: JobSubmitted, *, attempts: int = 1, status: int = 204) -> None:
        """The webhook went out."""
        state = DeliveryState.DELIVERED if status < 300 else DeliveryState.FAILED
        await self.say(DeliveryFinished(**_about(order), delivery_id=new_id(), state=state, attempts=attempts, status=status))


class RunningGateway:
    """What tests see of it."""

    def __init__(self, platform: Platform, listeners: Sequence[Listener], url: str, others: Others) -> None:
        self.platform = platform
        self._listeners = listeners
        self.url = url
        self.others = others

    @property
    def pool(self) -> Pool:
        """The database behind it."""
        return self.platform.database

    @property
    def blobs(self) -> BlobStore:
        """The store behind it."""
        return self.platform.blobs

    def miss_broadcasts(self) -> None:
        """As after a loss of the connection to the broker."""
        for listener in self._listeners:
            listener.missed()

    async def keys(self, job_id: str) -> list[str]:
        """What lies in the store about a job."""
        return [info.key async for info in self.blobs.list("t/") if job_id in info.key]

    async def new_tenant(self, name: str) -> httpx.AsyncClient:
        """A client of a new tenant. Close it."""
        return await self.new_client(await TenantStore(self.pool).add(name))

    async def new_client(self, tenant_id: UUID, role: Role = Role.OWNER) -> httpx.AsyncClient:
        """A client with a new key of a tenant, an owner's unless told otherwise. Close it."""
        key = new_key()
        row = KeyRow(
            id=new_id(), tenant_id=tenant_id, name="test", hint=hint(key), role=role, created_at=dt.datetime.now(dt.UTC)
        )
        assert await KeyStore(self.pool).add(row, key, most=100)
        return self.client(key)

    async def new_user(self, tenant_id: UUID, role: Role, email: str | None = None) -> UserRow:
        """Somebody who can sign in with `PASSWORD`."""
        now, user_id = dt.datetime.now(dt.UTC), new_id()
        row = UserRow(
            id=user_id,
            tenant_id=tenant_id,
            email=email or f"{user_id.hex}@example.com",
            name=f"The {role}",
            role=role,
            created_at=now,
            joined_at=now,
        )
        async with UserStore(self.pool).changing(tenant_id) as changes:
            await changes.add(row, password_hash=_hash())
        return row

    async def new_session(self, user: UserRow) -> httpx.AsyncClient:
        """A browser that the user is signed in with; it has what pages need to change something. Close it."""
        async with httpx.AsyncClient(base_url=self.url, timeout=PATIENCE, verify=_no_tls()) as http:
            answer = _ok(await http.post("/v1/session", json={"email": user.email, "password": PASSWORD}))
            cookies = http.cookies
        headers = {"X-CSRF-Token": answer["csrf_token"]}
        hooks: dict[str, list[Callable[..., Any]]] = {"response": [conforms]}
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, cookies=cookies, timeout=PATIENCE, verify=_no_tls(), event_hooks=hooks
        )

    def client(self, key: str) -> httpx.AsyncClient:
        """A client with a key, which finds fault with every answer that the API's description does not know. Close it."""
        hooks: dict[str, list[Callable[..., Any]]] = {"response": [conforms]}
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE, event_hooks=hooks, verify=_no_tls())


class ApiClient:
    """A tenant's developer: calls the API and insists."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def upload(self, data: bytes = WAV + bytes(2000), **options: Any) -> dict[str, Any]:
        """Upload a recording."""
        return _ok(await self.http.post("/v1/uploads", content=data, **options))

    async def create(self, **order: Any) -> dict[str, Any]:
        """Create a job, of a fresh upload unless told otherwise."""
        source = {} if {"upload_id", "audio_url"} & order.keys() else {"upload_id": (await self.upload())["id"]}
        return _ok(await self.http.post("/v1/jobs", json={**source, **order}))

    async def job(self, job_id: str, **parameters: Any) -> dict[str, Any]:
        """The job as it stands."""
        return _ok(await self.http.get(f"/v1/jobs/{job_id}", params=parameters))


async def submitted(gateway: RunningGateway, api: ApiClient, **order: Any) -> JobSubmitted:
    """Create a job; what the transcriber is told of it."""
    job = await api.create(**order)
    return await gateway.others.heard(JobSubmitted, job["id"])


@asynccontextmanager
async def running_gateway(
    database_url: str,
    folder: Path,
    *,
    settings: Mapping[str, str] | None = None,
    public_url: str | None = None,
    blobs: Mapping[str, str] | None = None,
    bus_url: str = "memory://",
    pool: int = 16,
) -> AsyncIterator[RunningGateway]:
    """Start a gateway on a migrated database, with `blobs` elsewhere than in the folder where platform settings say so.
    `pool` is how many connections it has for requests, and as many for itself."""
    secret = "a master secret for tests, 32 bytes and more"
    platform_settings = msgspec.structs.replace(
        PlatformSettings(data_dir=str(folder), secret_key=secret, public_url=public_url, port=0, drain_seconds=5),
        bus_url=bus_url,
        database_pool=pool,
        **(blobs or {}),
    )
    environment = dict(settings or {})
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(
            open_platform(platform_settings, environment, needs_database=True, database_url=database_url)
        )
        await migrations.apply(platform.database, "gateway")
        with mock.patch("services.gateway.app.web_app", shared_web_app):
            service = await stack.enter_async_context(assemble(platform))
        others = Others(platform)
        kinds = (
            JobSubmitted,
            JobCancelled,
            JobErased,
            ContentErased,
            TenantErased,
            JobCompleted,
            JobFailed,
            TranscriptRevised,
            EndpointChanged,
            DeliveryRequested,
            UsageThresholdReached,
            UserMailRequested,
            BatchCompleted,
            BatchErased,
        )
        listening = [subscription("others", kind, others.hear) for kind in kinds]
        assert service.app is not None
        server = HttpServer(service.app, host="127.0.0.1", port=0)
        await server.start()
        tasks = [asyncio.create_task(keep_running(loop), name=loop.name) for loop in service.loops]
        tasks.append(asyncio.create_task(server.run(), name="http"))
        await platform.bus.start([*service.subscriptions, *listening], service.listeners)
        try:
            yield RunningGateway(platform, service.listeners, server.url, others)
        finally:
            stopping = platform.stopping.is_set()
            ended = [task for task in tasks if task.done() and (not stopping or task.exception() is not None)]
            platform.stopping.set()
            await server.stop()
            await platform.bus.stop_consuming(5)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for task in ended:
                raise AssertionError(f"{task.get_name()} ended in the middle of the test") from task.exception()


def transcript_ready(order: JobSubmitted) -> TranscriptReady:
    """The news that a run is transcribed."""
    about = (order.tenant_id, order.job_id, order.run)
    return TranscriptReady(
        **_about(order),
        options=order.options,
        transcript_key=transcript_key(*about),
        raw_key=raw_key(*about),
        engine="scripted",
        model="s1",
        language="en",
        duration_ms=44_000,
        cost=COST,
    )


def report_ready(order: JobSubmitted, *artifacts: ArtifactResult) -> ReportReady:
    """The news that a run is rendered."""
    key = report_key(order.tenant_id, order.job_id, order.run)
    return ReportReady(**_about(order), report_key=key, artifacts=artifacts, attempt=order.options.attempt)


def ready(order: JobSubmitted, format: ArtifactFormat = ArtifactFormat.TEXT, name: str | None = None) -> ArtifactResult:  # noqa: A002
    """A rendered file of a job."""
    file_name = name or f"transcript.{format.value}"
    return ArtifactResult(
        name=file_name,
        format=FileFormat(format),
        state=ArtifactState.READY,
        media_type="text/plain",
        key=artifact_key(order.tenant_id, order.job_id, order.run, file_name),
        size=len(contents(file_name)),
        sha256="00ff",
    )


def unrendered(format: ArtifactFormat = ArtifactFormat.PDF) -> ArtifactResult:  # noqa: A002
    """A file that could not be rendered."""
    failure = Failure(code="font_missing", message="A font is missing; install it.", retryable=True)
    return ArtifactResult(
        name=f"transcript.{format.value}",
        format=FileFormat(format),
        state=ArtifactState.FAILED,
        media_type="application/pdf",
        failure=failure,
    )


def contents(name: str) -> bytes:
    """The bytes of a rendered file."""
    return (f"{name}: " + "It was the best of times. " * 40).encode()


@functools.cache
def _no_tls() -> ssl.SSLContext:
    """Every client reads all the world's certificates otherwise, which none of these needs."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@functools.cache
def _hash() -> str:
    """It takes as long as it is meant to, so once is enough."""
    passwords = Passwords()
    try:
        return passwords.hash_now(PASSWORD)
    finally:
        passwords.close()


def _subject(event: Event) -> str:
    match event:
        case EndpointChanged() | DeliveryRequested():
            return str(event.endpoint_id)
        case UsageThresholdReached():
            return str(event.tenant_id)
        case UserMailRequested():
            return event.endpoint.label
        case BatchEvent():
            return str(event.batch_id)
        case JobEvent():
            return str(event.job_id)
        case TenantErased():
            return str(event.tenant_id)
        case _:
            raise AssertionError(f"an event about what? {event}")


def _about(order: JobSubmitted) -> dict[str, Any]:
    return {"tenant_id": order.tenant_id, "job_id": order.job_id, "run": order.run}


def _ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code < 300, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    decoded: dict[str, Any] = answer.json()
    return decoded
