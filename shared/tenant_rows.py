"""The rows of one tenant in one schema, found by the catalogue: every table that has rows of tenants names them in `tenant_id`.

So a table that is added later is not forgotten, neither when a tenant is erased nor when that is verified.
"""

from __future__ import annotations

from collections.abc import Collection
from graphlib import TopologicalSorter
from uuid import UUID

from shared.database import Pool

BATCH = 5000


async def delete_rows_of(pool: Pool, schema: str, tenant_id: UUID, *, keep: Collection[str] = ()) -> int:
    """Delete them in every table but those to keep, so many at a time; returns how many there were. Once more is no harm."""
    deleted = 0
    for table in await tables_of(pool, schema, keep=keep):
        while gone := await pool.fetchval(
            f"""
            with gone as (
                delete from {schema}.{table} where ctid = any (array(
                    select ctid from {schema}.{table} where tenant_id = $1 limit {BATCH}
                )) returning 1
            )
            select count(*) from gone
            """,
            tenant_id,
        ):
            deleted += gone
    return deleted


async def count_rows_of(pool: Pool, schema: str, tenant_id: UUID, *, keep: Collection[str] = ()) -> int:
    """How many there are in all tables but those to keep."""
    counts = [
        await pool.fetchval(f"select count(*) from {schema}.{table} where tenant_id = $1", tenant_id)
        for table in await tables_of(pool, schema, keep=keep)
    ]
    return sum(counts)


async def tables_of(pool: Pool, schema: str, *, keep: Collection[str] = ()) -> list[str]:
    """The schema's tables with rows of tenants: those that refer to others come before them."""
    names = await pool.fetch(
        """
        select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and a.attname = 'tenant_id' and not a.attisdropped
        order by 1
        """,
        schema,
    )
    references = await pool.fetch(
        """
        select child.relname as child, parent.relname as parent from pg_constraint k
        join pg_class child on child.oid = k.conrelid join pg_class parent on parent.oid = k.confrelid
        where k.contype = 'f' and k.connamespace = $1::regnamespace and k.conrelid <> k.confrelid
        """,
        schema,
    )
    wanted = [row["relname"] for row in names if row["relname"] not in keep]
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(wanted, ()))
    for row in references:
        order.add(row["parent"], row["child"])
    return [name for name in order.static_order() if name in wanted]
