"""The loop that attempts what is due: fair over tenants and hosts, and never more at once than the limits say."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

import structlog

from services.notifier.deliveries import Deliveries
from services.notifier.store import Claimed, DeliveryStore, Limits

LIMITS = Limits(total=256, per_tenant=32, per_lane=4)
"""A receiver that never answers holds four slots, a tenant full of them an eighth of all."""

POLL_SECONDS = 2.0
"""How soon a delivery is found whose wake-up was lost, as when another process died over it."""

CLAIM_GAP_SECONDS = 0.02
"""Least time between two claims, so that many ends of attempts cause one claim."""

log = structlog.get_logger(__name__)


class Dispatcher:
    """Claims and attempts. After SIGTERM (`stopping`) it claims nothing more; when cancelled it lets running attempts end
    for `grace` seconds and gives back the rest. Through an outage they go on, and `run` can be called again."""

    def __init__(
        self, *, store: DeliveryStore, deliveries: Deliveries, stopping: asyncio.Event, grace: float, limits: Limits = LIMITS
    ) -> None:
        self._store = store
        self._deliveries = deliveries
        self._stopping = stopping
        self._grace = grace
        self._limits = limits
        self._running: dict[asyncio.Task[None], Claimed] = {}
        self._due = asyncio.Event()

    def wake(self) -> None:
        """Something may be due."""
        self._due.set()

    async def run(self) -> None:
        """Loop until cancelled."""
        try:
            while True:
                self._due.clear()
                # Asked before the claim: what becomes due between the two is claimed, and not overlooked by both.
                seconds = await self._store.seconds_to_next()
                if not self._stopping.is_set():
                    await self._start_due()
                await asyncio.sleep(CLAIM_GAP_SECONDS)
                await self._wait_for_due(POLL_SECONDS if seconds is None else min(POLL_SECONDS, seconds))
        except asyncio.CancelledError:
            await self._finish()
            raise

    async def _start_due(self) -> None:
        running = Counter(claimed.lane for claimed in self._running.values())
        for claimed in await self._store.claim(running, limits=self._limits, lease_seconds=self._deliveries.lease_seconds):
            task = asyncio.create_task(self._deliveries.attempt(claimed), name=f"delivery {claimed.id}")
            self._running[task] = claimed
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        claimed = self._running.pop(task)
        self._due.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("delivery.broke_off", delivery_id=str(claimed.id), job_id=str(claimed.job_id), exc_info=error)

    async def _wait_for_due(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._due.wait()

    async def _finish(self) -> None:
        if not self._running:
            return
        _, unfinished = await asyncio.wait(self._running, timeout=self._grace)
        claims = [self._running[task] for task in unfinished]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        if claims:
            await self._store.give_back(claims)
