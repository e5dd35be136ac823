"""Answers of language models, kept by what was asked, so that nothing is paid for twice; and notes of what was asked without
an answer yet.

The note of a request that nobody answers says until when whoever sent it may still get the answer. After that it is lost: it
may have been charged, and is not sent again in the same attempt at the report.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from shared.blobs import BlobNotFound, BlobStore, answer_key, asked_key
from shared.http_client import OutcomeUnknown

LOOK_AGAIN_SECONDS = 2.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The note of one request."""

    attempt: int
    """At the report; a later attempt is the customer's wish to have it tried again."""
    until: dt.datetime


class KeptAnswers:
    """Those of one job."""

    def __init__(self, *, blobs: BlobStore, tenant_id: UUID, job_id: UUID, attempt: int) -> None:
        self._blobs = blobs
        self._of = (tenant_id, job_id)
        self._attempt = attempt

    async def find(self, digest: str) -> bytes | None:
        """The answer, if there is one."""
        try:
            return await self._blobs.get(answer_key(*self._of, digest))
        except BlobNotFound:
            return None

    async def is_charged(self, digest: str) -> bool:
        """Whether an answer that was found is an earlier attempt's, which was charged for it."""
        asked = await self._asked(digest)
        return asked is not None and asked.attempt < self._attempt

    async def is_lost(self, digest: str) -> bool:
        """Whether it was asked before, in this attempt or a later one, and has no answer; waits while one may still come."""
        while (asked := await self._asked(digest)) is not None and asked.attempt >= self._attempt:
            if await self.find(digest) is not None:
                return False
            if dt.datetime.now(dt.UTC) >= asked.until:
                return True
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return False

    @asynccontextmanager
    async def asking(self, digest: str, *, seconds: float) -> AsyncIterator[None]:
        """Note that it is asked now, and will be answered within so many seconds or never; unless the block tells (by any error
        but `OutcomeUnknown`) that nothing was taken."""
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
        await self._blobs.put(asked_key(*self._of, digest), msgspec.json.encode(Asked(attempt=self._attempt, until=until)))
        try:
            yield
        except OutcomeUnknown:
            raise
        except Exception:
            await self.withdraw(digest)
            raise

    async def withdraw(self, digest: str) -> None:
        """It was certainly not taken."""
        await self._blobs.delete(asked_key(*self._of, digest))

    async def keep(self, digest: str, answer: bytes) -> None:
        """The answer has come."""
        await self._blobs.put(answer_key(*self._of, digest), answer)

    async def _asked(self, digest: str) -> Asked | None:
        try:
            return msgspec.json.decode(await self._blobs.get(asked_key(*self._of, digest)), type=Asked)
        except BlobNotFound:
            return None
