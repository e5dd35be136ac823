"""The words of a scenario template that mark statements as belonging somewhere, looked for in a transcript."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from services.reporter.analysis.extractive.passages import Passages
from services.reporter.analysis.extractive.vectors import Floats
from services.reporter.analysis.words import fold
from shared.schemas.solutions import LocalisedTerms

_ENDING = r"(?:e?s|e?d|e|es|ing|'s)?(?![a-z0-9])"
_GAP = r"[ ,]+(?:[a-z']+ )?"


class Cues:
    """The terms of one section or role in every language: what was said decides which of them can be found."""

    def __init__(self, terms: LocalisedTerms) -> None:
        self._terms = [
            term for term in dict.fromkeys(fold(term.strip()).lower() for one in terms.values() for term in one) if term
        ]

    def found(self, passages: Passages) -> list[set[int]]:
        """For each cue the numbers of the sentences that hold it."""
        return [_holding(term, passages) for term in self._terms]

    def scores(self, passages: Passages) -> Floats:
        """How strongly each sentence matches, 0 for not at all: a cue that many sentences hold counts for little."""
        scores = np.zeros(len(passages), dtype=np.float64)
        for numbers in self.found(passages):
            scores[sorted(numbers)] += 1 / (1 + math.log2(1 + 20 * len(numbers) / max(20, len(passages))))
        return scores


def _holding(term: str, passages: Passages) -> set[int]:
    """An English cue is found with its last word's endings and with one more word between its words, and never inside another
    word."""
    if not (term[-1].isascii() and term[-1].isalpha()):
        return {passages.at(place) for place in _places(term, passages.text)}
    first, *others = term.split()
    last = others[-1] if others else first
    stem = last[:-1] if last.endswith("e") and len(last) > 4 else last
    words = [first, *others[:-1], stem] if others else [stem]
    pattern = re.compile(_GAP.join(map(re.escape, words)) + _ENDING)
    found = (match for place in _places(words[0], passages.text) if (match := pattern.match(passages.text, place)))
    return {passages.at(match.start()) for match in found if _begins_word(passages.text, match.start())}


def _places(term: str, text: str) -> Iterator[int]:
    place = text.find(term)
    while place >= 0:
        yield place
        place = text.find(term, place + 1)


def _begins_word(text: str, place: int) -> bool:
    before = text[place - 1] if place else " "
    return not (before.isascii() and before.isalnum()) or not text[place].isalnum()
