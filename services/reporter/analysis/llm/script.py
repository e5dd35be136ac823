"""Traditional Chinese where a model answers in Simplified, as many do whatever they are told.

Characters that are both (余, a surname, and 餘, what is left) stay as the transcript writes them beside the same neighbour.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, cached_property
from typing import Protocol

from services.reporter.analysis.words import fold

TAIWANS = "cp950"
"""The encoding that has the characters of Taiwan, and hardly one that is Simplified alone."""


class _Converter(Protocol):
    def convert(self, text: str) -> str:
        """The text in another script."""
        ...


class Traditional:
    """Writes what models say about a recording in Traditional characters, one for one: words are not replaced."""

    def __init__(self, said: Iterable[str]) -> None:
        self._said = tuple(said)

    def written(self, text: str) -> str:
        """The text as it is, unless more of its characters are Simplified alone than Traditional alone."""
        if text.isascii():
            return text
        simplified = sum(not _is_taiwans(character) for character in text)
        traditional = sum(fold(character) != character for character in text)
        converted = _converter().convert(text) if simplified > traditional else text
        if converted == text or len(converted) != len(text):
            return converted
        return "".join(self._chosen(text, converted, at) for at in range(len(text)))

    def _chosen(self, text: str, converted: str, at: int) -> str:
        """The character of the one or the other, by how it stands in the transcript."""
        if text[at] == converted[at] or not _is_taiwans(text[at]):
            return converted[at]
        before, after = converted[at - 1 : at], converted[at + 1 : at + 2]
        known = f"{before}{text[at]}" in self._pairs if before else False
        return text[at] if known or f"{text[at]}{after}" in self._pairs else converted[at]

    @cached_property
    def _pairs(self) -> frozenset[str]:
        return frozenset(text[at : at + 2] for text in self._said for at in range(len(text) - 1))


@cache
def _is_taiwans(character: str) -> bool:
    try:
        character.encode(TAIWANS)
    except UnicodeEncodeError:
        return False
    return True


@cache
def _converter() -> _Converter:
    from opencc import OpenCC

    converter: _Converter = OpenCC("s2tw")
    return converter
