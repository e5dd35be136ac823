"""Tells tenants when they have used 80 and 100 percent of what they may use in a month."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import structlog

from services.gateway.allowances import month_of
from services.gateway.store.alerts import AlertStore, Reached
from services.gateway.store.allowances import Ceiling
from services.gateway.usage.months import Month
from shared.database import Pool, transaction
from shared.outbox import Outbox
from shared.schemas.events import UsageThresholdReached

EVERY = 60.0
"""Seconds."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """Looks at every tenant that has limits. Any number of processes may look."""

    pool: Pool
    store: AlertStore
    outbox: Outbox
    llm_month: Ceiling
    """Of language models, for each tenant."""

    async def look(self) -> None:
        """Tell what was reached since the last look: noted and said in one transaction."""
        month = month_of(dt.datetime.now(dt.UTC))
        async with transaction(self.pool) as connection:
            reached = await self.store.reached(connection, month, llm=self.llm_month)
            await self.outbox.append(connection, *(_event(one, month) for one in reached))
        for one in reached:
            log.info("usage.threshold", tenant_id=str(one.tenant_id), resource=one.resource, threshold=one.threshold)
        if reached:
            self.outbox.wake()


def _event(reached: Reached, month: dt.date) -> UsageThresholdReached:
    return UsageThresholdReached(
        tenant_id=reached.tenant_id,
        resource=reached.resource,
        threshold=reached.threshold,
        used=f"{round(reached.used, 2).normalize():f}",
        limit=f"{reached.most:f}",
        month=Month(first=month).name,
        resets_at=Month(first=month).until,
        plan=reached.plan,
    )
