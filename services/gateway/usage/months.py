"""A calendar month (UTC) of a tenant's usage: what each day, engine and scenario came to. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

import msgspec

from services.gateway.problems import FieldError, Problem
from services.gateway.store.usage import Kind

K = TypeVar("K")

_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, kw_only=True)
class Month:
    """A calendar month."""

    first: dt.date

    @property
    def since(self) -> dt.datetime:
        """Its first moment."""
        return dt.datetime(self.first.year, self.first.month, 1, tzinfo=dt.UTC)

    @property
    def until(self) -> dt.datetime:
        """The first moment after it."""
        return (self.since + dt.timedelta(days=32)).replace(day=1)

    @property
    def name(self) -> str:
        """As in 2026-11."""
        return f"{self.first:%Y-%m}"


class UsageSum(msgspec.Struct, frozen=True, kw_only=True):
    """What the records of one day that are alike come to."""

    day: dt.date
    kind: Kind
    solution: str
    engine: str | None
    model: str
    currency: str | None
    records: int
    audio_ms: int
    stored_bytes: int
    tokens: int
    amount: Decimal | None


@dataclass(kw_only=True)
class Totals:
    """Several of them together."""

    transcriptions: int = 0
    reports: int = 0
    audio_ms: int = 0
    stored_bytes: int = 0
    tokens: int = 0
    unpriced: int = 0
    """Records of which no price is known."""
    costs: dict[str, Decimal] = field(default_factory=dict)
    """By currency."""

    def add(self, part: UsageSum) -> None:
        """Count some records."""
        match part.kind:
            case Kind.TRANSCRIPTION:
                self.transcriptions += part.records
            case Kind.REPORT:
                self.reports += part.records
        self.audio_ms += part.audio_ms
        self.stored_bytes += part.stored_bytes
        self.tokens += part.tokens
        if part.amount is None or part.currency is None:
            self.unpriced += part.records
        else:
            self.costs[part.currency] = self.costs.get(part.currency, Decimal(0)) + part.amount


def month_named(text: str | None) -> Month:
    """The month of this name, or the present one. Raises `Problem` 400."""
    if text is None:
        return Month(first=dt.datetime.now(dt.UTC).date().replace(day=1))
    match = _MONTH.fullmatch(text)
    if match is None:
        detail = f"{text!r} is no month; write it as in 2026-11."
        raise Problem(400, "invalid_query", detail, errors=[FieldError(pointer="month", message=detail)])
    return Month(first=dt.date(int(match[1]), int(match[2]), 1))


def total(parts: Iterable[UsageSum]) -> Totals:
    """All of them."""
    totals = Totals()
    for part in parts:
        totals.add(part)
    return totals


def by(key: Callable[[UsageSum], K], parts: Sequence[UsageSum]) -> dict[K, Totals]:
    """Those that have the same key together, in the order in which keys first appear."""
    groups: dict[K, Totals] = {}
    for part in parts:
        groups.setdefault(key(part), Totals()).add(part)
    return groups
