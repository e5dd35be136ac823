"""Sets of terms and replacements. Every change leaves its entry in the audit log, in its transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from services.gateway.audit import Action, Fact, entry_of
from services.gateway.cursors import Cursor
from services.gateway.store import patiently
from services.gateway.store.audit import note
from shared.database import Connection, Pool, transaction
from shared.schemas.vocabularies import Replacement, Vocabulary, VocabularyTerm


class NameTaken(Exception):
    """Another set of the tenant has the name; nothing was changed."""


class _Changed(Exception):
    """Somebody else was there first; the transaction is rolled back."""


class VocabularyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of `gateway.vocabularies`."""

    id: UUID
    tenant_id: UUID
    name: str
    version: int = 1
    is_default: bool = False
    terms: tuple[VocabularyTerm, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    created_at: dt.datetime
    updated_at: dt.datetime

    @property
    def as_used(self) -> Vocabulary:
        """What a job keeps of it."""
        return Vocabulary(id=self.id, name=self.name, version=self.version, terms=self.terms, replacements=self.replacements)


_NAMES = [field.name for field in msgspec.structs.fields(VocabularyRow)]
_COLUMNS = ", ".join(_NAMES)
_PLACES = ", ".join(f"${number}" for number in range(1, len(_NAMES) + 1))


class VocabularyStore:
    """Rows of `gateway.vocabularies`, always asked for by tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, tenant_id: UUID, vocabulary_id: UUID) -> VocabularyRow | None:
        """One set of the tenant."""
        rows = await self._fetch("tenant_id = $1 and id = $2", tenant_id, vocabulary_id)
        return rows[0] if rows else None

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[VocabularyRow]:
        """The tenant's newest sets, those after the cursor."""
        return await self._fetch(
            "tenant_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3)) "
            "order by created_at desc, id desc limit $4",
            *(tenant_id, after and after.created_at, after and after.id, limit),
        )

    async def named(self, tenant_id: UUID, names: Sequence[str]) -> list[VocabularyRow]:
        """Those with one of the names, in any case, or ids."""
        return await self._fetch(
            "tenant_id = $1 and (lower(name) in (select lower(name) from unnest($2::text[]) name) or id::text = any($3))",
            *(tenant_id, names, [name.lower() for name in names]),
        )

    async def default(self, tenant_id: UUID) -> VocabularyRow | None:
        """The one for jobs that name none."""
        rows = await self._fetch("tenant_id = $1 and is_default", tenant_id)
        return rows[0] if rows else None

    async def add(self, row: VocabularyRow, *, most: int) -> bool:
        """Add one, while the tenant has fewer than `most`. Raises `NameTaken`."""
        return await patiently(self._add(row, most))

    async def change(self, before: VocabularyRow, after: VocabularyRow) -> bool:
        """Write the next version of one; False when somebody else was there first. Raises `NameTaken`."""
        try:
            await patiently(self._change(before, after))
        except _Changed:
            return False
        return True

    async def remove(self, row: VocabularyRow) -> bool:
        """Delete one as it is known; False when it was changed meanwhile."""
        return await patiently(self._remove(row))

    async def _fetch(self, condition: str, *arguments: object) -> list[VocabularyRow]:
        rows = await patiently(self._pool.fetch(f"select {_COLUMNS} from gateway.vocabularies where {condition}", *arguments))
        return [msgspec.convert(dict(row), VocabularyRow) for row in rows]

    async def _add(self, row: VocabularyRow, most: int) -> bool:
        async with transaction(self._pool) as connection:
            # Of two at once, the second counts the first.
            await connection.execute("select from gateway.tenants where id = $1 for update", row.tenant_id)
            count = await connection.fetchval("select count(*) from gateway.vocabularies where tenant_id = $1", row.tenant_id)
            if count >= most:
                return False
            await _make_room(connection, row)
            try:
                await connection.execute(
                    f"insert into gateway.vocabularies ({_COLUMNS}) values ({_PLACES})", *msgspec.structs.astuple(row)
                )
            except asyncpg.UniqueViolationError:
                raise NameTaken from None
            await note(connection, entry_of(Action.VOCABULARY_CREATED, row.tenant_id, row.id, after=_facts(row)))
        return True

    async def _change(self, before: VocabularyRow, after: VocabularyRow) -> None:
        async with transaction(self._pool) as connection:
            await connection.execute("select from gateway.tenants where id = $1 for update", after.tenant_id)
            await _make_room(connection, after)
            try:
                changed = await connection.fetchval(
                    """
                    update gateway.vocabularies
                    set name = $4, version = version + 1, is_default = $5, terms = $6, replacements = $7, updated_at = $8
                    where id = $1 and tenant_id = $2 and version = $3 returning id
                    """,
                    *(after.id, after.tenant_id, before.version),
                    *(after.name, after.is_default, after.terms, after.replacements, after.updated_at),
                )
            except asyncpg.UniqueViolationError:
                raise NameTaken from None
            if changed is None:
                raise _Changed
            facts = {"before": _facts(before), "after": _facts(after)}
            await note(connection, entry_of(Action.VOCABULARY_CHANGED, after.tenant_id, after.id, **facts))

    async def _remove(self, row: VocabularyRow) -> bool:
        async with transaction(self._pool) as connection:
            gone = await connection.fetchval(
                "delete from gateway.vocabularies where id = $1 and tenant_id = $2 and version = $3 returning id",
                *(row.id, row.tenant_id, row.version),
            )
            if gone is None:
                return False
            await note(connection, entry_of(Action.VOCABULARY_DELETED, row.tenant_id, row.id, before=_facts(row)))
        return True


async def _make_room(connection: Connection, row: VocabularyRow) -> None:
    """Of a tenant, one set is the default."""
    if row.is_default:
        await connection.execute(
            "update gateway.vocabularies set is_default = false, version = version + 1, updated_at = now() "
            "where tenant_id = $1 and is_default and id <> $2",
            *(row.tenant_id, row.id),
        )


def _facts(row: VocabularyRow) -> dict[str, Fact]:
    """What the audit log keeps of a set."""
    return {
        "name": row.name,
        "default": row.is_default,
        "terms": len(row.terms),
        "replacements": len(row.replacements),
    }
