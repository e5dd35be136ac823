"""What customers put into a set, checked: cleaned lines, nothing twice, nothing that contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from services.gateway.problems import FieldError, Problem
from services.gateway.texts import clean_line
from shared.schemas.vocabularies import MOST_ENTRIES, Case, Replacement, VocabularyTerm

MOST_BYTES = 100_000
"""Of a set as JSON: every job that names it keeps a copy."""


class TermWish(VocabularyTerm, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A name or term that is likely to be said."""


class ReplacementWish(Replacement, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Words that are always written in another way."""


class VocabularyWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole set."""

    name: Annotated[
        str, Meta(min_length=1, max_length=60, description="Unique in the tenant, in any case.", examples=["Board"])
    ]
    default: Annotated[
        bool, Meta(description="Whether jobs that name no set take this one; at most one set of the tenant is that.")
    ] = False
    terms: Annotated[tuple[TermWish, ...], Meta(max_length=MOST_ENTRIES)] = ()
    replacements: Annotated[tuple[ReplacementWish, ...], Meta(max_length=MOST_ENTRIES)] = ()


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """The terms and replacements of a set."""

    terms: tuple[VocabularyTerm, ...] = ()
    replacements: tuple[Replacement, ...] = ()


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one entry."""

    kind: str
    """`terms` or `replacements`."""
    index: int
    field: str
    """Its name in JSON."""
    message: str


def cleaned(terms: Sequence[VocabularyTerm], replacements: Sequence[Replacement]) -> tuple[Contents, list[Mistake]]:
    """The contents as they are kept, each entry once, and what is wrong with them."""
    mistakes: list[Mistake] = []
    contents = Contents(
        terms=tuple(dict.fromkeys(_terms(terms, mistakes))),
        replacements=tuple(dict.fromkeys(_replacements(replacements, mistakes))),
    )
    return contents, mistakes


def checked(wish: VocabularyWish) -> Contents:
    """The contents of a request. Raises `Problem` 422 that points to every mistake."""
    contents, mistakes = cleaned(wish.terms, wish.replacements)
    if mistakes:
        errors = [FieldError(pointer=f"/{one.kind}/{one.index}/{one.field}", message=one.message) for one in mistakes]
        detail = f"The vocabulary is not valid at {errors[0].pointer}: {errors[0].message}"
        raise Problem(422, "invalid_vocabulary", detail, errors=errors)
    check_size(contents)
    return contents


def check_size(contents: Contents) -> None:
    """Raises `Problem` 422 for more than a job can carry along."""
    size = len(msgspec.json.encode(contents))
    if size > MOST_BYTES:
        detail = f"The vocabulary has {size:,} bytes as JSON, and {MOST_BYTES:,} are the most; make two of it."
        raise Problem(422, "vocabulary_too_large", detail)


def _terms(terms: Sequence[VocabularyTerm], mistakes: list[Mistake]) -> Iterator[VocabularyTerm]:
    known: dict[str, VocabularyTerm] = {}
    for index, term in enumerate(terms):
        text, sounds = clean_line(term.text), [clean_line(sound) for sound in term.sounds_like]
        if text is None or None in sounds:
            field = "text" if text is None else "sounds_like"
            mistakes.append(Mistake(kind="terms", index=index, field=field, message=_EMPTY))
            continue
        own = VocabularyTerm(text=text, sounds_like=tuple(dict.fromkeys(sound for sound in sounds if sound is not None)))
        if known.setdefault(text, own) != own:
            message = f"{text!r} is there twice, with other sounds; put them into one entry."
            mistakes.append(Mistake(kind="terms", index=index, field="text", message=message))
        yield own


def _replacements(replacements: Sequence[Replacement], mistakes: list[Mistake]) -> Iterator[Replacement]:
    known: dict[tuple[str, bool], Replacement] = {}
    for index, replacement in enumerate(replacements):
        found, written = clean_line(replacement.from_), clean_line(replacement.to)
        if found is None or written is None:
            field = "from" if found is None else "to"
            mistakes.append(Mistake(kind="replacements", index=index, field=field, message=_EMPTY))
            continue
        own = Replacement(from_=found, to=written, case=replacement.case)
        exact = own.case is Case.EXACT
        if known.setdefault((found if exact else found.casefold(), exact), own) != own:
            message = f"{found!r} is there twice, and is to be written in two ways; keep one."
            mistakes.append(Mistake(kind="replacements", index=index, field="from", message=message))
        yield own


_EMPTY = "It must have at least one visible character."
