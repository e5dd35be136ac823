"""When something will be done, and for how much: by what the tenant's last jobs took and cost, and null rather than a guess."""

from __future__ import annotations

import datetime as dt

import msgspec


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """When a job is done; no promise."""

    starts_at: dt.datetime | None
    """When the work begins, or began."""
    finishes_at: dt.datetime | None
    """When the files are there."""
    jobs: int
    """How many it goes by."""


class RecordingEstimate(Estimate, frozen=True, kw_only=True):
    """When a recording that is sent now would be done, and for how much."""

    engine: str | None
    """Who would transcribe it."""
    duration_ms: int | None
    """Its length, or what others of so many bytes had."""
    amount: str | None
    """A decimal number; null for nothing, or unknown."""
    currency: str | None
