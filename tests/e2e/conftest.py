"""Installations to test through their public doors: one process, and four over the real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from shared.blobs import BlobStore, open_blobs
from tests.customer import Customer, Receiver, receiving
from tests.installation import Installation, distributed_settings, fresh_bucket

SIZES = ["one process", "four processes"]


@pytest_asyncio.fixture(scope="session", loop_scope="session", params=SIZES)
async def installation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """A whole installation of each size, shared by the tests of the session."""
    folder = tmp_path_factory.mktemp("installation")
    if request.param == "one process":
        async with Installation(folder=folder) as one:
            yield one
        return
    settings = request.getfixturevalue("distributed")
    async with Installation(folder=folder, settings=settings, together=False) as four:
        yield four


@pytest.fixture(scope="session")
def distributed(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings for four processes over a RabbitMQ, a PostgreSQL and an S3 of their own."""
    postgres = request.getfixturevalue("postgres_server")
    rabbitmq = request.getfixturevalue("rabbitmq_server")
    seaweed = request.getfixturevalue("seaweed_server")
    return distributed_settings(
        database_url=postgres.create_database(),
        bus_url=rabbitmq.create_vhost(),
        blobs_url=seaweed.blobs_url(fresh_bucket()),
        s3=seaweed.credentials,
    )


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
async def stored_keys(installation: Installation) -> AsyncIterator[Callable[[str], Awaitable[list[str]]]]:
    """Which blobs of a job lie in the installation's store, looked up behind its back."""
    store = await _open_store(installation)

    async def keys(job_id: str) -> list[str]:
        return [info.key async for info in store.list("t/") if f"/j/{job_id}/" in info.key]

    yield keys
    await store.close()


async def _open_store(installation: Installation) -> BlobStore:
    settings = installation.settings
    credentials = {
        "access_key_id": settings.get("AUDIO2TXT_S3_ACCESS_KEY_ID", ""),
        "secret_access_key": settings.get("AUDIO2TXT_S3_SECRET_ACCESS_KEY", ""),
    }
    url = settings.get("AUDIO2TXT_BLOBS_URL", "file://")
    return await open_blobs(url, data_dir=Path(installation.folder / "data"), credentials=credentials)
