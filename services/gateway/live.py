"""Tells open requests that a job changed.

Processes of the gateway tell one another (`wakeups`). Where that may have failed, and every now and then for safety, one query
finds the changes of all watched jobs; nobody watches, nothing is asked.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from uuid import UUID

from typing_extensions import override

from services.gateway.problems import Problem
from services.gateway.store.jobs import JobStore
from services.gateway.wakeups import Change, Waiting

SAFETY_SECONDS = 15.0
"""How often it is looked for changes that nobody told of."""


class Watch:
    """One request's interest in one job."""

    def __init__(self, job_id: UUID) -> None:
        self.job_id = job_id
        self.version: int | None = 0
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Let the request look again."""
        self._changed.set()

    async def changed(self, seconds: float) -> bool:
        """Wait for a change, at most so long; whether there was one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        happened = self._changed.is_set()
        self._changed.clear()
        return happened


class Hub(Waiting):
    """All watches of this process."""

    def __init__(self, *, jobs: JobStore, stopping: asyncio.Event, per_tenant: int) -> None:
        self._jobs = jobs
        self._stopping = stopping
        self._per_tenant = per_tenant
        self._watches: dict[UUID, set[Watch]] = {}
        self._held: Counter[UUID] = Counter()
        self._missed = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether open requests should end."""
        return self._stopping.is_set()

    @contextmanager
    def held_open(self, tenant_id: UUID) -> Iterator[None]:
        """One of the streams and waits that a tenant may hold open. Raises `Problem` 429."""
        if self._held[tenant_id] >= self._per_tenant:
            detail = f"At most {self._per_tenant} streams and waits may be open at once; close some."
            raise Problem(429, "too_many_streams", detail, headers={"Retry-After": "5"})
        self._held[tenant_id] += 1
        try:
            yield
        finally:
            self._held[tenant_id] -= 1
            if not self._held[tenant_id]:
                del self._held[tenant_id]

    @contextmanager
    def watch(self, tenant_id: UUID, job_id: UUID) -> Iterator[Watch]:
        """Watch a job: begin before reading its row, so that nothing falls between. Raises `Problem` 429."""
        with self.held_open(tenant_id):
            watch = Watch(job_id)
            self._watches.setdefault(job_id, set()).add(watch)
            try:
                yield watch
            finally:
                self._forget(watch)

    @override
    def changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            for watch in self._watches.get(change.job_id, ()):
                watch.wake()

    @override
    def missed(self) -> None:
        self._missed.set()

    async def run(self) -> None:
        """Loop for ever: look for changes that were not told, and wake everyone when the process stops."""
        stop = asyncio.create_task(self._wake_all_on_stop())
        try:
            while True:
                self._missed.clear()
                if self._watches:
                    await self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(SAFETY_SECONDS * random.uniform(0.8, 1.2)):
                        await self._missed.wait()
        finally:
            stop.cancel()

    async def _look(self) -> None:
        versions = await self._jobs.versions(list(self._watches))
        for job_id, watches in self._watches.items():
            for watch in watches:
                if watch.version != versions.get(job_id):
                    watch.version = versions.get(job_id)
                    watch.wake()

    async def _wake_all_on_stop(self) -> None:
        await self._stopping.wait()
        for watches in self._watches.values():
            for watch in watches:
                watch.wake()

    def _forget(self, watch: Watch) -> None:
        watches = self._watches[watch.job_id]
        watches.discard(watch)
        if not watches:
            del self._watches[watch.job_id]
