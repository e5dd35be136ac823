"""The rows that say how endpoints fare, and when something is next due for them. Locked in the order of their ids, and before
any delivery of theirs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from services.notifier.store.partitions import part_of
from shared.database import Connection


async def put(connection: Connection, endpoints: Mapping[UUID, UUID]) -> None:
    """Begin to keep the health of these endpoints, given with their tenants."""
    ids = sorted(endpoints)
    await connection.execute(
        "insert into notifier.health (endpoint_id, tenant_id, part) "
        "select * from unnest($1::uuid[], $2::uuid[], $3::smallint[]) on conflict (endpoint_id) do nothing",
        ids,
        [endpoints[endpoint_id] for endpoint_id in ids],
        [part_of(endpoint_id) for endpoint_id in ids],
    )


async def lock(connection: Connection, endpoint_ids: Collection[UUID]) -> None:
    """Let nobody else change these rows until the transaction ends."""
    await connection.execute(
        "select from notifier.health where endpoint_id = any($1::uuid[]) order by endpoint_id for update", sorted(endpoint_ids)
    )


async def wake(connection: Connection, endpoint_ids: Collection[UUID]) -> None:
    """Something new is due for these endpoints, whose rows are locked."""
    await connection.execute(
        """
        update notifier.health h set due_at = least(h.due_at, greatest(now(), h.open_until, h.not_before))
        from notifier.endpoints e
        where h.endpoint_id = any($1::uuid[]) and e.id = h.endpoint_id
            and h.disabled_at is null and not e.paused and e.deleted_at is null
        """,
        list(endpoint_ids),
    )


async def settle(connection: Connection, endpoint_ids: Collection[UUID]) -> None:
    """Look up when these endpoints, whose rows are locked, are next due."""
    await connection.execute(
        "update notifier.health set due_at = notifier.next_due(endpoint_id) where endpoint_id = any($1::uuid[])",
        list(endpoint_ids),
    )
