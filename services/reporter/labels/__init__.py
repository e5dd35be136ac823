"""The report's own words, in every language it can be written in. Another language is another `Labels`."""

from __future__ import annotations

import datetime as dt

from services.reporter.labels.chinese import TRADITIONAL_CHINESE
from services.reporter.labels.english import ENGLISH
from services.reporter.labels.words import Labels as Labels

LABELS = (ENGLISH, TRADITIONAL_CHINESE)

# First match wins; the first subtags of a language tag are compared.
_BY_TAG = (("zh", TRADITIONAL_CHINESE), ("yue", TRADITIONAL_CHINESE), ("", ENGLISH))


def labels_for(language: str | None) -> Labels:
    """The labels for a transcript in `language` (BCP-47, null for unknown); English where its own are missing."""
    tag = (language or "").lower()
    return next(labels for prefix, labels in _BY_TAG if not prefix or tag == prefix or tag.startswith(f"{prefix}-"))


def language_name(labels: Labels, language: str) -> str:
    """`zh-Hant-TW` in words: the name of its longest known part, or the code itself."""
    parts = language.split("-")
    for length in range(len(parts), 0, -1):
        if name := labels.languages.get("-".join(parts[:length])):
            return name
    return language


def note_text(labels: Labels, code: str) -> str:
    """What a note's code means."""
    return labels.notes.get(code) or labels.other_note.format(code=code.replace("_", " "))


def code_text(labels: Labels, code: str) -> str:
    """What an engine calls by a word of its own, as people write it: `phone_number`."""
    return labels.codes.get(code.lower().replace(" ", "_")) or code.replace("_", " ")


def date_text(labels: Labels, date: dt.date) -> str:
    """A day as people write it."""
    name = labels.month_names[date.month - 1] if labels.month_names else ""
    return labels.date_format.format(year=date.year, month=date.month, day=date.day, month_name=name)
