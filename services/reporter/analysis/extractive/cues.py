"""The words of a scenario template that mark statements as belonging somewhere, looked for in a transcript."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from services.reporter.analysis.extractive.vectors import Floats
from services.reporter.analysis.words import fold
from shared.schemas.solutions import LocalisedTerms

_ENDING = re.compile(r"(?:e?s|e?d|e|es|ing|'s)?(?![a-z0-9])")


class Passages:
    """Sentences as one text, in which a term is found at once with all sentences that hold it."""

    def __init__(self, folded: Sequence[str]) -> None:
        self.text = "\n".join(folded).lower()
        self.starts: list[int] = []
        begin = 0
        for sentence in folded:
            self.starts.append(begin)
            begin += len(sentence) + 1
        if len(self.text) != begin - 1 and folded:  # Lower case is longer in a few alphabets.
            lines = self.text.split("\n")
            self.starts = [0, *accumulate(len(line) + 1 for line in lines[:-1])]

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, place: int) -> int:
        """The number of the sentence at a place of the text."""
        return bisect_right(self.starts, place) - 1


class Cues:
    """The terms of one section or role in every language: what was said decides which of them can be found."""

    def __init__(self, terms: LocalisedTerms) -> None:
        self._terms = [
            term for term in dict.fromkeys(fold(term.strip()).lower() for one in terms.values() for term in one) if term
        ]

    def __bool__(self) -> bool:
        return bool(self._terms)

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
    """An English word is found with its endings too, and never inside another word."""
    latin = term[-1].isascii() and term[-1].isalpha()
    stem = term[:-1] if latin and term.endswith("e") and len(term) > 4 else term
    numbers: set[int] = set()
    place = passages.text.find(stem)
    while place >= 0:
        if not latin or _is_word(passages.text, place, place + len(stem)):
            numbers.add(passages.at(place))
        place = passages.text.find(stem, place + 1)
    return numbers


def _is_word(text: str, begin: int, end: int) -> bool:
    before = text[begin - 1] if begin else " "
    alone = not before.isalnum() or not before.isascii() or not text[begin].isalnum()
    return alone and _ENDING.match(text, end) is not None
