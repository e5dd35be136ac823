"""Months of usage: sums, tables and names of months."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from services.gateway.problems import Problem
from services.gateway.store.usage import Kind, UsageRecord
from services.gateway.usage.months import UsageSum, by, month_named, total
from services.gateway.usage.sheets import COLUMNS, sheet, text_cell
from shared.schemas.ids import new_id

DAY = dt.date(2026, 11, 5)


def _sum(**changes: object) -> UsageSum:
    fields: dict[str, object] = {
        "day": DAY,
        "kind": Kind.TRANSCRIPTION,
        "solution": "verbatim",
        "engine": "assemblyai",
        "model": "u3",
        "currency": "USD",
        "records": 2,
        "audio_ms": 90_000,
        "stored_bytes": 1000,
        "tokens": 0,
        "amount": Decimal("0.30"),
    }
    return UsageSum(**(fields | changes))  # type: ignore[arg-type]


def test_money_is_added_by_currency_and_what_has_no_price_is_counted_apart() -> None:
    """No amount is made up, and no two currencies are mixed."""
    parts = [
        _sum(),
        _sum(currency="EUR", amount=Decimal("0.1")),
        _sum(engine="local", currency=None, amount=None),
        _sum(kind=Kind.REPORT, engine=None, records=1, tokens=500, audio_ms=0, amount=Decimal("0.025")),
    ]
    totals = total(parts)
    assert totals.costs == {"USD": Decimal("0.325"), "EUR": Decimal("0.1")}
    assert (totals.transcriptions, totals.reports, totals.unpriced, totals.audio_ms, totals.tokens) == (6, 1, 2, 270_000, 500)
    assert [group.audio_ms for group in by(lambda part: part.engine, parts).values()] == [180_000, 90_000, 0]


@pytest.mark.parametrize("name", ["2026-13", "2026-1", "11-2026", "1999-01", "2026-11-01", ""])
def test_what_is_no_month_is_refused(name: str) -> None:
    """One way to write a month."""
    with pytest.raises(Problem) as caught:
        month_named(name)
    assert (caught.value.status, caught.value.code) == (400, "invalid_query")


def test_a_month_ends_where_the_next_begins() -> None:
    """December too."""
    month = month_named("2026-12")
    assert (month.since, month.until) == (dt.datetime(2026, 12, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    """Whatever an operator calls an engine or a model."""
    assert text_cell(text) == f"'{text}"
    assert text_cell("universal-3-pro") == "universal-3-pro"


async def test_the_table_has_a_line_for_each_record() -> None:
    """Every column in its place, quoted where it must be, and no number rounded away."""
    record = UsageRecord(
        id=new_id(),
        tenant_id=new_id(),
        at=dt.datetime(2026, 11, 5, 9, 30, tzinfo=dt.UTC),
        job_id=new_id(),
        kind=Kind.TRANSCRIPTION,
        run=2,
        attempt=1,
        solution="verbatim",
        engine='a "model", with commas',
        model="=cmd()",
        audio_ms=61_250,
        amount=Decimal("0.000123"),
        currency="USD",
    )

    async def records() -> AsyncIterator[UsageRecord]:
        yield record

    text = b"".join([line async for line in sheet(records())]).decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert tuple(row) == COLUMNS
    assert (row["engine"], row["model"], row["audio_seconds"], row["amount"]) == (
        record.engine,
        "'=cmd()",
        "61.250",
        "0.000123",
    )
    assert text.count("\r\n") == 2
