"""What whoever writes a report hands in before anything is checked: claims, each with the words it says it rests on.

Extractive, language model and provider alike end in a `Draft`; `analysis.evidence` turns it into the report's sections.
"""

from __future__ import annotations

import msgspec

from shared.schemas.jobs import ReportLanguage, ReportMode
from shared.schemas.reports import Cell, SpeakerRole, Usage
from shared.schemas.solutions import Solution
from shared.schemas.transcripts import Transcript


class Brief(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a report is to be written about, and after which scenario."""

    solution: Solution
    transcript: Transcript
    language: ReportLanguage
    """Of the report."""
    title: str | None = None
    inputs: dict[str, str] = {}
    """What the customer filled in, by the input's id."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a claim says that it comes from."""

    segment_id: str
    quote: str = ""
    """Words that the segment, or one beside it, is said to hold."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One statement, unchecked. `{spk_1}` inside a text stands for that speaker's name."""

    text: str
    sources: tuple[Source, ...] = ()
    label: str | None = None
    """The question of an answer, the headline of a moment."""
    cells: tuple[Cell, ...] = ()
    speaker_id: str | None = None
    """Who said it, where the text is a quotation."""
    confidence: float | None = None
    """From 0 to 1; null for unknown."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report, unchecked."""

    mode: ReportMode
    claims: dict[str, tuple[Claim, ...]]
    """By the section's id."""
    roles: tuple[SpeakerRole, ...] = ()
    notes: tuple[str, ...] = ()
    """Codes for `Report.notes`: what went wrong on the way."""
    model: str | None = None
    usage: Usage | None = None
    unread: tuple[str, ...] = ()
    """Ids of the segments that the writer did not get to see; the coverage says so."""
