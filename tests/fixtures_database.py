"""Fixtures of what every service's database has: a pool, a service to try migrations with, an outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import services
from shared import migrations
from shared.database import Pool, open_pool
from shared.outbox import Outbox


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to the test's own database."""
    pool = await open_pool(database_url, size=8)
    yield pool
    await pool.close()


@pytest.fixture
def playground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations folder of a service `playground`, empty at first."""
    folder = tmp_path / "playground" / "migrations"
    folder.mkdir(parents=True)
    monkeypatch.setattr(services, "__path__", [*services.__path__, str(tmp_path)])
    return folder


@pytest.fixture
async def outbox(pool: Pool, playground: Path) -> Outbox:
    """The outbox of the service `playground`."""
    await migrations.apply(pool, "playground")
    return Outbox(pool=pool, schema="playground")
