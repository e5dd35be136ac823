"""The loops that forget what is old, and that measure what waits."""

from __future__ import annotations

import asyncio

import structlog

from services.notifier.store.upkeep import UpkeepStore
from shared import metrics

PAUSE_SECONDS = 3600.0
BATCH = 1000
MEASURING_SECONDS = 10.0

log = structlog.get_logger(__name__)


async def forget_old(store: UpkeepStore, *, days: int) -> None:
    """Loop for ever: once an hour, delete in batches what ended more than `days` ago."""
    while True:
        forgotten = await store.forget(days=days, limit=BATCH)
        if forgotten:
            log.info("deliveries.forgotten", count=forgotten)
        if forgotten < BATCH:
            await store.tidy(days=days)
            await asyncio.sleep(PAUSE_SECONDS)


async def measure(store: UpkeepStore) -> None:
    """Loop for ever: bring the gauges up to date."""
    while True:
        backlog = await store.backlog()
        metrics.DELIVERY_BACKLOG.labels("due").set(backlog.oldest_due)
        metrics.DELIVERY_BACKLOG.labels("held").set(backlog.oldest_held)
        metrics.ENDPOINTS_OPEN.set(backlog.breakers_open)
        metrics.ENDPOINTS_DISABLED.set(backlog.disabled)
        await asyncio.sleep(MEASURING_SECONDS)
