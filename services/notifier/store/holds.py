"""What was taken to be sent, and waits for its host instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from services.notifier.store import health
from services.notifier.store.claims import Claimed
from shared.database import Pool, transaction


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """How long nothing is sent to an endpoint."""

    revision: int
    """Of the health that its owner knows: one that somebody has changed since is left as it is."""
    seconds: float


class HoldStore:
    """Puts claims back, and their endpoints to rest."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def hold(self, claims: Sequence[Claimed], endpoints: Mapping[UUID, Hold]) -> None:
        """End the leases, as no attempt was made, and let the endpoints rest as after failures of their own."""
        async with transaction(self._pool) as connection:
            await health.lock(connection, endpoints)
            await connection.execute(
                "update notifier.deliveries set lease = null, due_at = now() "
                "where lease = any($1::uuid[]) and id = any($2::uuid[]) and state = 'pending'",
                list({claimed.lease for claimed in claims}),
                [claimed.id for claimed in claims],
            )
            await connection.execute(
                """
                update notifier.health h set open_until = greatest(h.open_until, now() + make_interval(secs => r.seconds))
                from unnest($1::uuid[], $2::int[], $3::float8[]) as r (endpoint_id, revision, seconds)
                where h.endpoint_id = r.endpoint_id and h.revision = r.revision
                """,
                list(endpoints),
                [hold.revision for hold in endpoints.values()],
                [hold.seconds for hold in endpoints.values()],
            )
            await health.settle(connection, endpoints)
