"""A month's usage as a PDF: `labels` has the words, `fonts` what they are set in, `rendering` puts them on the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.gateway.usage.months import Month, UsageSum
from shared.schemas.jobs import ReportLanguage


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What is told."""

    tenant_id: UUID
    tenant_name: str
    month: Month
    parts: Sequence[UsageSum]
    made_at: dt.datetime
    language: ReportLanguage


def rendered(statement: Statement) -> bytes:
    """The PDF. What makes it is loaded when the first one is asked for: most gateways never need it."""
    from services.gateway.statements.rendering import render

    return render(statement)
