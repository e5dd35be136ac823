"""What is written down about a recording that is heard in pieces, and the raw answer made of it."""

from __future__ import annotations

import enum

import msgspec

from services.transcriber.decoding import Recording

Span = tuple[int, int]
"""Start and end in milliseconds from the start of the recording."""


class Response(enum.StrEnum):
    """Forms of answer that servers are asked for."""

    VERBOSE = "verbose_json"
    """Segments and words with times."""
    DIARIZED = "diarized_json"
    """Segments with times and speakers."""
    TEXT = "json"
    """Nothing but text."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the recording that is sent in one request. It starts and ends with speech."""

    start_ms: int
    end_ms: int
    speech: tuple[Span, ...]
    """Where somebody speaks in it."""

    @property
    def length_ms(self) -> int:
        """Milliseconds."""
        return self.end_ms - self.start_ms


class Encode(msgspec.Struct, frozen=True, kw_only=True):
    """Write a part of the recording to a file."""

    start_ms: int
    end_ms: int
    path: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a recording is heard. Stored before the first request, so that whoever goes on after a crash cuts it the same."""

    model: str
    response: Response
    """What is asked for; some servers answer with less."""
    server: str
    """Host name."""
    rented: bool
    language: str | None
    """What was asked for; null: find out."""
    vocabulary: tuple[str, ...]
    recording: Recording
    pieces: tuple[Piece, ...]
    """Those in which somebody speaks."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """The raw answer: the plan, and the server's answer to each piece, byte for byte."""

    plan: Plan
    answers: tuple[bytes, ...]
