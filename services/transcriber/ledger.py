"""The paid requests of a transcription: noted before they are sent, their answers stored as soon as they come.

A request that was noted and has no answer may have been paid for. Only whoever sent it can still get the answer, for as long
as that process lives; after that nobody asks again of its own accord.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

import msgspec
import structlog
from typing_extensions import override

from services.transcriber.engines import Ledger, OutcomeUnknown, Permit, checkpoint_prefix
from services.transcriber.store import Key, LeaseLost, Transcription
from shared.blobs import BlobNotFound, BlobStore
from shared.database import Pool, is_outage
from shared.errors import JobError, RetryableError
from shared.retry import backoff

GRACE_SECONDS = 60.0
"""How long a request that is on its way may still take when everything else stops."""
MISSED_SECONDS = 90.0
"""How long another process's request is waited for: until it has noticed that its lease is lost, and its grace is over."""
LOOK_AGAIN_SECONDS = 3.0

log = structlog.get_logger(__name__)


class Standing(msgspec.Struct, frozen=True):
    """How a request stands that was noted before."""

    is_ours: bool
    """Noted by this very process."""
    is_given_up: bool
    """Missed for so long that no other process can still be waiting for the answer."""


class PaidRequests:
    """Reads and writes `paid_requests`."""

    def __init__(self, *, pool: Pool, owner: UUID) -> None:
        self._pool = pool
        self._owner = owner

    async def note(self, key: Key, name: str) -> bool:
        """Note that a request is made now. False when it was noted before, or the lease is lost."""
        noted = await self._pool.fetchval(
            """
            insert into transcriber.paid_requests (job_id, run, name, asked_by)
            select job_id, run, $3, $4 from transcriber.transcriptions
            where job_id = $1 and run = $2 and lease_owner = $4 and ended_at is null
            on conflict do nothing returning true
            """,
            key.job_id,
            key.run,
            name,
            self._owner,
        )
        return noted is not None

    async def withdraw(self, key: Key, name: str) -> None:
        """Note that the request was certainly not taken."""
        await self._pool.execute(
            """
            delete from transcriber.paid_requests
            where job_id = $1 and run = $2 and name = $3 and asked_by = $4 and answered_at is null
            """,
            key.job_id,
            key.run,
            name,
            self._owner,
        )

    async def answered(self, key: Key, name: str) -> bool:
        """Note that the answer is stored. False when nobody wants it any more: the transcription has ended, or is erased."""
        wanted = await self._pool.fetchval(
            """
            update transcriber.paid_requests r set answered_at = coalesce(answered_at, now())
            from transcriber.transcriptions t
            where r.job_id = $1 and r.run = $2 and r.name = $3
              and t.job_id = r.job_id and t.run = r.run and t.ended_at is null
            returning true
            """,
            key.job_id,
            key.run,
            name,
        )
        return wanted is not None

    async def missing(self, key: Key, name: str) -> Standing | None:
        """Note that the answer is missed. Null when the request was not even noted."""
        row = await self._pool.fetchrow(
            """
            update transcriber.paid_requests set missed_at = coalesce(missed_at, now())
            where job_id = $1 and run = $2 and name = $3
            returning asked_by = $4 as is_ours, missed_at < now() - make_interval(secs => $5) as is_given_up
            """,
            key.job_id,
            key.run,
            name,
            self._owner,
            MISSED_SECONDS,
        )
        return None if row is None else msgspec.convert(dict(row), Standing)


class PaidLedger(Ledger):
    """The ledger of one transcription that we hold."""

    def __init__(self, *, requests: PaidRequests, blobs: BlobStore, row: Transcription, permit: Permit) -> None:
        self._requests = requests
        self._permit = permit
        self._blobs = blobs
        self._row = row
        self._prefix = checkpoint_prefix(row.tenant_id, row.job_id, row.run)

    @override
    async def answer(self, name: str, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        """As the protocol says. Cancelled, it still lets a request end that is on its way, within its grace."""
        asking = asyncio.create_task(self._ask(name, ask))
        try:
            answer = await asyncio.shield(asking)
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    await asyncio.gather(asking, return_exceptions=True)
            raise
        return await self._noted_before(name) if answer is None else answer

    @override
    async def permit(self) -> None:
        await self._permit()

    async def _ask(self, name: str, ask: Callable[[], Awaitable[bytes]]) -> bytes | None:
        """The answer; null when the request was noted before."""
        try:
            await self.permit()
        except JobError:
            if await self._requests.missing(self._row.key, name) is None:
                raise
            return None  # it was sent before that was forbidden
        if not await self._requests.note(self._row.key, name):
            return None
        try:
            answer = await ask()
        except OutcomeUnknown as error:
            log.warning("request.lost", request=name, error=str(error))
            raise self._unknown() from error
        except (JobError, RetryableError):
            await _insist(lambda: self._requests.withdraw(self._row.key, name))
            raise
        await _insist(lambda: self._keep(name, answer))
        return answer

    async def _keep(self, name: str, answer: bytes) -> None:
        await self._blobs.put(self._key(name), answer)
        if not await self._requests.answered(self._row.key, name):
            await self._blobs.delete(self._key(name))

    async def _noted_before(self, name: str) -> bytes:
        """The stored answer, waited for while somebody else may still get it."""
        while True:
            with suppress(BlobNotFound):
                return await self._blobs.get(self._key(name))
            standing = await self._requests.missing(self._row.key, name)
            if standing is None:
                raise LeaseLost
            if standing.is_ours or standing.is_given_up:
                raise self._unknown()
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def _unknown(self) -> JobError:
        return JobError(
            "outcome_unknown",
            f"The answer of {self._row.engine} to a request was lost, and it may have been charged; "
            "retry the job to have the recording transcribed once more, which is charged again.",
            retryable=True,
        )


async def _insist(step: Callable[[], Awaitable[None]]) -> None:
    """Take a step in spite of outages: what was paid for must not be lost because our own stores are away."""
    attempt = 0
    while True:
        try:
            return await step()
        except Exception as error:
            if not (isinstance(error, RetryableError) or is_outage(error)):
                raise
            attempt += 1
            log.warning("ledger.outage", attempt=attempt, error=repr(error))
        await asyncio.sleep(backoff(attempt))
