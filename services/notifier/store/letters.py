"""Letters to users, each to an address that is kept for such letters alone. Sent once per event id."""

from __future__ import annotations

import msgspec

from services.notifier.store import health
from shared.database import Pool, transaction
from shared.schemas.events import UserMailRequested
from shared.schemas.ids import new_id


class LetterStore:
    """Makes the deliveries of letters."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(self, event: UserMailRequested, body: bytes) -> bool:
        """Have it sent in the place of those of its kind that wait to be; whether it is the first time that it is heard.

        The address is not listed, and nothing else is sent to it, as with callbacks of jobs. One that was given up is tried
        again: somebody may have mended it since, and somebody waits for the letter.
        """
        endpoint = event.endpoint
        async with transaction(self._pool) as connection:
            new = await connection.fetchval(
                "insert into notifier.messages (id, tenant_id, type, traceparent, occurred_at) values ($1, $2, $3, $4, $5) "
                "on conflict do nothing returning true",
                *(event.event_id, event.tenant_id, event.message, event.traceparent, event.occurred_at),
            )
            if not new:
                return False
            await connection.execute(
                "insert into notifier.endpoints (id, tenant_id, version, callback, configuration) values ($1, $2, 0, true, $3) "
                "on conflict (id) do update set configuration = excluded.configuration",
                *(endpoint.id, event.tenant_id, msgspec.to_builtins(endpoint)),
            )
            await health.put(connection, {endpoint.id: event.tenant_id})
            await health.lock(connection, [endpoint.id])
            await connection.execute(
                "update notifier.health set disabled_at = null, disabled_reason = null, revision = revision + 1 "
                "where endpoint_id = $1 and disabled_at is not null",
                endpoint.id,
            )
            await connection.execute(
                """
                update notifier.deliveries d set state = 'cancelled', finished_at = now() from notifier.messages m
                where d.endpoint_id = $1 and d.state = 'pending' and d.lease is null and m.id = d.message_id and m.type = $2
                """,
                *(endpoint.id, event.message),
            )
            await connection.execute(
                "insert into notifier.bodies (message_id, payload, body) values ($1, 'thin', $2)", event.event_id, body
            )
            await connection.execute(
                "insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, due_at) "
                "values ($1, $2, $3, $4, now())",
                *(new_id(), endpoint.id, event.event_id, event.tenant_id),
            )
            await health.settle(connection, [endpoint.id])
        return True
