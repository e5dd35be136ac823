"""What tenants' reports may ask of language models in a calendar month, and what they have asked."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import msgspec

from services.gateway.store import patiently
from shared.database import Pool
from shared.schemas.ids import new_id
from shared.schemas.reports import Usage

_CHARGE = """
    total as (
        select tenant_id, month, sum(tokens)::bigint as tokens, sum(cost_usd) as cost_usd from settled group by 1, 2
    ), charged as (
        update gateway.llm_months as month set tokens = month.tokens - total.tokens + {tokens}::bigint,
            cost_usd = month.cost_usd - total.cost_usd + {cost}::numeric
        from total where month.tenant_id = total.tenant_id and month.month = total.month
    )
"""
SETTLE = f"""
    settled as (
        delete from gateway.llm_allowances using moved
        where llm_allowances.job_id = moved.id and attempt = {{attempt}} and {{when}}
        returning llm_allowances.tenant_id, month, tokens, cost_usd
    ), {_CHARGE}
"""
"""What was used takes the place of what was allowed, once. `moved` has the ids of the jobs."""


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens and money."""

    tokens: int = 0
    cost_usd: Decimal = Decimal(0)


def amount_of(usage: Usage | None) -> Amount:
    """What was used; what has no price costs nothing here, and what an earlier attempt was charged for nothing again."""
    if usage is None:
        return Amount()
    tokens = usage.prompt_tokens + usage.completion_tokens - usage.kept_tokens
    return Amount(tokens=tokens, cost_usd=Decimal(usage.cost_usd or 0) - Decimal(usage.kept_cost_usd or 0))


class Ceiling(msgspec.Struct, frozen=True, kw_only=True):
    """The most there is of each; null for no limit."""

    tokens: int | None = None
    cost_usd: Decimal | None = None


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What one report gets."""

    id: UUID
    tokens: int
    cost_usd: Decimal | None


class AllowanceStore:
    """Rows of `gateway.llm_months` and `gateway.llm_allowances`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def take(
        self, tenant_id: UUID, month: dt.date, *, job_id: UUID, attempt: int, wanted: Ceiling, limit: Ceiling
    ) -> Granted | None:
        """As much of what is wanted for a report as the month still holds; null when it holds nothing.

        One statement: reports that are ordered at the same moment wait for the month's row, and cannot overdraw it together.
        """
        row = await patiently(
            self._pool.fetchrow(
                """
                with month as (
                    insert into gateway.llm_months as m (tenant_id, month, tokens, cost_usd, granted_tokens, granted_usd)
                    values ($1, $2, least($5::bigint, $7), coalesce(least($6::numeric, $8), 0), least($5, $7), least($6, $8))
                    on conflict (tenant_id, month) do update set
                        tokens = m.tokens + least($5, $7 - m.tokens),
                        cost_usd = m.cost_usd + coalesce(least($6, $8 - m.cost_usd), 0),
                        granted_tokens = least($5, $7 - m.tokens),
                        granted_usd = least($6, $8 - m.cost_usd)
                    where ($7::bigint is null or m.tokens < $7) and ($8::numeric is null or m.cost_usd < $8)
                    returning granted_tokens as tokens, granted_usd as cost_usd
                ), allowance as (
                    insert into gateway.llm_allowances (id, job_id, attempt, tenant_id, month, tokens, cost_usd)
                    select $9, $3, $4, $1, $2, tokens, coalesce(cost_usd, 0) from month returning id
                )
                select allowance.id, month.tokens, month.cost_usd from month, allowance
                """,
                *(tenant_id, month, job_id, attempt, wanted.tokens, wanted.cost_usd, limit.tokens, limit.cost_usd),
                new_id(),
            )
        )
        return None if row is None else msgspec.convert(dict(row), Granted)

    async def give_back(self, allowance_id: UUID) -> None:
        """Nothing came of the job that it was taken for."""
        await patiently(
            self._pool.execute(
                f"""
                with settled as (
                    delete from gateway.llm_allowances where id = $1 returning tenant_id, month, tokens, cost_usd
                ), {_CHARGE.format(tokens=0, cost=0)}
                select from settled
                """,
                allowance_id,
            )
        )

    async def settle(self, job_id: UUID, attempt: int, used: Amount) -> None:
        """The report is there: what was used counts from now on."""
        statement = SETTLE.format(attempt="$2", when="true", tokens="$3", cost="$4")
        await patiently(
            self._pool.execute(
                f"with moved as (select $1::uuid as id), {statement} select from settled",
                *(job_id, attempt, used.tokens, used.cost_usd),
            )
        )

    async def release_lost(self) -> None:
        """Give back what was taken an hour ago or earlier for jobs that then were not made, and for attempts that did not
        begin."""
        await self._pool.execute(
            f"""
            with settled as (
                delete from gateway.llm_allowances as allowance where created_at < now() - interval '1 hour'
                  and not exists (
                      select from gateway.jobs where jobs.id = allowance.job_id
                        and coalesce((jobs.options ->> 'attempt')::int, 1) >= allowance.attempt
                  )
                returning tenant_id, month, tokens, cost_usd
            ), {_CHARGE.format(tokens=0, cost=0)}
            select from settled
            """
        )

    async def month(self, tenant_id: UUID, month: dt.date) -> Amount:
        """What a month has come to so far."""
        row = await patiently(
            self._pool.fetchrow(
                "select tokens, cost_usd from gateway.llm_months where tenant_id = $1 and month = $2", tenant_id, month
            )
        )
        return Amount() if row is None else msgspec.convert(dict(row), Amount)
