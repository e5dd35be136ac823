"""The loop that forgets what is old."""

from __future__ import annotations

import asyncio

import structlog

from services.notifier.store.upkeep import UpkeepStore

PAUSE_SECONDS = 3600.0
BATCH = 1000

log = structlog.get_logger(__name__)


async def forget_old(store: UpkeepStore, *, days: int) -> None:
    """Loop for ever: once an hour, delete in batches what ended more than `days` ago, or than its tenant wishes."""
    while True:
        forgotten = await store.forget(days=days, wishes=await store.wishes(), limit=BATCH)
        if forgotten:
            log.info("deliveries.forgotten", count=forgotten)
        if forgotten < BATCH:
            await store.tidy(days=days)
            await asyncio.sleep(PAUSE_SECONDS)
