"""Usage as a table for spreadsheets (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterable

from services.gateway.store.usage import UsageRecord

COLUMNS = (
    "at",
    "id",
    "job_id",
    "kind",
    "run",
    "attempt",
    "solution",
    "engine",
    "model",
    "audio_seconds",
    "stored_bytes",
    "tokens",
    "amount",
    "currency",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


async def sheet(records: AsyncIterable[UsageRecord]) -> AsyncIterator[bytes]:
    """The table, its header first."""
    yield _line(COLUMNS)
    async for record in records:
        yield _line(_cells(record))


def text_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _cells(record: UsageRecord) -> Iterable[object]:
    names = (record.solution, record.engine or "", record.model)
    return (
        *(record.at.isoformat(timespec="seconds"), record.id, record.job_id, record.kind, record.run, record.attempt),
        *map(text_cell, names),
        *(f"{record.audio_ms / 1000:.3f}", record.stored_bytes, record.tokens),
        *("" if record.amount is None else f"{record.amount:f}", record.currency or ""),
    )


def _line(cells: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
