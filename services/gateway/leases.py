"""One request at a time is at a resumable upload: the newest.

A connection that is half dead still holds its upload, and the client that lost it comes back by another one. So whoever
comes asks the holder to stop, which it does within a second wherever it runs, with all it received stored; a holder that
died is waited for until its lease ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import structlog

from services.gateway.problems import Problem
from services.gateway.store.resumables import Resumable, ResumableStore

LEASE_SECONDS = 10.0
"""How long a holder that shows no sign is taken to be alive."""

RENEW_SECONDS = 1.0
PATIENCE = LEASE_SECONDS + 5.0
"""How long a request waits for the holder before it."""

ASK_SECONDS = 0.2

log = structlog.get_logger(__name__)


class NothingToHold(Exception):
    """There is no upload of which bytes are missing with this id."""


@dataclass(kw_only=True)
class Lease:
    """The right to change one upload."""

    upload: Resumable
    """As it was when the lease began."""
    holder: UUID
    stop: Callable[[Problem], None] | None = None
    """Ends what the holder waits for; set while that is possible."""
    orderly: bool = True
    """False while something may be on its way to the store that nobody would see arrive."""


class Leases:
    """Gives leases out to the requests of this process."""

    def __init__(self, store: ResumableStore, *, stopping: asyncio.Event) -> None:
        self._store = store
        self._stopping = stopping

    @asynccontextmanager
    async def hold(self, tenant_id: UUID, upload_id: UUID) -> AsyncIterator[Lease]:
        """Hold an upload. Raises `NothingToHold`, and `Problem` 423 when its holder does not stop."""
        holder = uuid4()
        lease = Lease(upload=await self._take(tenant_id, upload_id, holder), holder=holder)
        renewing = asyncio.create_task(self._renew(lease))
        try:
            yield lease
        finally:
            renewing.cancel()
            await asyncio.shield(self._release(lease))

    async def _take(self, tenant_id: UUID, upload_id: UUID, holder: UUID) -> Resumable:
        deadline = time.monotonic() + PATIENCE
        while (upload := await self._store.hold(tenant_id, upload_id, holder=holder, seconds=LEASE_SECONDS)) is None:
            if not await self._store.want(tenant_id, upload_id):
                raise NothingToHold
            if time.monotonic() > deadline:
                detail = "Another request is at work on this upload and does not end; try again in a moment."
                raise Problem(423, "upload_locked", detail, headers={"Retry-After": "2"})
            await asyncio.sleep(ASK_SECONDS)
        return upload

    async def _renew(self, lease: Lease) -> None:
        """Stay alive, until somebody else has the upload or wants it, or the process stops."""
        ends = time.monotonic() + LEASE_SECONDS
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            asked = time.monotonic()
            try:
                wanted = await self._store.renew(lease.upload.id, holder=lease.holder, seconds=LEASE_SECONDS)
                ends = asked + LEASE_SECONDS
            except Exception as error:
                log.warning("upload.renewal_postponed", upload_id=str(lease.upload.id), error=repr(error))
                wanted = None if asked > ends else False
            if lease.stop is None:
                continue
            if wanted is not False:
                lease.stop(taken_over())
            elif self._stopping.is_set():
                lease.stop(Problem(503, "unavailable", "The server stops; go on with the upload in a moment."))

    async def _release(self, lease: Lease) -> None:
        """What cannot be released is free when the lease ends."""
        try:
            await self._store.release(lease.upload.id, holder=lease.holder, orderly=lease.orderly)
        except Exception as error:
            log.warning("upload.release_postponed", upload_id=str(lease.upload.id), error=repr(error))


def taken_over() -> Problem:
    """A newer request is at the upload (423)."""
    return Problem(423, "upload_taken_over", "A newer request goes on with this upload; ask for its offset before you do.")
