"""What tenants have decided about the whole of their work."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from services.gateway.audit import Action, entry_of
from services.gateway.store import patiently
from services.gateway.store.audit import noting
from shared.database import Pool, transaction


class PolicyStore:
    """Rows of `gateway.policies`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def outside(self, tenant_id: UUID) -> bool:
        """Whether recordings and texts may leave the house; they may, where nobody has decided."""
        decided = await patiently(self._pool.fetchval("select outside from gateway.policies where tenant_id = $1", tenant_id))
        return decided is not False

    async def decide(self, tenant_id: UUID, *, outside: bool, check: Callable[[bool], None]) -> None:
        """Let them, or not, from now on; jobs at work ask no language model outside any more. `check` is given what is decided
        so far, and raises what keeps it so."""
        await patiently(self._decide(tenant_id, outside, check))

    async def _decide(self, tenant_id: UUID, outside: bool, check: Callable[[bool], None]) -> None:
        entry = entry_of(Action.POLICY_CHANGED, tenant_id, tenant_id, after={"outside": outside})
        async with transaction(self._pool) as connection:
            # Of two at once, the second looks at what the first has decided.
            await connection.execute("select from gateway.tenants where id = $1 for update", tenant_id)
            decided = await connection.fetchval("select outside from gateway.policies where tenant_id = $1", tenant_id)
            check(decided is not False)
            await connection.execute(
                f"""
                with before as (
                    select outside from gateway.policies where tenant_id = $1
                ), decided as (
                    insert into gateway.policies (tenant_id, outside) values ($1, $2)
                    on conflict (tenant_id) do update set outside = excluded.outside, updated_at = now() returning tenant_id
                ), open as (
                    update gateway.jobs set options = jsonb_set(options, '{{llm,outside}}', 'false')
                    where tenant_id = $1 and not $2 and state in ('queued', 'transcribing', 'reporting')
                      and options #> '{{llm,outside}}' = 'true'
                ), {noting("decided", 3, before="(select jsonb_build_object('outside', outside) from before)")}
                select 1
                """,
                *(tenant_id, outside, entry),
            )
