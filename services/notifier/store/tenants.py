"""Who reads what a tenant was told waits for those who are telling it: else a message whose transaction is under way would be
missed by both, as it neither saw a new endpoint nor can be seen yet.

Advisory locks that end with the transaction, which poolers of connections can bear.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from shared.database import Connection


async def enter(connection: Connection, tenant_ids: Collection[UUID]) -> None:
    """Something of these tenants is taken in; others may do the same."""
    await connection.execute(
        "select pg_advisory_xact_lock_shared(hashtextextended('audio2txt.notifier.intake ' || id, 0)) "
        "from unnest($1::uuid[]) as id",
        sorted(tenant_ids),
    )


async def wait_for_intake(connection: Connection, tenant_id: UUID) -> None:
    """Return when everything is committed that was being taken in for a tenant; nothing more is, until the transaction ends."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('audio2txt.notifier.intake ' || $1::uuid, 0))", tenant_id
    )
