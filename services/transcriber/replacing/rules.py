"""Finds the words of a text that vocabularies want written in another way. Pure functions.

The longest match at a place wins, then the earlier rule; what was written is not looked at again, so that rules cannot chase
one another, and the same text and rules always give the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from shared.schemas.vocabularies import Case, Vocabulary
from shared.words import is_wide


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Of one vocabulary."""

    vocabulary: str
    found: str
    written: str
    case: Case = Case.IGNORE


@dataclass(frozen=True, kw_only=True)
class Match:
    """A rule that changes a stretch of a text."""

    begin: int
    end: int
    rule: Rule
    written: str


class Rules:
    """All rules of a job. How long a text takes to go through depends on how many lengths they have, and not on how many they
    are."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules: dict[str, list[Rule]] = {}
        lengths: dict[str, set[int]] = {}
        for rule in rules:
            folded = _folded(rule.found)
            self._rules.setdefault(folded, []).append(rule)
            lengths.setdefault(folded[0], set()).add(len(folded))
        self._lengths = {first: sorted(those, reverse=True) for first, those in lengths.items()}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def matches(self, text: str) -> Iterator[Match]:
        """Where which rule changes something, from left to right."""
        folded, place = _folded(text), 0
        while place < len(folded):
            rule = self._at(text, folded, place)
            if rule is None:
                place += 1
                continue
            end = place + len(rule.found)
            written = _written(rule, text[place:end])
            if written != text[place:end]:
                yield Match(begin=place, end=end, rule=rule, written=written)
            place = end

    def _at(self, text: str, folded: str, place: int) -> Rule | None:
        lengths = self._lengths.get(folded[place])
        if lengths is None or not _is_boundary(text, place):
            return None
        for length in lengths:
            end = place + length
            candidates = self._rules.get(folded[place:end], ()) if end <= len(folded) else ()
            for rule in candidates:
                if (rule.case is not Case.EXACT or text[place:end] == rule.found) and _is_boundary(text, end):
                    return rule
        return None


def rules_of(vocabularies: Sequence[Vocabulary]) -> Iterator[Rule]:
    """The replacements of all vocabularies, and then what their terms sound like."""
    for one in vocabularies:
        for replacement in one.replacements:
            yield Rule(vocabulary=one.name, found=_composed(replacement.from_), written=replacement.to, case=replacement.case)
    for one in vocabularies:
        for term in one.terms:
            for misheard in term.sounds_like:
                yield Rule(vocabulary=one.name, found=_composed(misheard), written=term.text)


def rewritten(text: str, matches: Iterable[Match]) -> str:
    """The text with its matches as they are written."""
    parts, at = [], 0
    for match in matches:
        parts += [text[at : match.begin], match.written]
        at = match.end
    return "".join([*parts, text[at:]])


def _written(rule: Rule, found: str) -> str:
    match rule.case:
        case Case.IGNORE | Case.EXACT:
            return rule.written
        case Case.FOLLOW:
            letters = [letter for letter in found if letter.isalpha()]
            if len(letters) > 1 and all(letter.isupper() for letter in letters):
                return rule.written.upper()
            return _capitalised(rule.written) if letters and letters[0].isupper() else rule.written
        case _:
            assert_never(rule.case)


def _capitalised(text: str) -> str:
    """With its first letter as a capital, whatever stands before it."""
    place = next((place for place, letter in enumerate(text) if letter.isalpha()), 0)
    return text[:place] + text[place : place + 1].upper() + text[place + 1 :]


def _is_boundary(text: str, place: int) -> bool:
    """Whether a word may end before this character, and begin with it. Chinese is written without boundaries."""
    return place in (0, len(text)) or not (_is_letter(text[place - 1]) and _is_letter(text[place]))


def _is_letter(character: str) -> bool:
    """Of a script whose words stand apart; marks belong to their letters."""
    return (character.isalnum() or unicodedata.category(character).startswith("M")) and not is_wide(character)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _folded(text: str) -> str:
    """Without capitals, and as long as before."""
    return "".join(lower if len(lower := character.lower()) == 1 else character for character in text)
