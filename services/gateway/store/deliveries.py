"""What was sent, and how endpoints fare, as the notifier publishes it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from services.gateway.cursors import Cursor
from services.gateway.store import patiently
from shared.database import Pool
from shared.schemas.endpoints import AttemptRecord, DeliveryRecord, DeliveryStatus, EndpointHealth


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries to show; null is all."""

    endpoint_id: UUID | None = None
    job_id: UUID | None = None
    message_id: str | None = None
    status: DeliveryStatus | None = None


def _columns(kind: type[msgspec.Struct]) -> str:
    return ", ".join(field.name for field in msgspec.structs.fields(kind))


_OF_TENANT = "type not like 'user.%'"
"""Letters to users about their passwords are their own."""


class DeliveryLog:
    """Reads the notifier's views `endpoint_health`, `delivery_log` and `attempt_log`. Empty before its schema is there."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def health(self, endpoint_ids: Sequence[UUID]) -> dict[UUID, EndpointHealth]:
        """How these endpoints fare; those that nothing was ever sent to are left out."""
        rows = await self._rows(
            f"select {_columns(EndpointHealth)} from notifier.endpoint_health where endpoint_id = any($1::uuid[])", endpoint_ids
        )
        return {row["endpoint_id"]: msgspec.convert(dict(row), EndpointHealth) for row in rows}

    async def page(self, tenant_id: UUID, wanted: DeliveryFilter, *, after: Cursor | None, limit: int) -> list[DeliveryRecord]:
        """The tenant's newest deliveries, those after the cursor."""
        rows = await self._rows(
            f"""
            select {_columns(DeliveryRecord)} from notifier.delivery_log
            where tenant_id = $1 and {_OF_TENANT} and ($2::timestamptz is null or (created_at, id) < ($2, $3))
              and ($5::uuid is null or endpoint_id = $5) and ($6::uuid is null or job_id = $6)
              and ($7::text is null or message_id = $7) and ($8::text is null or status = $8)
            order by created_at desc, id desc limit $4
            """,
            *(tenant_id, after and after.created_at, after and after.id, limit),
            *msgspec.structs.astuple(wanted),
        )
        return [msgspec.convert(dict(row), DeliveryRecord) for row in rows]

    async def find(self, tenant_id: UUID, delivery_id: UUID) -> DeliveryRecord | None:
        """One delivery of the tenant."""
        rows = await self._rows(
            f"select {_columns(DeliveryRecord)} from notifier.delivery_log where tenant_id = $1 and {_OF_TENANT} and id = $2",
            *(tenant_id, delivery_id),
        )
        return msgspec.convert(dict(rows[0]), DeliveryRecord) if rows else None

    async def attempts(self, delivery_id: UUID) -> list[AttemptRecord]:
        """All attempts of a delivery, the first first."""
        rows = await self._rows(
            f"select {_columns(AttemptRecord)} from notifier.attempt_log where delivery_id = $1 order by id", delivery_id
        )
        return [msgspec.convert(dict(row), AttemptRecord) for row in rows]

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            return await patiently(self._pool.fetch(query, *arguments))
        except asyncpg.UndefinedTableError:
            return []
