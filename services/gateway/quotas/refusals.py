"""What is said to a tenant whose plan does not allow more. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from services.gateway.problems import Problem, QuotaDocument
from services.gateway.store.plans import Feature, Plan
from shared.schemas.jobs import Failure

MINUTES_USED_UP: Literal["minutes_used_up"] = "minutes_used_up"
MINUTE_MS = 60_000
WAITING_SECONDS = 30
"""What whoever has too many waiting jobs is told to wait."""

_LACKS = {
    Feature.RENTED_ENGINES: "rented speech engines; choose an engine in the house (GET /v1/engines), or leave engine out",
    Feature.LANGUAGE_MODELS: "reports by language models; ask for report_mode extractive, or leave report_mode out",
    Feature.REDACTION: "redaction; leave redaction out",
}


def next_month(month: dt.date) -> dt.datetime:
    """When a calendar month is over (UTC)."""
    first = (month.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    return dt.datetime(first.year, first.month, first.day, tzinfo=dt.UTC)


def minutes_used_up(plan: Plan, *, used_ms: int, month: dt.date, wanted_ms: int | None = None) -> Problem:
    """The month's minutes are used, or held for jobs at work (402)."""
    limit, resets_at = plan.minutes_per_month or 0, next_month(month)
    needs = "" if wanted_ms is None else f" This recording needs {_minutes(wanted_ms)}."
    detail = (
        f"Your plan {plan.name} has {limit:,} minutes a month, of which {_minutes(used_ms)} are used or held for jobs at "
        f"work.{needs} Minutes come back on {resets_at:%Y-%m-%d} (UTC); until then wait for jobs at work to end, or ask the "
        "operator for another plan."
    )
    quota = QuotaDocument(resource="minutes", used=_rounded(used_ms), limit=limit, resets_at=resets_at)
    return Problem(402, MINUTES_USED_UP, detail, quota=quota)


def too_long_for_plan(plan: Plan, *, duration_ms: int) -> Failure:
    """A recording turned out longer than what the month has left."""
    return Failure(
        code=MINUTES_USED_UP,
        message=f"The recording is {_minutes(duration_ms)} long, and your plan {plan.name} ({plan.minutes_per_month or 0:,} "
        "minutes a month) has less left; no engine was asked. Retry the job when the month is over, or ask the operator for "
        "another plan.",
    )


def storage_full(plan: Plan, *, used: int, wanted: int | None) -> Problem:
    """There is no room for an upload (402)."""
    limit = plan.storage_bytes or 0
    needs = "" if wanted is None else f" This upload has {wanted:,}."
    detail = (
        f"Your plan {plan.name} has room for {limit:,} bytes of recordings, of which {used:,} are taken.{needs} Delete jobs "
        "or uploads that you no longer need, or ask the operator for another plan."
    )
    return Problem(402, "storage_full", detail, quota=QuotaDocument(resource="storage_bytes", used=used, limit=limit))


def too_many_waiting(plan: Plan, *, waiting: int) -> Problem:
    """So many jobs wait already (429)."""
    limit = plan.waiting_jobs or 0
    detail = (
        f"Your plan {plan.name} lets {limit:,} jobs wait at once, and {waiting:,} do; create this one when some of them have "
        "begun."
    )
    quota = QuotaDocument(resource="waiting_jobs", used=waiting, limit=limit)
    return Problem(429, "too_many_waiting", detail, headers={"Retry-After": str(WAITING_SECONDS)}, quota=quota)


def not_in_plan(plan: Plan, feature: Feature) -> Problem:
    """The plan leaves something out (403)."""
    return Problem(403, "not_in_plan", f"Your plan {plan.name} does not have {_LACKS[feature]}, or ask for another plan.")


def _minutes(ms: int) -> str:
    return f"{_rounded(ms):,} minutes"


def _rounded(ms: int) -> float:
    return round(ms / MINUTE_MS, 1)
