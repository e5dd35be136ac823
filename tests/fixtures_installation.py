"""Installations to test through their public doors: one process, and four over the real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from shared.blobs import BlobStore, open_blobs
from tests.customer import Customer, Receiver, receiving
from tests.installation import Installation, distributed_settings, fresh_bucket
from tests.servers.postgresql import PostgresServer
from tests.servers.rabbitmq import RabbitServer
from tests.servers.seaweedfs import SeaweedServer

StoredKeys = Callable[[str], Awaitable[list[str]]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """Audio2txt in one process, for the whole session."""
    async with Installation(folder=tmp_path_factory.mktemp("one")) as installation:
        yield installation


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def four(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    rabbitmq_server: RabbitServer,
    seaweed_server: SeaweedServer,
) -> AsyncIterator[Installation]:
    """Audio2txt in four processes over a RabbitMQ, a PostgreSQL and an S3, for the whole session."""
    settings = distributed_settings(
        database_url=postgres_server.create_empty_database(),
        bus_url=rabbitmq_server.create_vhost(),
        blobs_url=seaweed_server.blobs_url(fresh_bucket()),
        s3=seaweed_server.credentials,
    )
    async with Installation(folder=tmp_path_factory.mktemp("four"), settings=settings, together=False) as installation:
        yield installation


@pytest.fixture(params=["one", "four"])
def installation(request: pytest.FixtureRequest) -> Installation:
    """Each size in turn."""
    size: Installation = request.getfixturevalue(request.param)
    return size


@pytest_asyncio.fixture
async def customer(installation: Installation) -> AsyncIterator[Customer]:
    """A customer of the installation."""
    async with Customer(lambda: installation.url, installation.api_key) as customer:
        yield customer


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """The customer's webhook endpoint."""
    async with receiving() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def store(installation: Installation) -> AsyncIterator[BlobStore]:
    """The installation's blobs, seen behind its back."""
    settings = installation.settings
    credentials = {
        "access_key_id": settings.get("AUDIO2TXT_S3_ACCESS_KEY_ID", ""),
        "secret_access_key": settings.get("AUDIO2TXT_S3_SECRET_ACCESS_KEY", ""),
    }
    url = settings.get("AUDIO2TXT_BLOBS_URL", "file://")
    store = await open_blobs(url, data_dir=installation.folder / "data", credentials=credentials)
    yield store
    await store.close()


@pytest.fixture
def stored_keys(store: BlobStore) -> StoredKeys:
    """Which blobs of a job lie in the store."""

    async def keys(job_id: str) -> list[str]:
        return [info.key async for info in store.list("t/") if f"/j/{job_id}/" in info.key]

    return keys
