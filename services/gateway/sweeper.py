"""Puts right what stalled, broke off or must go: the loop that makes every job end, whoever died."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from services.gateway import announcements
from services.gateway.feed import REMEMBERED
from services.gateway.lifecycle import DEADLINE, Lifecycle
from services.gateway.settings import GatewaySettings
from services.gateway.store.allowances import AllowanceStore
from services.gateway.store.attempts import QUIET_SECONDS
from services.gateway.store.feed import FeedStore
from services.gateway.store.minutes import MinuteStore
from services.gateway.store.rates import RateStore
from services.gateway.store.upkeep import ExpiredUpload, UpkeepStore
from services.gateway.tenancy import by_system
from shared.blobs import BlobStore, job_prefix, source_key
from shared.database import Pool, transaction
from shared.errors import RetryableError
from shared.loops import Loop
from shared.outbox import Outbox

UNFINISHED_SECONDS = 24 * 3600.0
"""Age at which the parts of a dead upload are removed from the store."""

UNFINISHED_EVERY = 3600.0
UNANSWERED_DAYS = 30
"""For which it is remembered that somebody was asked for an address that nobody writes to."""
ERASURE_CLAIM = 60.0
"""Seconds for which one process works on an erasure alone."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """Every step may run on several processes at once, and a store that is away does not keep the other steps back."""

    pool: Pool
    upkeep: UpkeepStore
    allowances: AllowanceStore
    minutes: MinuteStore
    feed: FeedStore
    rates: RateStore
    blobs: BlobStore
    outbox: Outbox
    lifecycle: Lifecycle
    settings: GatewaySettings

    async def run(self) -> None:
        """Loop for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(repeat(self._steps, self.settings.sweep_seconds))
            tasks.create_task(repeat(lambda: [self.remove_unfinished], UNFINISHED_EVERY))

    def _steps(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return (
            self.fail_overdue,
            self.announce_stalled,
            self.announce_revised,
            self.empty_erased,
            self.collect_uploads,
            self.forget_keys,
            self.release_allowances,
            self.forget_addresses,
            self.forget_sign_ins,
            self.forget_changes,
            self.rates.forget_idle,
        )

    async def fail_overdue(self) -> None:
        """A job past its deadline fails."""
        waiting = dt.timedelta(hours=self.settings.job_waiting_hours)
        for job in await self.upkeep.overdue(waiting=waiting):
            await self.lifecycle.fail(job, DEADLINE)

    async def announce_stalled(self) -> None:
        """A job without news is submitted again, in the same run: whoever lost it finds it, whoever has it ignores it."""
        async with transaction(self.pool) as connection:
            stalled = await self.upkeep.claim_stalled(
                connection,
                queued_after=self.settings.queued_stall_seconds,
                working_after=self.settings.working_stall_seconds,
            )
            await self.outbox.append(connection, *map(announcements.submitted, stalled))
        for job in stalled:
            log.info("job.announced_again", tenant_id=str(job.tenant_id), job_id=str(job.id), run=job.run, state=job.state)
        if stalled:
            self.outbox.wake()

    async def announce_revised(self) -> None:
        """An edited transcript whose files do not come is announced again; whoever makes them twice makes the same."""
        async with transaction(self.pool) as connection:
            stalled = await self.upkeep.claim_revised(connection, after=self.settings.working_stall_seconds)
            await self.outbox.append(connection, *map(announcements.revised, stalled))
        for job in stalled:
            log.info("transcript.announced_again", tenant_id=str(job.tenant_id), job_id=str(job.id), revision=job.revision)
        if stalled:
            self.outbox.wake()

    async def empty_erased(self) -> None:
        """Remove what lies below the prefixes of deleted jobs, again and again until late work can have written no more."""
        for leftover in await self.upkeep.due_erasures(claim=ERASURE_CLAIM):
            found = await self.blobs.delete_prefix(job_prefix(leftover.tenant_id, leftover.id))
            await self.lifecycle.erased(leftover.id, found)
            if await self.upkeep.passed_erasure(leftover, found=found, settle=self.settings.erasure_settle_seconds):
                log.info("job.erasure_verified", tenant_id=str(leftover.tenant_id), job_id=str(leftover.id))

    async def collect_uploads(self) -> None:
        """Uploads nobody made a job of in time."""
        for upload in await self.upkeep.expired_uploads():
            await self._collect(upload)

    async def forget_keys(self) -> None:
        """Idempotency keys that are old enough."""
        await self.upkeep.forget_idempotency_keys(older_than=self.settings.idempotency_hours * 3600)

    async def release_allowances(self) -> None:
        """Allowances and minutes whose job was never made, or retried, because the process died between the two."""
        await self.allowances.release_lost()
        await self.minutes.release_lost()

    async def forget_addresses(self) -> None:
        """Those of people who were asked in vain, and whom nobody writes to."""
        if forgotten := await self.upkeep.forget_unanswered(days=UNANSWERED_DAYS):
            log.info("addresses.forgotten", count=forgotten)

    async def forget_sign_ins(self) -> None:
        """Tokens and sessions that have ended, and attempts to sign in that count no more."""
        await self.upkeep.forget_sign_ins(attempts_after=QUIET_SECONDS)

    async def forget_changes(self) -> None:
        """That jobs were deleted, once everybody who follows can have been told."""
        await self.feed.forget_gone(after=REMEMBERED)

    async def remove_unfinished(self) -> None:
        """Parts that dead uploads left in the store."""
        running = [source_key(upload.tenant_id, upload.id) for upload in await self.upkeep.running_uploads()]
        if removed := await self.blobs.sweep_unfinished(UNFINISHED_SECONDS, keep=running):
            log.info("uploads.unfinished_removed", parts=removed)

    async def _collect(self, upload: ExpiredUpload) -> None:
        await self.blobs.abandon(source_key(upload.tenant_id, upload.id), upload.bookmark)
        await self.blobs.delete_prefix(job_prefix(upload.tenant_id, upload.id))
        await self.upkeep.forget_upload(upload)
        log.info("upload.expired", tenant_id=str(upload.tenant_id), upload_id=str(upload.id))


def repeating(name: str, step: Callable[[], Awaitable[None]], *, every: float) -> Loop:
    """A loop that takes one step, for all tenants, every so many seconds."""
    return Loop(name=name, run=by_system(lambda: repeat(lambda: [step], every)))


async def repeat(steps: Callable[[], Sequence[Callable[[], Awaitable[None]]]], seconds: float) -> None:
    """Take these steps for ever, one after another, with so many seconds between their rounds; one that a backend holds up is
    left for the next."""
    while True:
        for step in steps():
            try:
                await step()
            except RetryableError as error:
                log.warning("sweep.postponed", step=step.__name__, error=str(error))
        await asyncio.sleep(seconds * random.uniform(0.9, 1.1))
