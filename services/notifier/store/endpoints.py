"""The copy of what customers have set, guarded by its version."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from services.notifier.store import health
from services.notifier.store.intake import Callback
from shared.database import Connection, Pool, transaction
from shared.schemas.endpoints import Endpoint
from shared.schemas.events import EndpointChanged


class Legacy(msgspec.Struct, frozen=True, kw_only=True):
    """A callback from before endpoints were sealed."""

    id: UUID
    tenant_id: UUID
    legacy_url: str


class EndpointStore:
    """Keeps endpoints."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def change(self, event: EndpointChanged) -> bool:
        """Take over a change, unless a newer one is known; whether it was taken."""
        async with transaction(self._pool) as connection:
            if not await _store(connection, event):
                return False
            await health.put(connection, {event.endpoint_id: event.tenant_id})
            await health.lock(connection, [event.endpoint_id])  # the statements after it see what others have done to the row
            if event.endpoint is None:
                await _cancel(connection, event.endpoint_id)
            else:
                await _switch_on(connection, event.endpoint)
            await connection.execute(
                "update notifier.health set rate_per_minute = $2 where endpoint_id = $1",
                event.endpoint_id,
                event.endpoint.rate_per_minute if event.endpoint is not None else None,
            )
            await health.settle(connection, [event.endpoint_id])
        return True

    async def legacy(self) -> list[Legacy]:
        """Callbacks that are to be sealed."""
        rows = await self._pool.fetch("select id, tenant_id, legacy_url from notifier.endpoints where legacy_url is not null")
        return [Legacy(**row) for row in rows]

    async def adopt(self, callbacks: Sequence[Callback]) -> None:
        """Keep them sealed from now on."""
        await self._pool.executemany(
            "update notifier.endpoints set configuration = $2, legacy_url = null where id = $1 and legacy_url is not null",
            [(callback.endpoint_id, msgspec.to_builtins(callback.configure())) for callback in callbacks],
        )


async def _store(connection: Connection, event: EndpointChanged) -> bool:
    endpoint = event.endpoint
    taken = await connection.fetchval(
        """
        insert into notifier.endpoints (id, tenant_id, version, configuration, events, paused, deleted_at)
        values ($1, $2, $3, $4, $5, $6, case when $7 then now() end)
        on conflict (id) do update
        set version = excluded.version, configuration = excluded.configuration, events = excluded.events,
            paused = excluded.paused, deleted_at = excluded.deleted_at
        where endpoints.version < excluded.version and endpoints.tenant_id = excluded.tenant_id and not endpoints.callback
        returning true
        """,
        event.endpoint_id,
        event.tenant_id,
        event.version,
        msgspec.to_builtins(endpoint) if endpoint is not None else None,
        list(endpoint.events) if endpoint is not None else [],
        endpoint.paused if endpoint is not None else False,
        endpoint is None,
    )
    return bool(taken)


async def _cancel(connection: Connection, endpoint_id: UUID) -> None:
    """Nothing more is sent to a deleted endpoint; the log stays. What is under way ends by itself."""
    await connection.execute(
        "update notifier.deliveries set state = 'cancelled', finished_at = now() "
        "where endpoint_id = $1 and state = 'pending' and (lease is null or due_at <= now())",
        endpoint_id,
    )


async def _switch_on(connection: Connection, endpoint: Endpoint) -> None:
    """An endpoint that was switched on after it had been disabled begins anew, and slowly."""
    await connection.execute(
        """
        update notifier.health
        set disabled_at = null, disabled_reason = null, failures = 0, failing_since = null, blocked = 0, warned = 0,
            standing = 'new', send_window = 1, recovering = true, strikes = 0, opened = 0, open_until = null,
            not_before = null, revision = revision + 1
        where endpoint_id = $1 and disabled_at < $2
        """,
        endpoint.id,
        endpoint.enabled_at,
    )
