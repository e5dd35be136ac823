"""Scenarios that a job can be reported after. Every text is there in each language (`zh-Hant`, `en`)."""

from __future__ import annotations

import msgspec

from audio2txt_client.enums import OpenEnum
from audio2txt_client.models.options import ArtifactFormat, ReportLanguage, ReportMode

Localised = dict[ReportLanguage, str]


class SectionKind(OpenEnum):
    """What a section is about."""

    OVERVIEW = "overview"
    POINTS = "points"
    ACTIONS = "actions"
    DECISIONS = "decisions"
    QUESTIONS = "questions"
    QUOTES = "quotes"
    OUTLINE = "outline"
    KEYWORDS = "keywords"


class SectionFormat(OpenEnum):
    """How a section is set."""

    PARAGRAPH = "paragraph"
    BULLETS = "bullets"
    TABLE = "table"
    QUOTES = "quotes"
    TIMELINE = "timeline"
    QA = "qa"
    FIELDS = "fields"
    TERMS = "terms"


class EvidencePolicy(OpenEnum):
    """What becomes of statements that could not be verified."""

    REQUIRED = "required"
    DROP = "drop"
    PREFERRED = "preferred"
    NONE = "none"


class ColumnType(OpenEnum):
    """What a cell of a table holds."""

    TEXT = "text"
    SPEAKER = "speaker_or_text"
    DATE = "date_text"


class InputType(OpenEnum):
    """What a customer may fill in."""

    STRING = "string"
    DATE = "date"
    NUMBER = "number"


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a table, or one field."""

    id: str
    title: Localised
    type: ColumnType


class SolutionSection(msgspec.Struct, frozen=True, kw_only=True):
    """One heading of the report."""

    id: str
    title: Localised
    kind: SectionKind
    format: SectionFormat
    columns: tuple[Column, ...]
    evidence: EvidencePolicy


class SolutionInput(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a job may give, or must."""

    id: str
    label: Localised
    type: InputType
    max: int
    """Characters."""
    required: bool


class Solution(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario."""

    id: str
    version: int
    aliases: tuple[str, ...]
    category: str
    audience: tuple[str, ...]
    title: Localised
    description: Localised
    output_language: str
    """Of reports where the job names none; `transcript` follows the recording."""
    modes: tuple[ReportMode, ...]
    """Who may write the report, the preferred first."""
    inputs: tuple[SolutionInput, ...]
    sections: tuple[SolutionSection, ...]
    artifacts: tuple[ArtifactFormat, ...]
    """Files made where the job names no formats."""
    allow_cloud_llm: bool
