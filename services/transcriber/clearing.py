"""Removes what ended and erased transcriptions have left, and tries again until it is gone."""

from __future__ import annotations

import structlog

from services.transcriber.engines import Account, InHouseEngine, RentedEngine, checkpoint_prefix
from services.transcriber.engines.registry import Engines
from services.transcriber.leftovers import ClaimedLeftover, Leftover, LeftoverStore
from services.transcriber.store import Transcription
from shared.blobs import BlobStore

AT_ONCE = 20
REMEMBER_CLOSED_DAYS = 30

log = structlog.get_logger(__name__)


def left_by(row: Transcription, engines: Engines) -> list[Leftover]:
    """What a transcription leaves when it ends: checkpoints, or a copy at the provider."""
    match engines.get(row.engine):
        case InHouseEngine():
            return [Leftover(prefix=checkpoint_prefix(row.tenant_id, row.job_id, row.run))]
        case RentedEngine(capabilities=capabilities) if capabilities.keeps_copies and row.provider_id is not None:
            return [Leftover(engine=row.engine, provider_id=row.provider_id)]
        case _:
            return []


class Cleaner:
    """Works off the leftovers."""

    def __init__(self, *, store: LeftoverStore, blobs: BlobStore, engines: Engines) -> None:
        self._store = store
        self._blobs = blobs
        self._engines = engines

    async def clean(self) -> None:
        """Remove what is due now. What cannot be removed is due again later."""
        for leftover in await self._store.claim(AT_ONCE):
            try:
                await self._remove(leftover)
                await self._store.done(leftover.id)
            except Exception as error:
                log.warning("leftover.kept", prefix=leftover.prefix, engine=leftover.engine, error=repr(error))

    async def forget_closed(self) -> None:
        """Forget jobs that were closed long ago."""
        await self._store.forget_closed(days=REMEMBER_CLOSED_DAYS)

    async def _remove(self, leftover: ClaimedLeftover) -> None:
        if leftover.prefix is not None:
            await self._blobs.delete_prefix(leftover.prefix)
        elif leftover.engine is not None and leftover.provider_id is not None:
            engine = self._engines[leftover.engine]
            assert isinstance(engine, RentedEngine)
            await engine.dismiss(Account(engine=leftover.engine, id="", key=""), leftover.provider_id, {})
