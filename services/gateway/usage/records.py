"""Records of what was used, made of the news that tell of it. Pure."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from services.gateway.jobs import Heard, Job
from services.gateway.store.allowances import amount_of
from services.gateway.store.usage import Kind, UsageRecord
from shared.schemas.events import ReportReady
from shared.schemas.ids import new_id


def of_transcription(job: Job, heard: Heard) -> UsageRecord:
    """A run of a job was transcribed; of an answer that an earlier run was charged for, it costs nothing."""
    cost = heard.cost
    price = None if cost is None else Decimal(0) if heard.charged_before else Decimal(cost.amount)
    return UsageRecord(
        id=new_id(),
        tenant_id=job.tenant_id,
        at=dt.datetime.now(dt.UTC),
        job_id=job.id,
        kind=Kind.TRANSCRIPTION,
        run=job.run,
        attempt=1,
        solution=job.options.solution,
        engine=heard.engine,
        model=heard.model,
        audio_ms=heard.duration_ms,
        stored_bytes=heard.size or 0,
        amount=price,
        currency=None if cost is None else cost.currency,
    )


def of_report(job: Job, report: ReportReady) -> UsageRecord | None:
    """Language models were asked for a report; null where none was."""
    if report.usage is None:
        return None
    used, priced = amount_of(report.usage), report.usage.cost_usd is not None
    return UsageRecord(
        id=new_id(),
        tenant_id=job.tenant_id,
        at=dt.datetime.now(dt.UTC),
        job_id=job.id,
        kind=Kind.REPORT,
        run=job.run,
        attempt=report.attempt,
        solution=job.options.solution,
        engine=None,
        model=report.usage.model,
        tokens=used.tokens,
        amount=used.cost_usd if priced else None,
        currency="USD" if priced else None,
    )
