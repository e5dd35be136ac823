"""What tenants have decided about engines."""

from __future__ import annotations

from uuid import UUID

import msgspec

from shared.database import Connection, Pool
from shared.schemas.engines import EngineRules


class RulesChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The decisions to change; what is unset stays as it is."""

    engine: str | msgspec.UnsetType | None = msgspec.UNSET
    allow_rented: bool | msgspec.UnsetType = msgspec.UNSET
    vocabulary: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class RulesStore:
    """Reads and writes `tenant_rules`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._published = False

    async def of(self, tenant_id: UUID) -> EngineRules:
        """A tenant's rules; a tenant that has decided nothing has the usual ones."""
        row = await self._pool.fetchrow("select rules, keys from transcriber.tenant_engines where tenant_id = $1", tenant_id)
        rules = EngineRules() if row is None else read_rules(row["rules"], row["keys"])
        return msgspec.structs.replace(rules, allow_rented=False) if await self._is_kept_inside(tenant_id) else rules

    async def _is_kept_inside(self, tenant_id: UUID) -> bool:
        """Whether the tenant has forbidden at the gateway that anything leaves the house. Before its schema is there, nobody
        has."""
        if not self._published:
            self._published = await self._pool.fetchval("select to_regclass('gateway.kept_inside') is not null") is True
        if not self._published:
            return False
        found = await self._pool.fetchval("select true from gateway.kept_inside where tenant_id = $1", tenant_id)
        return found is True

    async def all(self) -> dict[UUID, EngineRules]:
        """The rules of every tenant that has any, or a key."""
        rows = await self._pool.fetch("select tenant_id, rules, keys from transcriber.tenant_engines order by tenant_id")
        return {row["tenant_id"]: read_rules(row["rules"], row["keys"]) for row in rows}

    async def change(self, tenant_id: UUID, change: RulesChange, *, within: Connection | None = None) -> None:
        """Change some of a tenant's rules, also `within` a transaction; jobs that are taken from now on follow them."""
        await (within or self._pool).execute(
            """
            insert into transcriber.tenant_rules as known (tenant_id, rules) values ($1, $2)
            on conflict (tenant_id) do update set rules = known.rules || excluded.rules, updated_at = now()
            """,
            tenant_id,
            change,
        )


def read_rules(rules: dict[str, object], keys: list[str]) -> EngineRules:
    """A row of the view."""
    return msgspec.convert({**rules, "keys": keys}, EngineRules)
