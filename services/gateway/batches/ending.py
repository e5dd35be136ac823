"""Tells when the last job of a batch has ended, once, and forgets what was said of batches without jobs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from services.gateway.store.batch_ends import BatchEndStore, Ended
from services.gateway.store.batches import Batch
from shared.loops import look_when_due
from shared.outbox import Outbox
from shared.schemas.events import BatchCompleted, BatchErased
from shared.schemas.jobs import JobState

AT_ONCE = 50
"""Batches that one transaction looks at."""
POLL_SECONDS = 5.0
"""How soon an end is found that nobody told of, as when it was another process that saw it."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Endings:
    """The loop of one process; any number of processes may look."""

    store: BatchEndStore
    outbox: Outbox
    _due: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """A job ended, or a batch was made."""
        self._due.set()

    async def run(self) -> None:
        """Loop for ever."""
        await look_when_due(self._due, self.look, rest=_rest)

    async def look(self) -> bool:
        """Look at batches that may have ended; whether there may be more. Their ends are noted and said in one transaction."""
        if not await self.store.any_due():
            return False
        async with self.store.looking() as connection:
            ids = await self.store.due(connection, most=AT_ONCE)
            ended = await self.store.end(connection, ids)
            emptied = await self.store.forget_words(connection, ids)
            await self.outbox.append(connection, *map(_completed, ended), *_erased(emptied, ended))
        for one in ended:
            log.info("batch.completed", tenant_id=str(one.batch.tenant_id), batch_id=str(one.batch.id), size=one.batch.size)
        if ended or emptied:
            self.outbox.wake()
        return len(ids) >= AT_ONCE


async def _rest() -> float:
    return POLL_SECONDS * random.uniform(0.8, 1.2)


def _completed(ended: Ended) -> BatchCompleted:
    """Its id is the batch's, so that there can be one only. Where all jobs were deleted before the end, so are the words."""
    batch, states = ended.batch, ended.states
    deleted = len(batch.made) - sum(states.values())
    told = not batch.made or bool(states)
    assert batch.ended_at is not None, "it has just ended"
    return BatchCompleted(
        event_id=batch.id,
        tenant_id=batch.tenant_id,
        occurred_at=batch.ended_at,
        batch_id=batch.id,
        title=batch.title if told else None,
        metadata=batch.metadata if told else {},
        size=batch.size,
        completed=states.get(JobState.COMPLETED, 0),
        failed=states.get(JobState.FAILED, 0),
        cancelled=states.get(JobState.CANCELLED, 0),
        refused=batch.refused,
        deleted=deleted,
        created_at=batch.created_at,
        ended_at=batch.ended_at,
    )


def _erased(emptied: Sequence[Batch], ended: Sequence[Ended]) -> list[BatchErased]:
    """Of those that have just ended, nothing was told that would have to go."""
    new = {one.batch.id for one in ended}
    return [BatchErased(tenant_id=batch.tenant_id, batch_id=batch.id) for batch in emptied if batch.id not in new]
