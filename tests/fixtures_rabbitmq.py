"""Fixtures: a real RabbitMQ, one node a run and one virtual host a test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.servers.debian import PackageMissing
from tests.servers.rabbitmq import RabbitServer


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitServer]:
    """The node that all tests of this run share. A test that stops it starts it again."""
    try:
        server = RabbitServer()
    except PackageMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with server:
        yield server


@pytest.fixture
def rabbitmq_url(rabbitmq_server: RabbitServer) -> Iterator[str]:
    """A new, empty virtual host."""
    with rabbitmq_server.vhost() as url:
        yield url
