"""Tells whether two texts speak of the same things, by the words that they share."""

from __future__ import annotations

from itertools import pairwise

from services.reporter.analysis.words import chinese_tokens, content_words, fold, is_chinese

_LEAST_WORDS = 3
"""A statement of fewer words that carry meaning is too short to be compared."""
_NEARBY = 0.5
_ALIKE = 0.8


def carrying(folded: str) -> list[str]:
    """The words of a folded text that carry meaning."""
    return content_words(folded, [word for word, _ in chinese_tokens(folded)])


def words_of(text: str) -> frozenset[str]:
    """The words that carry meaning, and Chinese characters in pairs: writers shorten Chinese words freely."""
    words = carrying(fold(text))
    return frozenset(word for word in words if not is_chinese(word)) | {
        pair for word in words if is_chinese(word) for pair in map("".join, pairwise(word))
    }


def comparable(text: str, said: str) -> bool:
    """Whether both are in one language, as far as the script tells."""
    return is_chinese(text) == is_chinese(said)


def little_in_common(text: str, quoted: str, near: str) -> bool:
    """Whether a statement shares no word with what it quotes, and few with what was said before and after. All are in one
    language."""
    words = words_of(text)
    enough = len(words) >= _LEAST_WORDS and words.isdisjoint(words_of(quoted))
    return enough and len(words & words_of(near)) < _NEARBY * len(words)


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two statements say nearly the same."""
    return len(one & other) >= _ALIKE * len(one | other) and bool(one)
