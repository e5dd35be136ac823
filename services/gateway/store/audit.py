"""The audit log: what has come in is chained, tenant by tenant; nothing is ever changed or removed."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from services.gateway.audit import START, Entry, Facts, decode, link
from services.gateway.cursors import Cursor
from services.gateway.store import patiently
from shared.database import Connection, Pool, transaction

_LOCK = 0x61326175
"""Advisory lock key: the bytes of "a2au". Whoever has it chains; chains would fork else."""
_MOST = 1000
"""Entries that are chained, or read, at a time."""
_COLUMNS = "number, id, at, entry, hash"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.audit_log`."""

    number: int
    id: UUID
    at: dt.datetime
    entry: str
    hash: bytes

    @property
    def created_at(self) -> dt.datetime:
        """What lists are ordered by."""
        return self.at


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where a chain ends; number 0 is a chain without entries."""

    number: int = 0
    hash: bytes = START


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries are asked for; null is any."""

    action: str | None = None
    actor: UUID | None = None
    thing: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


def noting(source: str, place: int, *, before: str = "null::jsonb") -> str:
    """A part of a `with` that keeps the entry in parameter `place`, where there is one and `source` has a row."""
    return f"""audited as (
        insert into gateway.audit_intake (entry, before)
        select ${place}::text, {before} from {source} where ${place}::text is not null
    )"""


async def note(database: Connection | Pool, entry: str | None) -> None:
    """Keep an entry in the transaction that makes the change."""
    if entry is not None:
        await database.execute("insert into gateway.audit_intake (entry) values ($1)", entry)


class AuditStore:
    """Rows of `gateway.audit_log`, always asked for by tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take_in(self, entries: Sequence[str]) -> None:
        """Keep entries about what changed nothing."""
        await self._pool.execute("insert into gateway.audit_intake (entry) select unnest($1::text[])", entries)

    async def chain(self, *, wait: bool = False) -> bool:
        """Link what has come in; whether there may be more. While another process is at it, does nothing, or waits for it."""
        if not await self._pool.fetchval("select exists (select from gateway.audit_intake)"):
            return False
        async with transaction(self._pool) as connection:
            if wait:
                await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            elif not await connection.fetchval("select pg_try_advisory_xact_lock($1)", _LOCK):
                return False
            rows = await connection.fetch(
                """
                delete from gateway.audit_intake where number in (
                    select number from gateway.audit_intake order by number limit $1
                ) returning number, entry, before
                """,
                _MOST,
            )
            entries = [_complete(row["entry"], row["before"]) for row in sorted(rows, key=lambda row: row["number"])]
            await _append(connection, entries)
        return len(entries) == _MOST

    async def page(self, tenant_id: UUID, wanted: AuditFilter, *, after: Cursor | None, limit: int) -> list[Link]:
        """The tenant's newest entries, those after the cursor."""
        rows = await patiently(
            self._pool.fetch(
                f"""
                select {_COLUMNS} from gateway.audit_log
                where tenant_id = $1 and ($2::timestamptz is null or (at, id) < ($2, $3))
                  and ($5::text is null or action = $5) and ($6::text is null or actor = $6)
                  and ($7::text is null or thing = $7)
                  and ($8::timestamptz is null or at >= $8) and ($9::timestamptz is null or at < $9)
                order by at desc, id desc limit $4
                """,
                *(tenant_id, after and after.created_at, after and after.id, limit),
                *(wanted.action, wanted.actor and str(wanted.actor), wanted.thing, wanted.since, wanted.until),
            )
        )
        return [msgspec.convert(dict(row), Link) for row in rows]

    async def head(self, tenant_id: UUID) -> Head:
        """Where the tenant's chain ends."""
        row = await patiently(
            self._pool.fetchrow("select number, hash from gateway.audit_heads where tenant_id = $1", tenant_id)
        )
        return Head() if row is None else msgspec.convert(dict(row), Head)

    async def walk(self, tenant_id: UUID, *, last: int) -> AsyncIterator[Link]:
        """The tenant's chain from its beginning to this number, as far as it is there."""
        number = 0
        while number < last:
            rows = await patiently(
                self._pool.fetch(
                    f"""
                    select {_COLUMNS} from gateway.audit_log where tenant_id = $1 and number > $2 and number <= $3
                    order by number limit $4
                    """,
                    *(tenant_id, number, last, _MOST),
                )
            )
            if not rows:
                return
            for row in rows:
                yield msgspec.convert(dict(row), Link)
            number = rows[-1]["number"]

    async def furthest(self, tenant_id: UUID) -> int:
        """The highest number in the tenant's log; 0 while it is empty."""
        number: int = await patiently(
            self._pool.fetchval("select coalesce(max(number), 0) from gateway.audit_log where tenant_id = $1", tenant_id)
        )
        return number


def _complete(text: str, before: object) -> Entry:
    entry = decode(text)
    return entry if before is None else msgspec.structs.replace(entry, before=msgspec.convert(before, Facts))


async def _append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Link entries to the ends of their chains."""
    if not entries:
        return
    tenants = list({entry.tenant_id for entry in entries})
    rows = await connection.fetch("select * from gateway.audit_heads where tenant_id = any($1::uuid[]) for update", tenants)
    heads = {row["tenant_id"]: Head(number=row["number"], hash=row["hash"]) for row in rows}
    linked = []
    for entry in entries:
        end, text = heads.get(entry.tenant_id, Head()), entry.encode()
        number = end.number + 1
        heads[entry.tenant_id] = Head(number=number, hash=link(end.hash, number, entry.tenant_id, text))
        linked.append((entry.tenant_id, number, entry.id, entry.at, text, heads[entry.tenant_id].hash))
    await connection.execute(
        """
        insert into gateway.audit_log (tenant_id, number, id, at, entry, hash)
        select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::text[], $6::bytea[])
        """,
        *(list(column) for column in zip(*linked, strict=True)),
    )
    await connection.execute(
        """
        insert into gateway.audit_heads select * from unnest($1::uuid[], $2::bigint[], $3::bytea[])
        on conflict (tenant_id) do update set number = excluded.number, hash = excluded.hash
        """,
        *(list(heads), [head.number for head in heads.values()], [head.hash for head in heads.values()]),
    )
