"""A transcription, as it stands in its row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from shared.schemas.events import TranscriptionProgressed, TranscriptionState, TranscriptReady
from shared.schemas.jobs import JobOptions

NOBODYS = ""
"""Account of tasks for whose engine nobody has a key."""

Outcome = TranscriptReady | TranscriptionProgressed


class LeaseLost(Exception):
    """Somebody else has the transcription now, or it was cancelled or erased; nothing may be written about it."""


class Key(msgspec.Struct, frozen=True):
    """Which transcription."""

    job_id: UUID
    run: int


class Transcription(msgspec.Struct, frozen=True, kw_only=True):
    """A row, as far as whoever works on it needs it."""

    job_id: UUID
    run: int
    tenant_id: UUID
    traceparent: str | None
    options: JobOptions
    engine: str
    source_key: str
    source_url: str | None
    deadline_at: dt.datetime
    state: TranscriptionState
    progress: float
    duration_ms: int | None
    prepared: dict[str, str] | None
    submitted_at: dt.datetime | None
    provider_id: str | None
    account_id: str | None = None
    """Whose key it runs on: `NOBODYS` where there is none, null where that is not known yet or the engine needs none."""
    token: str | None = None
    submissions: int = 0
    polls: int = 0
    heard_at: dt.datetime | None
    answer_run: int | None = None
    """The run whose answer it reads; null for its own."""
    attachments: tuple[str, ...] | None = None
    """Blob keys of the files that came with the answer; null until they are stored."""
    crashes: int
    outages: int
    started_at: dt.datetime | None

    @property
    def key(self) -> Key:
        """What identifies it."""
        return Key(self.job_id, self.run)


def read_row(row: Mapping[str, Any]) -> Transcription:
    """A row of the table."""
    return msgspec.convert(dict(row), Transcription)
