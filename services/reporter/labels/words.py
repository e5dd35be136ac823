"""What a language must provide for reports to be written in it."""

from __future__ import annotations

import msgspec

from shared.schemas.jobs import ReportLanguage


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """All words that are not the speakers'. Braces are filled by `str.format`."""

    language: ReportLanguage
    untitled: str
    duration: str
    words: str
    speakers: str
    confidence: str
    spoken_language: str
    engine: str
    date: str
    talk_time: str
    share: str
    speaker: str
    speaker_column: str
    unknown_speaker: str
    transcript: str
    covers_all: str
    covers_part: str
    covers_passages: str
    """Where the writer did not get to see every segment."""
    nothing_said: str
    continued: str
    unshown_characters: str
    generated: str
    colon: str
    redacted: str
    edited: str
    """Of how many passages, and when last."""
    findings: str
    findings_unchecked: str
    summary: str
    chapters: str
    topics: str
    entities: str
    highlights: str
    moods: str
    content_warnings: str
    nothing_found: str
    date_format: str
    """Of `year`, `month` and `day` as numbers, and `month_name`."""
    month_names: tuple[str, ...]
    aside: str
    """Of a `text` and a `remark` on it."""
    assumed: str
    """Remark on a speaker's role that nobody confirmed."""
    separator: str
    """Between the parts of a list in running text."""
    opening_quote: str
    closing_quote: str
    written_by_code: str
    written_by_model: str
    written_by_provider: str
    candidates: str
    nothing_mentioned: str
    unverified: str
    unverified_note: str
    left_out: str
    not_checked: str
    evidence: str
    evidence_note: str
    moment: str
    question: str
    answer: str
    roles: str
    doubts: dict[str, str]
    """By `reports.Doubt`."""
    notes: dict[str, str]
    other_note: str
    codes: dict[str, str]
    """What engines name by words of their own, such as `person_name` or `positive`; one that is missing is shown as it is."""
    languages: dict[str, str]
