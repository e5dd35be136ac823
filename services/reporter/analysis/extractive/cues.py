"""The words of a scenario template that mark statements as belonging somewhere, looked for in a transcript."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from services.reporter.analysis.words import fold, is_chinese
from shared.schemas.solutions import LocalisedTerms


class Cues:
    """The terms of one section or role in every language: what was said decides which of them can be found."""

    def __init__(self, terms: LocalisedTerms) -> None:
        folded = dict.fromkeys(fold(term.strip()).lower() for one in terms.values() for term in one)
        self._patterns = [_pattern(term) for term in folded if term]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def hits(self, folded: str) -> tuple[int, ...]:
        """Which cues stand in a text, by their numbers."""
        lower = folded.lower()
        return tuple(number for number, pattern in enumerate(self._patterns) if pattern.search(lower))


def cue_scores(cues: Cues, sentences: Sequence[str]) -> list[float]:
    """How strongly each (folded) sentence matches, 0 for not at all: a cue that many sentences hold counts for little."""
    found = [cues.hits(sentence) for sentence in sentences]
    frequency = _frequency(found)
    rarity = {cue: 1 / (1 + math.log2(1 + 20 * count / max(20, len(found)))) for cue, count in frequency.items()}
    return [sum(rarity[cue] for cue in hits) for hits in found]


def _frequency(found: Iterable[tuple[int, ...]]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for hits in found:
        for cue in hits:
            counts[cue] = counts.get(cue, 0) + 1
    return counts


def _pattern(term: str) -> re.Pattern[str]:
    """An English word matches with its endings too, and never inside another word."""
    escaped = re.escape(term)
    if is_chinese(term) or not term[-1].isalpha():
        return re.compile(escaped)
    stem = escaped[:-1] if term.endswith("e") and len(term) > 4 else escaped
    return re.compile(rf"\b{stem}(?:e?s|e?d|e|es|ing|'s)?\b")
