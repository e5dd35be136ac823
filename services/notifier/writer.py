"""Writes results in batches, through outages of the database: what is not written down would be sent again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import structlog

from services.notifier.batches import Batches, Entry
from services.notifier.health import Health
from services.notifier.store.results import Result, ResultStore
from shared.database import is_outage
from shared.retry import backoff

BATCH = 256
GATHERING_SECONDS = 0.02
"""How long the first result of a batch waits for others."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Written:
    """What is to be written of an attempt. `deadline` on the monotonic clock is when its lease ends."""

    result: Result
    health: Health
    deadline: float


Writer: TypeAlias = Batches[Written, bool]
"""Its answer is whether the lease was still ours; it raises an outage that lasted until the lease's end."""


def writer(store: ResultStore) -> Writer:
    """A writer, to be entered."""

    async def write(batch: list[Entry[Written, bool]]) -> None:
        """Try until it is written, or the leases have ended."""
        failures = 0
        while batch:
            try:
                ours = await store.write([entry.item.result for entry in batch], _newest(batch))
            except Exception as error:
                if not is_outage(error):
                    raise
                failures += 1
                log.warning("delivery.record_failed", error=type(error).__name__, results=len(batch))
                pause = backoff(failures, longest=2.0)
                batch = _give_up(batch, error, before=time.monotonic() + pause)
                await asyncio.sleep(pause)
            else:
                for entry in batch:
                    entry.resolve(entry.item.result.delivery_id in ours)
                return

    return Batches(write, most=BATCH, name="notifier.writer", gathering=GATHERING_SECONDS)


def _newest(batch: list[Entry[Written, bool]]) -> dict[UUID, Health]:
    """What each endpoint's last result of the batch says."""
    return {entry.item.result.endpoint_id: entry.item.health for entry in batch}


def _give_up(batch: list[Entry[Written, bool]], error: Exception, *, before: float) -> list[Entry[Written, bool]]:
    """Raise the error where the lease ends before; return the others."""
    for entry in batch:
        if entry.item.deadline < before:
            entry.fail(error)
    return [entry for entry in batch if entry.item.deadline >= before]
