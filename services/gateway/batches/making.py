"""Makes the jobs of batches, each by the one way in which jobs come to be, and ends those that are no longer wanted."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from dataclasses import dataclass
from uuid import UUID

import msgspec

from services.gateway.batches.ending import Endings
from services.gateway.batches.requests import NewBatch, orders_of
from services.gateway.lifecycle import Lifecycle
from services.gateway.problems import Problem
from services.gateway.requests import JobRequest
from services.gateway.store.batches import Batch, BatchStore, Result
from services.gateway.submission import Submissions
from shared.schemas.ids import new_id

AT_ONCE = 8
"""Jobs of one request that are made side by side."""


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Makes them, and finds them."""

    store: BatchStore
    submissions: Submissions
    lifecycle: Lifecycle
    endings: Endings

    async def make(self, tenant_id: UUID, wish: NewBatch, *, key: str | None, traceparent: str | None) -> tuple[Batch, bool]:
        """The batch, and whether it was made before. A repeat with the same key goes on where the one before broke off, and
        makes no job twice. Raises `Problem`: 422, 503."""
        fingerprint = hashlib.sha256(msgspec.json.encode(wish, order="deterministic")).digest()
        batch = await self.store.begin(
            Batch(
                id=new_id(),
                tenant_id=tenant_id,
                key=key,
                fingerprint=fingerprint,
                size=len(wish.items),
                created_at=dt.datetime.now(dt.UTC),
                title=wish.title,
                metadata=wish.metadata,
            )
        )
        if batch.fingerprint != fingerprint:
            detail = "This Idempotency-Key was used for a different request; use a new key for a new request."
            raise Problem(422, "idempotency_key_reused", detail)
        if batch.results is not None:
            return batch, True
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, order: JobRequest) -> Result:
            async with slots:
                return await self._submit(batch, number, order, traceparent)

        results = await asyncio.gather(*(one(number, order) for number, order in enumerate(orders_of(wish))))
        finished = await self.store.finish(batch, results)
        self.endings.wake()
        return finished, False

    async def find(self, tenant_id: UUID, batch_id: UUID) -> Batch:
        """A batch of the tenant. Raises `Problem` 404."""
        batch = await self.store.find(tenant_id, batch_id)
        if batch is None:
            raise Problem(404, "batch_not_found", "There is no batch with this id.")
        return batch

    async def cancel(self, tenant_id: UUID, batch_id: UUID) -> Batch:
        """End the jobs that the batch made and that have not ended. Raises `Problem` 404."""
        batch = await self.find(tenant_id, batch_id)
        for job_id in await self.store.open_jobs(tenant_id, batch_id):
            try:
                await self.lifecycle.cancel(tenant_id, job_id)
            except Problem as problem:
                if problem.status not in (404, 409):  # it was deleted, or ended by itself
                    raise
        return batch

    async def _submit(self, batch: Batch, number: int, order: JobRequest, traceparent: str | None) -> Result:
        key = f"batch {batch.id} {number}"
        try:
            submitted = await self.submissions.submit(
                batch.tenant_id, order, key=key, traceparent=traceparent, batch_id=batch.id
            )
        except Problem as problem:
            if problem.status >= 500:
                raise
            return Result(
                job_id=None if problem.job_id is None else UUID(problem.job_id), code=problem.code, detail=problem.detail
            )
        return Result(job_id=submitted.job.id)
