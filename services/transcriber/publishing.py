"""Tells the gateway, over and over, which engines this process offers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from services.transcriber.offers import OfferStore
from shared.database import is_outage
from shared.schemas.engines import EngineOffer

HEARTBEAT_SECONDS = 30.0
"""A process not heard of for two minutes, four beats, offers nothing any more."""

WITHDRAWAL_SECONDS = 3.0

log = structlog.get_logger(__name__)


class Publisher:
    """Offers the engines of this process for as long as it runs."""

    def __init__(self, *, store: OfferStore, offers: Sequence[EngineOffer]) -> None:
        self._store = store
        self._offers = offers

    async def publish(self) -> None:
        """Offer them now."""
        await self._store.publish(self._offers)

    async def run(self) -> None:
        """Offer at once, then with every heartbeat; when cancelled, stand back."""
        try:
            while True:
                await self.publish()
                await asyncio.sleep(HEARTBEAT_SECONDS)
        except asyncio.CancelledError:
            await self._withdraw()
            raise

    async def _withdraw(self) -> None:
        try:
            async with asyncio.timeout(WITHDRAWAL_SECONDS):
                await self._store.withdraw()
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("offers.not_withdrawn", error=repr(error))
