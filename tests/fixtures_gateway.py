"""Fixtures: a gateway, and a tenant's developer at it. A module that sets its gateway up in another way has one of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gatewaying import ApiClient, RunningGateway, running_gateway


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway as it comes."""
    async with running_gateway(database_url, tmp_path) as running:
        yield running


@pytest.fixture
async def api(gateway: RunningGateway) -> AsyncIterator[ApiClient]:
    """A tenant's developer."""
    async with await gateway.new_tenant("acme") as http:
        yield ApiClient(http)
