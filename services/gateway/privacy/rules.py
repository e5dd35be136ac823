"""For how long something is kept: pure functions over what installation and tenant have decided.

The most particular decision counts: the tenant's for the job's scenario, the tenant's for all, the installation's.
"""

from __future__ import annotations

import datetime as dt

from msgspec import UnsetType

from services.gateway.settings import GatewaySettings
from shared.schemas.privacy import Part, RetentionDays, RetentionRules

PARTS = tuple(part.value for part in Part)
RECORD = "record"


def of_installation(settings: GatewaySettings) -> RetentionDays:
    """What the operator has set; null keeps."""
    return RetentionDays(
        audio=settings.retention_audio_days,
        raw=settings.retention_raw_days,
        transcript=settings.retention_transcript_days,
        report=settings.retention_report_days,
        record=settings.retention_record_days,
    )


def effective(installation: RetentionDays, rules: RetentionRules, solution: str | None = None) -> RetentionDays:
    """What counts for the tenant's jobs of one scenario; without one, where nothing is decided about the scenario. Everything
    is decided in it."""
    own = RetentionDays() if solution is None else rules.solutions.get(solution, RetentionDays())
    layers = (own, rules.tenant, installation)
    return RetentionDays(**{name: _first(*(getattr(layer, name) for layer in layers)) for name in (*PARTS, RECORD)})


def due(kept: RetentionDays, ended_at: dt.datetime, *, now: dt.datetime) -> set[Part]:
    """The parts whose time is over, of a job that ended then."""
    return {part for part in Part if _is_over(kept.of(part), ended_at, now)}


def _is_over(days: int | UnsetType | None, ended_at: dt.datetime, now: dt.datetime) -> bool:
    return isinstance(days, int) and ended_at + dt.timedelta(days=days) <= now


def _first(*wishes: int | UnsetType | None) -> int | None:
    return next((wish for wish in wishes if not isinstance(wish, UnsetType)), None)
