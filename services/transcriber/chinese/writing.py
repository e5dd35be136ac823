"""Converts text from one Chinese script to another, keeping account of which characters became which."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import NamedTuple

from services.transcriber.chinese.dictionaries import VERSION, converter
from shared.schemas.jobs import Script

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters, for a class of a regular expression."""


class Piece(NamedTuple):
    """What one stretch of characters became. Both are empty or neither is; where both are equally long, they correspond
    character by character."""

    source: str
    target: str


class _Configs(NamedTuple):
    """OpenCC's configurations for one script."""

    characters: str
    """Converts the other script's characters; never changes how many there are, save in rare cases."""
    variants: str | None = None
    """Converts characters of a region among those of the same script."""
    words: str | None = None
    """As `characters`, and words of a region too."""


_CONFIGS = {
    Script.TAIWAN: _Configs("s2tw", "t2tw", "s2twp"),
    Script.HONG_KONG: _Configs("s2hk", "t2hk"),
    Script.TRADITIONAL: _Configs("s2tw", "t2tw"),
    Script.SIMPLIFIED: _Configs("t2s"),
}

_TRADITIONAL, _SIMPLIFIED = 1, -1
_HAN_RUN = re.compile(f"[{HAN}]+")
_HAN_OR_NOT = re.compile(f"([{HAN}]+)|([^{HAN}]+)")
_SHORTEST_TERM = 2
"""Characters. A single one is part of too many words to be a name everywhere."""
_SIMPLIFIED_IN_PRACTICE = frozenset("么听坏几儿并愿扑挂筑虫荐")
"""Characters of Traditional texts too, in theory."""
_LONGEST_SHIFT = 4
"""Characters of a phrase inside which one has moved."""
_COMMON_IN_BIG5 = range(0xA440, 0xC67F)
"""Codes of its first plane, the 5,401 characters in everyday use."""


class Writer:
    """Writes texts of one transcript in one script."""

    def __init__(self, script: Script, terms: Iterable[str], everything: str) -> None:
        """`terms` are written as they are given. `everything` is the whole text, which decides where a part alone leaves
        open in which script it was recognised."""
        self._configs = _CONFIGS[script]
        self._wanted = _SIMPLIFIED if script is Script.SIMPLIFIED else _TRADITIONAL
        self._lean = _lean(everything)
        usable = [term for term in terms if len(term) >= _SHORTEST_TERM and _HAN_RUN.search(term)]
        self._terms = {term.translate(_FOLDED): term for term in reversed(usable)}
        longest_first = sorted(self._terms, key=len, reverse=True)
        self._term = re.compile("|".join(map(re.escape, longest_first))) if usable else None

    @property
    def config(self) -> str:
        """OpenCC's name for what is done."""
        return self._configs.words or self._configs.characters

    @property
    def version(self) -> str:
        """Of OpenCC and of our amendments to its dictionaries."""
        return VERSION

    def write(self, text: str) -> list[Piece]:
        """The text in pieces, each as it was and as it is written now."""
        lean, pieces, seen = _lean(text) or self._lean, list[Piece](), 0
        for found in () if self._term is None else self._term.finditer(text.translate(_FOLDED)):
            pieces += self._converted(text[seen : found.start()], lean)
            pieces.append(Piece(text[found.start() : found.end()], self._terms[found.group()]))
            seen = found.end()
        return pieces + self._converted(text[seen:], lean)

    def _converted(self, text: str, lean: int) -> list[Piece]:
        pieces: list[Piece] = []
        for han, others in _HAN_OR_NOT.findall(text):
            pieces += self._run(han, lean) if han else [Piece(others, others)]
        return pieces

    def _run(self, run: str, lean: int) -> list[Piece]:
        """Of characters with nothing between them. Those of the wanted script stay what they are, save for the region's
        forms of them: in a Traditional text 余 is a surname, in a Simplified one it may be 餘."""
        evidence = set(map(_EVIDENCE.__getitem__, run))
        if -self._wanted not in evidence and (self._wanted in evidence or lean * self._wanted > 0):
            variants = self._configs.variants
            return _by_character(run, converter(variants).convert(run) if variants else run)
        characters = converter(self._configs.characters).convert(run)
        if self._configs.words is None:
            return _by_character(run, characters)
        words = converter(self._configs.words).convert(run)
        return _by_character(run, words) if words == characters else _by_difference(run, characters, words)


def _by_character(source: str, target: str) -> list[Piece]:
    return [Piece(source, target)] if len(source) == len(target) else _by_difference(source, source, target)


def _by_difference(source: str, characters: str, target: str) -> list[Piece]:
    """Which characters of `source` became which of `target`; `characters` is a step between the two, where it is as long."""
    pieces: list[Piece] = []
    before = Piece("", "")
    """What was inserted or deleted before anything else."""
    for i1, i2, j1, j2 in _changes(characters if len(characters) == len(source) else source, target):
        was, becomes = source[i1:i2], target[j1:j2]
        if len(was) == len(becomes):
            pieces += map(Piece, was, becomes)
        elif was and becomes:
            pieces.append(Piece(was, becomes))
        elif pieces:
            pieces[-1] = Piece(pieces[-1].source + was, pieces[-1].target + becomes)
        else:
            before = Piece(was, becomes)
    first, *others = pieces
    return [Piece(before.source + first.source, before.target + first.target), *others]


def _changes(source: str, target: str) -> list[tuple[int, int, int, int]]:
    """Bounds of what corresponds in the two; a character that has moved inside a phrase (`鼠標`, `滑鼠`) makes one change."""
    changes: list[tuple[int, int, int, int]] = []
    for _, i1, i2, j1, j2 in SequenceMatcher(None, source, target, autojunk=False).get_opcodes():
        changes.append((i1, i2, j1, j2))
        a1, _, b1, _ = changes[-3] if len(changes) > 2 else changes[-1]
        if len(changes) > 2 and i2 - a1 == j2 - b1 <= _LONGEST_SHIFT and (i1 == i2 or j1 == j2):
            changes[-3:] = [(a1, i2, b1, j2)]
    return changes


def _lean(text: str) -> int:
    """Above zero for a Traditional text, below for a Simplified one, zero where nothing tells."""
    return sum(map(_EVIDENCE.__getitem__, text))


class _Evidence(dict[str, int]):
    """In which script a character stands only; zero for those of both. Found out once for each."""

    def __missing__(self, character: str) -> int:
        evidence = 0
        if _HAN_RUN.match(character):
            if converter("s2t").convert(character) != character and not _used_in_traditional(character):
                evidence = _SIMPLIFIED
            elif converter("t2s").convert(character) != character and not character.encode("gb2312", "ignore"):
                evidence = _TRADITIONAL
        self[character] = evidence
        return evidence


def _used_in_traditional(character: str) -> bool:
    code = int.from_bytes(character.encode("big5", "ignore"), "big")
    return code in _COMMON_IN_BIG5 and character not in _SIMPLIFIED_IN_PRACTICE


class _Folded(dict[int, str]):
    """Every character in Simplified form, for comparing across scripts; never longer or shorter."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        folded = converter("t2s").convert(character) if _HAN_RUN.match(character) else character
        self[code] = folded if len(folded) == 1 else character
        return self[code]


_EVIDENCE = _Evidence()
_FOLDED = _Folded()
