"""The loop that forgets ended deliveries once their log is old."""

from __future__ import annotations

import asyncio

import structlog

from services.notifier.store import DeliveryStore

PAUSE_SECONDS = 3600.0
BATCH = 1000

log = structlog.get_logger(__name__)


async def forget_old(store: DeliveryStore, *, days: int) -> None:
    """Loop for ever: once an hour, delete in batches what ended more than `days` ago."""
    while True:
        forgotten = await store.forget(days=days, limit=BATCH)
        if forgotten:
            log.info("deliveries.forgotten", count=forgotten)
        if forgotten < BATCH:
            await asyncio.sleep(PAUSE_SECONDS)
