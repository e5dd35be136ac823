"""The dealings with a rented engine, so that no crash anywhere hands the same task over twice."""

from __future__ import annotations

import asyncio

from services.transcriber.engines import Finished, OutcomeUnknown, Pending, Prepared, RentedEngine, Report, Task
from services.transcriber.store import LeaseLost, Transcription, TranscriptionStore
from shared.errors import JobError, RetryableError
from shared.schemas.events import TranscriptionState

POLL_SECONDS = 3.0
"""Until a rented engine is asked again."""

HANDOVER_SECONDS = 60.0
"""How long a submission that is on its way may still take when everything else stops."""


class Renting:
    """Takes one step after the other, and writes each down before the next."""

    def __init__(self, store: TranscriptionStore) -> None:
        self._store = store

    async def answer(self, row: Transcription, task: Task, engine: RentedEngine, report: Report) -> bytes | None:
        """The raw answer; null when it is not there yet, and the lease is given back until it is time to ask again."""
        provider_id = row.provider_id or await self._taken_up(row, task, engine) or await self._submit(row, task, engine)
        match await engine.poll(task, provider_id):
            case Pending(seconds=seconds, progress=progress, duration_ms=duration_ms):
                await report(progress, duration_ms=duration_ms)
                await self._store.postpone(row.key, seconds or POLL_SECONDS, outages=0)
                return None
            case Finished(raw=None):
                return await engine.fetch(task, provider_id)
            case Finished(raw=raw):
                return raw

    async def _taken_up(self, row: Transcription, task: Task, engine: RentedEngine) -> str | None:
        """The id of a task that was handed over by somebody who could not write it down."""
        if row.state is not TranscriptionState.SUBMITTING:
            return None
        assert row.prepared is not None
        assert row.submitted_at is not None
        provider_id = await engine.find(task, row.prepared, row.submitted_at)
        return provider_id and await self._note(row, provider_id)

    async def _submit(self, row: Transcription, task: Task, engine: RentedEngine) -> str:
        prepared = row.prepared if row.prepared is not None else await engine.prepare(task)
        if not await self._store.submitting(row.key, prepared):
            raise LeaseLost
        handover = asyncio.create_task(self._hand_over(row, task, prepared, engine))
        try:
            return await asyncio.shield(handover)
        except asyncio.CancelledError:
            await asyncio.wait([handover], timeout=HANDOVER_SECONDS)
            raise

    async def _hand_over(self, row: Transcription, task: Task, prepared: Prepared, engine: RentedEngine) -> str:
        try:
            provider_id = await engine.submit(task, prepared)
        except OutcomeUnknown:
            raise
        except (JobError, RetryableError):
            await self._store.not_submitted(row.key)
            raise
        return await self._note(row, provider_id)

    async def _note(self, row: Transcription, provider_id: str) -> str:
        if not await self._store.submitted(row.key, provider_id):
            raise LeaseLost
        return provider_id
