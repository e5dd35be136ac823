"""Removes what ended and erased transcriptions have left, and tries again until it is gone."""

from __future__ import annotations

import asyncio
import datetime as dt

import structlog

from services.transcriber.accounts import Accounts
from services.transcriber.engines import AnsweringEngine, InHouseEngine, RentedEngine, checkpoint_prefix
from services.transcriber.engines.registry import Engines
from services.transcriber.leftovers import ClaimedLeftover, Leftover, LeftoverStore
from services.transcriber.pacing import Pacing
from services.transcriber.store import Transcription
from shared.blobs import BlobStore
from shared.errors import RetryableError

AT_ONCE = 20
REMEMBER_CLOSED_DAYS = 30
SEARCH_SECONDS = 600.0
"""A task that was perhaps taken is searched for until so long after it was handed over: lists of providers lag behind."""

log = structlog.get_logger(__name__)


def left_by(row: Transcription, engines: Engines) -> list[Leftover]:
    """What a transcription leaves when it ends: checkpoints, among them answers by callback, and what the provider keeps."""
    checkpoints = Leftover(
        prefix=checkpoint_prefix(row.tenant_id, row.job_id, row.run), tenant_id=row.tenant_id, job_id=row.job_id
    )
    match engines.get(row.engine):
        case RentedEngine() as engine:
            at_provider = [_task_of(row)] if engine.capabilities.keeps_copies and _may_be_there(row) else []
            return [*at_provider, checkpoints] if engine.largest_callback > RentedEngine.largest_callback else at_provider
        case InHouseEngine() | AnsweringEngine():
            return [checkpoints]
        case _:
            return []


def _may_be_there(row: Transcription) -> bool:
    """Whether the provider has anything of it: the task, perhaps the task, or what was uploaded for it."""
    return row.provider_id is not None or row.prepared is not None


def _task_of(row: Transcription) -> Leftover:
    is_known = row.provider_id is not None and row.submissions <= 1
    return Leftover(
        engine=row.engine,
        tenant_id=row.tenant_id,
        account_id=row.account_id,
        provider_id=row.provider_id,
        prepared=row.prepared,
        token=row.token,
        submitted_at=None if is_known else row.submitted_at,
        job_id=row.job_id,
    )


class Cleaner:
    """Works off the leftovers."""

    def __init__(self, *, store: LeftoverStore, blobs: BlobStore, engines: Engines, accounts: Accounts, pacing: Pacing) -> None:
        self._store = store
        self._blobs = blobs
        self._engines = engines
        self._accounts = accounts
        self._pacing = pacing

    async def clean(self) -> None:
        """Remove what is due now. What cannot be removed is due again later."""
        while leftovers := await self._store.claim(AT_ONCE):
            await asyncio.gather(*map(self._clean_one, leftovers))

    async def forget_closed(self) -> None:
        """Forget jobs that were closed long ago."""
        await self._store.forget_closed(days=REMEMBER_CLOSED_DAYS)

    async def _clean_one(self, leftover: ClaimedLeftover) -> None:
        try:
            await self._remove(leftover)
            if not _may_still_appear(leftover):
                await self._store.done(leftover.id)
        except Exception as error:
            log.warning("leftover.kept", prefix=leftover.prefix, engine=leftover.engine, error=repr(error))

    async def _remove(self, leftover: ClaimedLeftover) -> None:
        if leftover.prefix is not None:
            await self._blobs.delete_prefix(leftover.prefix)
        elif leftover.engine is not None and leftover.tenant_id is not None:
            engine = self._engines[leftover.engine]
            assert isinstance(engine, RentedEngine)
            account = await self._accounts.of(leftover.tenant_id, engine, leftover.account_id)
            account = account or await self._accounts.of(leftover.tenant_id, engine)
            if account is None:
                raise RetryableError(f"there is no key for the engine {engine.name} to dismiss a task with")
            async with self._pacing.asking(account, searching=True):
                search = leftover.submitted_at is not None
                await engine.dismiss(account, leftover.provider_id, leftover.prepared or {}, search=search)


def _may_still_appear(leftover: ClaimedLeftover) -> bool:
    """Whether a task that was not found may yet be listed."""
    if leftover.provider_id is not None or leftover.submitted_at is None:
        return False
    return (dt.datetime.now(dt.UTC) - leftover.submitted_at).total_seconds() < SEARCH_SECONDS
