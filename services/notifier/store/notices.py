"""Messages to people about endpoints."""

from __future__ import annotations

from uuid import UUID

from services.notifier.store import health
from shared.database import Pool, transaction
from shared.schemas.endpoints import EndpointKind, EventType
from shared.schemas.ids import new_id


class NoticeStore:
    """Tells the people of a tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def tell(self, tenant_id: UUID, type_: EventType, body: bytes, *, about: UUID) -> int:
        """Make a delivery to each e-mail endpoint of the tenant, save the one that it is about; returns how many."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                """
                select e.id from notifier.endpoints e join notifier.health h on h.endpoint_id = e.id
                where e.tenant_id = $1 and not callback and deleted_at is null and disabled_at is null and e.id <> $2
                    and configuration ->> 'kind' = $3 and configuration ->> 'withheld' is null
                order by e.id for share of e
                """,
                tenant_id,
                about,
                EndpointKind.EMAIL,
            )
            if not rows:
                return 0
            message_id = new_id()
            await connection.execute(
                "insert into notifier.messages (id, tenant_id, type, occurred_at) values ($1, $2, $3, now())",
                message_id,
                tenant_id,
                type_,
            )
            await connection.execute(
                "insert into notifier.bodies (message_id, payload, body) values ($1, 'thin', $2)", message_id, body
            )
            await connection.executemany(
                "insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, due_at) "
                "values ($1, $2, $3, $4, now())",
                [(new_id(), row["id"], message_id, tenant_id) for row in rows],
            )
            endpoint_ids = [row["id"] for row in rows]
            await health.lock(connection, endpoint_ids)
            await health.wake(connection, endpoint_ids)
        return len(rows)
