"""Fixtures: a database with the transcriber's schema, and a store for blobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared import migrations
from shared.blobs import BlobStore, open_blobs
from shared.database import Pool, open_pool


@pytest_asyncio.fixture
async def transcriber_pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to a new database with the schema `transcriber`."""
    pool = await open_pool(database_url, size=8)
    await migrations.apply(pool, "transcriber")
    yield pool
    await pool.close()


@pytest_asyncio.fixture
async def transcriber_blobs(tmp_path: Path) -> AsyncIterator[BlobStore]:
    """An empty store."""
    store = await open_blobs("file://", data_dir=tmp_path, credentials={})
    yield store
    await store.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried at once."""
    monkeypatch.setattr("services.transcriber.transcriber.backoff", lambda *_: 0.0)
    monkeypatch.setattr("services.transcriber.poller.backoff", lambda *_, **__: 0.0)
