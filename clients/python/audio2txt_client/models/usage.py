"""What a tenant has used, and what it cost."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum


class UsageKind(OpenEnum):
    """What something was used for."""

    TRANSCRIPTION = "transcription"
    REPORT = "report"


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of money."""

    amount: str
    """A decimal number."""
    currency: str


class UsageTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What several records come to."""

    transcriptions: int
    reports: int
    audio_seconds: float
    stored_bytes: int
    tokens: int
    costs: tuple[Money, ...]
    """By currency."""
    unpriced: int
    """Records of which no price is known; they are not in `costs`."""


class EngineUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What one engine, or one language model, was used for."""

    kind: UsageKind
    engine: str | None
    """Null for language models."""
    model: str
    totals: UsageTotals


class SolutionUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What was used for the reports of one scenario."""

    solution: str
    totals: UsageTotals


class DayUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What was used on one day (UTC)."""

    day: dt.date
    totals: UsageTotals


class UsageMonth(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar month (UTC)."""

    month: str
    since: dt.datetime
    until: dt.datetime
    totals: UsageTotals
    engines: tuple[EngineUsage, ...]
    solutions: tuple[SolutionUsage, ...]
    days: tuple[DayUsage, ...]


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One run that was transcribed, or one report that a language model was asked for."""

    id: UUID
    at: dt.datetime
    job_id: UUID
    """The job, which may be deleted by now."""
    kind: UsageKind
    run: int
    attempt: int
    solution: str
    engine: str | None
    model: str
    audio_seconds: float
    stored_bytes: int
    tokens: int
    cost: Money | None
