"""Which thresholds tenants have reached, and have been told of."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import msgspec

from services.gateway.store.allowances import Ceiling
from shared.database import Connection
from shared.schemas.events import UsageResource

THRESHOLDS = (80, 100)
"""Percent."""


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant has used so much of something."""

    tenant_id: UUID
    resource: UsageResource
    threshold: int
    used: Decimal
    most: Decimal
    plan: str | None


class AlertStore:
    """Rows of `gateway.usage_alerts`."""

    async def reached(self, connection: Connection, month: dt.date, *, llm: Ceiling) -> list[Reached]:
        """What was reached since it was last asked, noted in the same transaction: of several thresholds at once, the highest.
        What is only held for jobs at work is not used yet."""
        rows = await connection.fetch(
            """
            with used as (
                select t.id as tenant_id, 'minutes' as resource, plan, p.minutes_per_month::numeric as most,
                    (m.used_ms - coalesce((
                        select sum(ms) from gateway.minute_holds h where h.tenant_id = t.id and h.month = $1
                    ), 0)) / 60000.0 as used
                from gateway.tenants t join gateway.plans p on p.name = t.plan
                    join gateway.minute_months m on m.tenant_id = t.id and m.month = $1
                union all
                select t.id, 'storage_bytes', plan, p.storage_bytes, (
                    select coalesce(sum(u.size), 0) from gateway.uploads u where u.tenant_id = t.id and not exists (
                        select from gateway.jobs j where j.tenant_id = u.tenant_id and j.id = u.id and j.removed ? 'audio'
                    )
                ) + (
                    select coalesce(sum(source_size), 0) from gateway.jobs j
                    where j.tenant_id = t.id and source_url is not null and not removed ? 'audio'
                )
                from gateway.tenants t join gateway.plans p on p.name = t.plan where p.storage_bytes is not null
                union all
                select m.tenant_id, 'llm_tokens', null, $2::numeric, m.tokens - coalesce((
                    select sum(tokens) from gateway.llm_allowances a where a.tenant_id = m.tenant_id and a.month = $1
                ), 0)
                from gateway.llm_months m where m.month = $1
                union all
                select m.tenant_id, 'llm_usd', null, $3::numeric, m.cost_usd - coalesce((
                    select sum(cost_usd) from gateway.llm_allowances a where a.tenant_id = m.tenant_id and a.month = $1
                ), 0)
                from gateway.llm_months m where m.month = $1
            ), noted as (
                insert into gateway.usage_alerts (tenant_id, month, resource, threshold)
                select tenant_id, $1, resource, threshold from used, unnest($4::int[]) as threshold
                where most > 0 and used * 100 >= most * threshold
                on conflict do nothing returning tenant_id, resource, threshold
            )
            select tenant_id, resource, plan, used::numeric, most, max(threshold) as threshold
            from noted join used using (tenant_id, resource) group by 1, 2, 3, 4, 5
            """,
            *(month, llm.tokens, llm.cost_usd, list(THRESHOLDS)),
        )
        return [msgspec.convert(dict(row), Reached) for row in rows]
