"""Tells open requests that a job changed.

A change made by this process wakes its watchers at once. Changes made by other processes are found by one query for
all watched jobs; nobody watches, nothing is asked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

from services.gateway.problems import Problem
from services.gateway.store.jobs import JobStore

POLL_SECONDS = 0.4


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


class Hub:
    """All watches of this process."""

    def __init__(self, *, jobs: JobStore, stopping: asyncio.Event, per_tenant: int) -> None:
        self._jobs = jobs
        self._stopping = stopping
        self._per_tenant = per_tenant
        self._watches: dict[UUID, set[Watch]] = {}
        self._held: Counter[UUID] = Counter()
        self._watched = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Whether open requests should end."""
        return self._stopping.is_set()

    @contextmanager
    def watch(self, tenant_id: UUID, job_id: UUID) -> Iterator[Watch]:
        """Watch a job: begin before reading its row, so that nothing falls between. Raises `Problem` 429."""
        if self._held[tenant_id] >= self._per_tenant:
            detail = f"At most {self._per_tenant} streams and waits may be open at once; close some."
            raise Problem(429, "too_many_streams", detail, headers={"Retry-After": "5"})
        watch = Watch(job_id)
        self._held[tenant_id] += 1
        self._watches.setdefault(job_id, set()).add(watch)
        self._watched.set()
        try:
            yield watch
        finally:
            self._forget(tenant_id, watch)

    def wake(self, job_id: UUID) -> None:
        """A change of the job was committed."""
        for watch in self._watches.get(job_id, ()):
            watch.wake()

    async def run(self) -> None:
        """Loop for ever: look for changes of watched jobs, and wake everyone when the process stops."""
        stop = asyncio.create_task(self._wake_all_on_stop())
        try:
            while True:
                await self._watched.wait()
                await self._look()
                await asyncio.sleep(POLL_SECONDS)
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

    def _forget(self, tenant_id: UUID, watch: Watch) -> None:
        self._held[tenant_id] -= 1
        if not self._held[tenant_id]:
            del self._held[tenant_id]
        watches = self._watches[watch.job_id]
        watches.discard(watch)
        if not watches:
            del self._watches[watch.job_id]
        if not self._watches:
            self._watched.clear()
