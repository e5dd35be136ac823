"""Cuts speech into words that can be counted and compared, whatever its language: Chinese in either script, Latin, any other.

Nothing here is shown to readers. `fold` keeps every character's place, so that what is found in a folded text can be cut out
of the text itself.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Protocol

from services.reporter.analysis.stopwords import CHINESE, ENGLISH
from services.reporter.characters import HAN, KANA

_WORD = re.compile(rf"[{HAN}]+|[{KANA}]+|[^\W\d_{HAN}{KANA}][^\W_{HAN}{KANA}]*(?:['’\-][^\W_{HAN}{KANA}]+)*")
_HAN = re.compile(rf"[{HAN}]")
_LETTER = re.compile(r"[^\W\d_]")
_TABLE: dict[int, str] = {0xFF21 + n: chr(0x41 + n) for n in range(26)} | {0xFF41 + n: chr(0x61 + n) for n in range(26)}
_SEEN: set[str] = set()


class _Cutter(Protocol):
    def cut(self, text: str, hmm: bool = True) -> list[str]:
        """Words of a Chinese text."""
        ...

    def tag(self, text: str, hmm: bool = True) -> list[tuple[str, str]]:
        """Words with their parts of speech."""
        ...


class _Converter(Protocol):
    def convert(self, text: str) -> str:
        """The text in another script."""
        ...


def fold(text: str) -> str:
    """The text with Chinese in the simplified script, character by character, and full-width letters narrow."""
    if text.isascii():
        return text
    if new := [char for char in set(text) - _SEEN if _HAN.match(char)]:
        for char in new:
            simplified = _simplifier().convert(char)
            if simplified != char and len(simplified) == 1:
                _TABLE[ord(char)] = simplified
        _SEEN.update(new)
    return text.translate(_TABLE)


def content_words(folded: str) -> list[str]:
    """The words that carry meaning, in order, in a form in which they can be compared; `folded` comes from `fold`."""
    words: list[str] = []
    for run in _WORD.findall(folded):
        if _HAN.match(run):
            words += [word for word in _cutter().cut(run) if len(word) > 1 and word not in _chinese_stopwords()]
        else:
            word = run.lower().replace("’", "'")
            if len(word) > 2 and word not in ENGLISH:
                words.append(stem(word))
    return words


def chinese_tags(folded: str) -> list[tuple[str, str]]:
    """All words of a text and what stands between them, each with its part of speech (ICTCLAS: `nr` a person, `n` a noun)."""
    return _cutter().tag(folded)


def is_stopword(folded: str) -> bool:
    """Whether a word carries no meaning of its own."""
    return folded in _chinese_stopwords() or folded.lower().replace("’", "'") in ENGLISH


def is_chinese(text: str) -> bool:
    """Whether most of what a text says is written in Chinese characters; a Latin word counts like two of them."""
    if text.isascii():
        return False
    han = len(_HAN.findall(text))
    latin = sum(1 for run in _WORD.findall(text) if not _HAN.match(run))
    return han > 2 * latin


def length(text: str) -> int:
    """How long a sentence is: English words, or Chinese characters by 1.7, about as many as an English word needs."""
    return round(len(_HAN.findall(text)) / 1.7) + sum(1 for run in _WORD.findall(text) if not _HAN.match(run))


def has_letters(text: str) -> bool:
    """Whether anything in the text can be read."""
    return _LETTER.search(text) is not None


def stem(word: str) -> str:
    """An English word without its commonest endings; good for comparing, not for showing."""
    word = word.removesuffix("'s")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            word = word[: -len(ending)]
            return word[:-1] if word[-1] == word[-2] and word[-1] not in "ls" else word
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


@cache
def _chinese_stopwords() -> frozenset[str]:
    return frozenset(map(fold, CHINESE))


@cache
def _simplifier() -> _Converter:
    import opencc

    converter: _Converter = opencc.OpenCC("t2s")
    return converter


@cache
def _cutter() -> _Cutter:
    import rjieba

    cutter: _Cutter = rjieba.Jieba()
    return cutter
