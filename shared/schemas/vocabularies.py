"""Vocabularies: terms that are likely to be said, and words that are always written in one way."""

from __future__ import annotations

import enum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

MOST_ENTRIES = 1000
"""Terms of a set, and replacements of a set."""

MOST_SETS = 5
"""Sets of one job."""

Term = Annotated[str, Meta(min_length=1, max_length=100)]
Phrase = Annotated[str, Meta(min_length=1, max_length=200)]


class Case(enum.StrEnum):
    """What capitals matter to a replacement."""

    IGNORE = "ignore"
    """Found in any case, written as it is given."""
    EXACT = "exact"
    """Found only as it is given."""
    FOLLOW = "follow"
    """Found in any case, and written with a capital, or all in capitals, where what was found is."""


class VocabularyTerm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A name or term that is likely to be said."""

    text: Annotated[Term, Meta(description="As it is written.", examples=["Audio2txt"])]
    sounds_like: Annotated[
        tuple[Phrase, ...],
        Meta(
            max_length=10,
            description="How engines write it when they mishear it; wherever the text says so, the term takes its place.",
            examples=[["audio to text"]],
        ),
    ] = ()


class Replacement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Words that are always written in another way."""

    from_: Annotated[
        Phrase, Meta(description="Whole words; Chinese characters also inside of others.", examples=["colour"])
    ] = msgspec.field(name="from")
    to: Annotated[Phrase, Meta(description="What is written in their place.", examples=["color"])]
    case: Annotated[
        Case,
        Meta(
            description="`ignore` finds any case and writes `to` as it is; `exact` finds only `from` as it is; `follow` finds "
            "any case and takes over its capitals."
        ),
    ] = Case.IGNORE


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A set as it was when a job was submitted."""

    id: UUID
    name: str
    version: Annotated[int, Meta(ge=1)]
    """Of the set, which grows with each change."""
    terms: tuple[VocabularyTerm, ...] = ()
    replacements: tuple[Replacement, ...] = ()
