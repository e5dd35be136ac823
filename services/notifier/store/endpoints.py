"""The copy of what customers have set, guarded by its version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID, uuid5

import msgspec

from services.notifier.notifications import confirmation_body
from services.notifier.store import health
from services.notifier.store.intake import Callback
from shared.database import Connection, Pool, transaction
from shared.schemas.endpoints import Endpoint, EndpointKind, EventType, Withheld
from shared.schemas.events import EndpointChanged
from shared.schemas.ids import new_id


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
            concerned = await _concerned(connection, event)
            await health.lock(connection, concerned)  # the statements after it see what others have done to the rows
            if event.endpoint is None:
                await _cancel(connection, event.endpoint_id)
            else:
                await _switch_on(connection, event.endpoint)
                if event.endpoint.kind is EndpointKind.EMAIL:
                    await _withhold(connection, event.endpoint)
                    await _ask(connection, event, event.endpoint, beside=concerned)
            await connection.execute(
                "update notifier.health set rate_per_minute = $2 where endpoint_id = $1",
                event.endpoint_id,
                event.endpoint.rate_per_minute if event.endpoint is not None else None,
            )
            await health.settle(connection, concerned)
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


async def _concerned(connection: Connection, event: EndpointChanged) -> list[UUID]:
    """The endpoint, and those of the tenant with the same address, where its reader is to be asked."""
    if event.endpoint is None or event.endpoint.withheld is not Withheld.UNCONFIRMED:
        return [event.endpoint_id]
    rows = await connection.fetch(
        "select id from notifier.endpoints where tenant_id = $1 and not callback and deleted_at is null "
        "and configuration ->> 'address_id' = $2",
        *(event.tenant_id, str(event.endpoint.address_id)),
    )
    return list({event.endpoint_id, *(row["id"] for row in rows)})


async def _withhold(connection: Connection, endpoint: Endpoint) -> None:
    """Cancel what may not be sent to the address: all but the question, or all; and the question, once it is answered."""
    await connection.execute(
        """
        update notifier.deliveries d set state = 'cancelled', finished_at = now()
        from notifier.messages m
        where d.endpoint_id = $1 and d.state = 'pending' and (d.lease is null or d.due_at <= now()) and m.id = d.message_id
            and ($2::text = 'suppressed' or (m.type = $3) <> ($2 is not null))
        """,
        endpoint.id,
        endpoint.withheld,
        EventType.ENDPOINT_CONFIRMATION,
    )


async def _ask(connection: Connection, event: EndpointChanged, endpoint: Endpoint, *, beside: Collection[UUID]) -> None:
    """Ask an address's reader, once for each time that somebody wished it. A newer question takes the place of those that wait
    to be sent because of this endpoint and those `beside` it."""
    if endpoint.withheld is not Withheld.UNCONFIRMED or endpoint.asked_at is None:
        return
    message_id = uuid5(endpoint.id, endpoint.asked_at.isoformat())
    asked = await connection.fetchval(
        "insert into notifier.messages (id, tenant_id, type, traceparent, occurred_at) values ($1, $2, $3, $4, $5) "
        "on conflict do nothing returning true",
        *(message_id, event.tenant_id, EventType.ENDPOINT_CONFIRMATION, event.traceparent, endpoint.asked_at),
    )
    if not asked:
        return
    await connection.execute(
        """
        update notifier.deliveries d set state = 'cancelled', finished_at = now()
        from notifier.messages m
        where d.endpoint_id = any($1::uuid[]) and d.state = 'pending' and d.lease is null
            and m.id = d.message_id and m.type = $2
        """,
        *(list(beside), EventType.ENDPOINT_CONFIRMATION),
    )
    await connection.execute(
        "insert into notifier.bodies (message_id, payload, body) values ($1, 'thin', $2)",
        *(message_id, confirmation_body(endpoint.id, endpoint.asked_at)),
    )
    await connection.execute(
        "insert into notifier.deliveries (id, endpoint_id, message_id, tenant_id, due_at) values ($1, $2, $3, $4, now())",
        *(new_id(), endpoint.id, message_id, event.tenant_id),
    )
