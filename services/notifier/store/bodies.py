"""Bodies that are made after their message."""

from __future__ import annotations

from uuid import UUID

from shared.database import Pool
from shared.schemas.endpoints import Payload


class BodyStore:
    """Keeps bodies."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep(self, message_id: UUID, payload: Payload, body: bytes) -> bytes:
        """Keep a body, unless there is one; returns the one that is kept. A message that is gone by now keeps none."""
        kept: bytes | None = await self._pool.fetchval(
            """
            with made as (
                insert into notifier.bodies (message_id, payload, body)
                select id, $2, $3 from notifier.messages where id = $1 for key share
                on conflict do nothing returning body
            )
            select body from made
            union all
            select body from notifier.bodies where message_id = $1 and payload = $2
            limit 1
            """,
            message_id,
            payload,
            body,
        )
        return body if kept is None else kept
