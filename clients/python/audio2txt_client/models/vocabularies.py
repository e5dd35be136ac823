"""Vocabularies: terms that are likely to be said, and words that are written in one way."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import msgspec

from audio2txt_client.enums import OpenEnum


class LetterCase(OpenEnum):
    """How a replacement takes upper and lower case."""

    IGNORE = "ignore"
    EXACT = "exact"
    FOLLOW = "follow"


class VocabularyTerm(msgspec.Struct, frozen=True, kw_only=True):
    """What is likely to be said."""

    text: str
    sounds_like: tuple[str, ...] = ()


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """Words that are always written in another way."""

    from_: str = msgspec.field(name="from")
    to: str
    case: LetterCase = LetterCase.IGNORE


class VocabularySummary(msgspec.Struct, frozen=True, kw_only=True):
    """A set, without what is in it."""

    id: UUID
    name: str
    """What jobs name it by."""
    version: int
    default: bool
    """Whether jobs that name no set take this one."""
    term_count: int
    replacement_count: int
    created_at: dt.datetime
    updated_at: dt.datetime


class Vocabulary(VocabularySummary, frozen=True, kw_only=True):
    """A whole set."""

    terms: tuple[VocabularyTerm, ...]
    replacements: tuple[Replacement, ...]
