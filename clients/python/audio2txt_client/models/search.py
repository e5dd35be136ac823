"""Where something was said."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a snippet."""

    text: str
    match: bool
    """Whether it is what was looked for."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A place where it was said; without a segment, the job is called so."""

    segment_id: str | None
    start_ms: int | None
    end_ms: int | None
    snippet: tuple[Piece, ...]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A job in which something was found."""

    job_id: UUID
    title: str | None
    duration_ms: int | None
    created_at: dt.datetime
    job: str
    """Where the job is."""
    hits: tuple[Hit, ...]
