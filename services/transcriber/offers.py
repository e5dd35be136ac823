"""What the transcribers of this installation offer, as rows that the gateway reads through a view."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from shared.database import Pool, transaction
from shared.schemas.engines import EngineOffer

FORGET_MINUTES = 60


class OfferStore:
    """Reads and writes `engine_offers`. Each process has rows of its own."""

    def __init__(self, *, pool: Pool, owner: UUID) -> None:
        self._pool = pool
        self._owner = owner

    async def publish(self, offers: Sequence[EngineOffer]) -> None:
        """Offer these now; offers of processes that have long been gone are forgotten."""
        async with transaction(self._pool) as connection:
            await connection.executemany(
                """
                insert into transcriber.engine_offers (owner, name, offer) values ($1, $2, $3)
                on conflict (owner, name) do update set offer = excluded.offer, seen_at = now()
                """,
                [(self._owner, offer.name, offer) for offer in offers],
            )
            await connection.execute(
                "delete from transcriber.engine_offers where seen_at < now() - make_interval(mins => $1)", FORGET_MINUTES
            )

    async def withdraw(self) -> None:
        """Stand back: these offers count only as long as nobody else makes any."""
        await self._pool.execute(
            "update transcriber.engine_offers set seen_at = seen_at - interval '5 minutes' where owner = $1", self._owner
        )

    async def offered(self) -> list[EngineOffer]:
        """What can be chosen, by name."""
        rows = await self._pool.fetch("select offer from transcriber.offered_engines order by name")
        return [msgspec.convert(row["offer"], EngineOffer) for row in rows]
