"""Where customers want to be told. Every change carries its event, in one statement."""

from __future__ import annotations

import datetime as dt
from typing import assert_never
from uuid import UUID

import msgspec

from services.gateway.audit import Action, Fact, entry_of
from services.gateway.cursors import Cursor
from services.gateway.store import patiently
from services.gateway.store.audit import noting
from shared.database import Connection, Pool
from shared.outbox import row_of
from shared.schemas.endpoints import (
    Endpoint,
    EndpointKind,
    Payload,
    Redeliver,
    Replay,
    Signature,
    SigningKey,
    Test,
    Withheld,
)
from shared.schemas.events import DeliveryRequested, EndpointChanged, Event
from shared.schemas.jobs import ReportLanguage


class EndpointRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.endpoints`."""

    id: UUID
    tenant_id: UUID
    kind: EndpointKind
    description: str | None
    label: str
    sealed: bytes
    events: tuple[str, ...]
    paused: bool = False
    include: Payload = Payload.THIN
    signatures: tuple[Signature, ...] = (Signature.V1,)
    keys: tuple[SigningKey, ...] = (SigningKey(number=1),)
    language: ReportLanguage
    attach: bool = True
    rate_per_minute: int | None = None
    address_id: UUID | None = None
    withheld: Withheld | None = None
    asked_at: dt.datetime | None = None
    enabled_at: dt.datetime
    version: int = 1
    created_at: dt.datetime
    updated_at: dt.datetime


_NAMES = tuple(field.name for field in msgspec.structs.fields(EndpointRow))
_COLUMNS = ", ".join(_NAMES)
_PLACES = ", ".join(f"${number}" for number in range(4, 4 + len(_NAMES)))
_CHANGED = ", ".join(f"{name} = ${number}" for number, name in enumerate(_NAMES, start=4) if name not in ("id", "tenant_id"))
_BEFORE = """(
    select jsonb_build_object(
        'kind', kind, 'label', label, 'events', events, 'paused', paused, 'include', include, 'language', language,
        'attach', attach, 'rate_per_minute', rate_per_minute, 'withheld', withheld,
        'secrets', jsonb_path_query_array(keys, '$[*].number')
    ) from gateway.endpoints e where e.id = changed.id
)"""
"""What the audit log keeps of an endpoint, as it was before the statement."""


class EndpointWrites:
    """Changes, each with its event; by themselves, or in a transaction that somebody else has begun."""

    def __init__(self, database: Pool | Connection) -> None:
        self._database = database

    async def leading_to(self, address_id: UUID) -> list[EndpointRow]:
        """Those whose e-mails go to an address; locked, where a transaction was begun."""
        rows = await patiently(
            self._database.fetch(
                f"select {_COLUMNS} from gateway.endpoints where address_id = $1 order by id for update", address_id
            )
        )
        return [msgspec.convert(dict(row), EndpointRow) for row in rows]

    async def add(self, row: EndpointRow, event: Event, *, most: int) -> bool:
        """Add one, while the tenant has fewer than `most`."""
        return await self._write(
            f"""
            insert into gateway.endpoints ({_COLUMNS}) select {_PLACES}
            where (select count(*) from gateway.endpoints where tenant_id = $5) < {int(most)}
            """,
            event,
            *msgspec.structs.astuple(row),
        )

    async def change(self, row: EndpointRow, event: Event) -> bool:
        """Write the next version of one; False when somebody else was there first."""
        change = f"update gateway.endpoints set {_CHANGED} where id = $4 and tenant_id = $5 and version = {row.version - 1:d}"
        return await self._write(change, event, *msgspec.structs.astuple(row))

    async def remove(self, row: EndpointRow, event: Event) -> bool:
        """Delete one, as it is known; False when it was changed meanwhile."""
        change = "delete from gateway.endpoints where id = $4 and tenant_id = $5 and version = $6"
        return await self._write(change, event, row.id, row.tenant_id, row.version)

    async def tell(self, row: EndpointRow, event: Event) -> bool:
        """Publish an event about one that is there."""
        change = "update gateway.endpoints set updated_at = updated_at where id = $4 and tenant_id = $5"
        return await self._write(change, event, row.id, row.tenant_id)

    async def _write(self, change: str, event: Event, *arguments: object) -> bool:
        out, place = row_of(event), 4 + len(arguments)
        changed = await patiently(
            self._database.fetchval(
                f"""
                with changed as ({change} returning id), event as (
                    insert into gateway.outbox (message_id, routing_key, payload) select $1, $2, $3 from changed
                ), {noting("changed", place, before=_BEFORE)}
                select id from changed
                """,
                *(out.message_id, out.routing_key, out.payload),
                *arguments,
                _entry(event),
            )
        )
        return changed is not None


class EndpointStore(EndpointWrites):
    """Rows of `gateway.endpoints`, always asked for by tenant."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._pool = pool

    async def find(self, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow | None:
        """One endpoint of the tenant."""
        row = await patiently(
            self._pool.fetchrow(
                f"select {_COLUMNS} from gateway.endpoints where tenant_id = $1 and id = $2", tenant_id, endpoint_id
            )
        )
        return None if row is None else msgspec.convert(dict(row), EndpointRow)

    async def unaddressed(self) -> list[EndpointRow]:
        """E-mail endpoints from before addresses were entered."""
        rows = await patiently(
            self._pool.fetch(
                f"select {_COLUMNS} from gateway.endpoints where kind = $1 and address_id is null", EndpointKind.EMAIL
            )
        )
        return [msgspec.convert(dict(row), EndpointRow) for row in rows]

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[EndpointRow]:
        """The tenant's newest endpoints, those after the cursor."""
        rows = await patiently(
            self._pool.fetch(
                f"""
                select {_COLUMNS} from gateway.endpoints
                where tenant_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3))
                order by created_at desc, id desc limit $4
                """,
                *(tenant_id, after and after.created_at, after and after.id, limit),
            )
        )
        return [msgspec.convert(dict(row), EndpointRow) for row in rows]


def _entry(event: Event) -> str | None:
    """What the audit log keeps of the change that an event tells."""
    match event:
        case EndpointChanged(endpoint=None):
            return entry_of(Action.ENDPOINT_DELETED, event.tenant_id, event.endpoint_id)
        case EndpointChanged(endpoint=Endpoint() as endpoint):
            action = Action.ENDPOINT_CREATED if event.version == 1 else Action.ENDPOINT_CHANGED
            return entry_of(action, event.tenant_id, event.endpoint_id, after=_facts(endpoint))
        case DeliveryRequested():
            return _entry_of_wish(event)
        case _:
            return None


def _entry_of_wish(event: DeliveryRequested) -> str | None:
    match event.wish:
        case Test():
            return entry_of(Action.ENDPOINT_TESTED, event.tenant_id, event.endpoint_id)
        case Redeliver(delivery_id=delivery_id):
            told = {"delivery_id": str(delivery_id)}
            return entry_of(Action.DELIVERY_REPEATED, event.tenant_id, event.endpoint_id, after=told)
        case Replay() as wish:
            until = None if wish.until is None else wish.until.isoformat()
            after: dict[str, Fact] = {"since": wish.since.isoformat(), "until": until, "missing": wish.missing}
            return entry_of(Action.ENDPOINT_REPLAYED, event.tenant_id, event.endpoint_id, after=after)
    assert_never(event.wish)


def _facts(endpoint: Endpoint) -> dict[str, Fact]:
    """As `_BEFORE`."""
    return {
        "kind": endpoint.kind.value,
        "label": endpoint.label,
        "events": endpoint.events,
        "paused": endpoint.paused,
        "include": endpoint.include.value,
        "language": endpoint.language,
        "attach": endpoint.attach,
        "rate_per_minute": endpoint.rate_per_minute,
        "withheld": None if endpoint.withheld is None else endpoint.withheld.value,
        "secrets": tuple(key.number for key in endpoint.keys),
    }
