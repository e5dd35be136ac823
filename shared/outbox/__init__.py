"""The transactional outbox: an event is a row in the transaction that caused it, and a relay brings it to the bus.

A row is deleted when the bus has the event, so nothing is lost: whoever dies, the row is claimed again when its
claim runs out. All its times are by the database's clock. A row that the bus refuses, or whose reader keeps failing,
ends in `dead_letters`, which `audio2txt dead-letters` lists and replays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from uuid import UUID

import msgspec

from shared.bus import Bus
from shared.database import Connection, Pool
from shared.outbox.relay import Relay
from shared.schemas.events import Event, routing_key


class OutboxRow(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of one row, for stores that insert it in a statement of their own."""

    message_id: UUID
    routing_key: str
    payload: bytes


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was given up, and why."""

    id: int
    message_id: UUID
    routing_key: str
    payload: bytes
    error: str
    attempts: int
    failed_at: dt.datetime
    replayed_at: dt.datetime | None


def row_of(event: Event) -> OutboxRow:
    """What a store inserts into `<schema>.outbox (message_id, routing_key, payload)`."""
    return OutboxRow(message_id=event.event_id, routing_key=routing_key(event), payload=msgspec.json.encode(event))


class Outbox:
    """The outbox in one service's schema, and its relay. Call `wake` after a commit that wrote rows."""

    def __init__(self, *, pool: Pool, schema: str) -> None:
        self._pool = pool
        self._schema = schema
        self._table = f"{schema}.outbox"
        self._relay = Relay(pool=pool, schema=schema)

    async def append(self, connection: Connection, *events: Event) -> None:
        """Add events to the caller's transaction; an event already there (same id) is left as it is."""
        await connection.executemany(
            f"insert into {self._table} (message_id, routing_key, payload) values ($1, $2, $3) "
            "on conflict (message_id) do nothing",
            [(row.message_id, row.routing_key, row.payload) for row in map(row_of, events)],
        )

    def wake(self) -> None:
        """Tell this process's relay that rows are due."""
        self._relay.wake()

    async def relay(self, bus: Bus) -> None:
        """Deliver for ever. Raises when the database is away; called again, it goes on. Cancelled, it frees its rows."""
        await self._relay.run(bus)

    async def release_claims(self) -> None:
        """Free the rows of a dead relay at once. Only where no other process can be relaying: the one-process mode."""
        await self._pool.execute(f"update {self._table} set held_until = null where held_until is not null")

    async def lag_seconds(self) -> float:
        """Age of the oldest row that is due, in whatever attempt it is."""
        age = await self._pool.fetchval(
            f"select extract(epoch from now() - min(deliver_at))::float8 from {self._table} where deliver_at <= now()"
        )
        return float(age or 0)

    async def forget(self, connection: Connection, subject: UUID, *, keep: Collection[str] = ()) -> int:
        """Delete the events about a job or a tenant that have not left, dead letters included, but those with the routing keys
        to `keep`; returns how many."""
        gone = 0
        for table in (self._table, f"{self._schema}.dead_letters"):
            rows = await connection.fetch(
                f"delete from {table} where position(convert_to($1, 'utf8') in payload) > 0 "
                "and not routing_key = any($2::text[]) returning id",
                *(str(subject), list(keep)),
            )
            gone += len(rows)
        return gone

    async def dead_letters(self, limit: int) -> list[DeadLetter]:
        """The newest events that were given up, replayed ones included."""
        rows = await self._pool.fetch(f"select * from {self._schema}.dead_letters order by id desc limit $1", limit)
        return [msgspec.convert(dict(row), DeadLetter) for row in rows]

    async def replay(self, ids: list[int] | None) -> int:
        """Put dead letters (all that were not replayed yet, or those named) back into the outbox; returns how many."""
        done = await self._pool.fetch(
            f"""
            with again as (
                update {self._schema}.dead_letters set replayed_at = now()
                where case when $1::bigint[] is null then replayed_at is null else id = any($1) end
                returning message_id, routing_key, payload
            )
            insert into {self._table} (message_id, routing_key, payload)
            select message_id, routing_key, payload from again on conflict (message_id) do nothing returning id
            """,
            ids,
        )
        self.wake()
        return len(done)
