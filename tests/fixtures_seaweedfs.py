"""Fixtures: a real S3 store, one a run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.seaweedfs import SeaweedServer


@pytest.fixture(scope="session")
def seaweed_server() -> Iterator[SeaweedServer]:
    """The store that all tests of this run share, each with a bucket of its own. A test that kills one takes its own."""
    with SeaweedServer() as server:
        yield server
