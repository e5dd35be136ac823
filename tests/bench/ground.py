"""The ground that subjects are measured on: servers that start when first asked for, and installations in both sizes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from tests.bench.processes import SERVERS, Trees
from tests.installation import Installation, distributed_settings, fresh_bucket
from tests.servers.postgresql import PostgresServer
from tests.servers.rabbitmq import RabbitServer
from tests.servers.seaweedfs import SeaweedServer

ONE = "one process"
FOUR = "four processes"
UNLIMITED = {f"rate_{name}_per_minute": "0" for name in ("reads", "writes", "uploads", "refusals")}
"""Subjects measure how fast things go, and not how fast a tenant may go."""


class Ground:
    """The servers of one run. Each is started once, and everything is gone at the end."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def folder(self) -> Path:
        """A new folder."""
        return Path(self._stack.enter_context(TemporaryDirectory(prefix="audio2txt-bench-")))

    @cached_property
    def postgres(self) -> PostgresServer:
        """A PostgreSQL, the same program that a one-process installation carries."""
        return self._stack.enter_context(PostgresServer(durable=True))

    @cached_property
    def rabbitmq(self) -> RabbitServer:
        """A RabbitMQ."""
        return self._stack.enter_context(RabbitServer(durable=True))

    @cached_property
    def seaweed(self) -> SeaweedServer:
        """An S3 store."""
        return self._stack.enter_context(SeaweedServer())

    @asynccontextmanager
    async def one(self, **settings: str) -> AsyncIterator[Installation]:
        """Audio2txt in one process."""
        async with Installation(folder=self.folder(), settings=_named(settings)) as installation:
            yield installation

    @asynccontextmanager
    async def four(self, **settings: str) -> AsyncIterator[Installation]:
        """Audio2txt in four processes over the three servers."""
        backends = distributed_settings(
            database_url=self.postgres.create_database(),
            bus_url=self.rabbitmq.create_vhost(),
            blobs_url=self.seaweed.blobs_url(fresh_bucket()),
            s3=self.seaweed.credentials,
        )
        installation = Installation(folder=self.folder(), settings={**backends, **_named(settings)}, together=False)
        async with installation:
            yield installation

    @asynccontextmanager
    async def sized(self, size: str, **settings: str) -> AsyncIterator[Installation]:
        """Either of them, by name."""
        async with self.one(**settings) if size == ONE else self.four(**settings) as installation:
            yield installation


def trees(installation: Installation, *, servers: bool = True) -> Trees:
    """The process trees of an installation, and those of the servers that this process runs."""
    roots = {name: process.pid for name, process in installation.processes.items()}
    if servers and not installation.together:
        roots["bench"] = os.getpid()
    return Trees(roots)


def platform_only(figures: Mapping[str, float]) -> dict[str, float]:
    """Without the servers, and without the process that measures."""
    return {name: value for name, value in figures.items() if name not in (*SERVERS.values(), "bench")}


def _named(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"AUDIO2TXT_{name.upper()}": value for name, value in {**UNLIMITED, **settings}.items()}
