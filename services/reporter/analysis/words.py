"""Cuts speech into words that can be counted and compared, whatever its language: Chinese in either script, Latin, any other.

Nothing here is shown to readers. `fold` keeps every character's place, so that what is found in a folded text can be cut out
of the text itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple, Protocol

from services.reporter.analysis.stopwords import CHINESE, ENGLISH
from services.reporter.characters import HAN, KANA

_OTHER_WORD = re.compile(rf"[{KANA}]+|[^\W\d_{HAN}{KANA}][^\W_{HAN}{KANA}]*(?:['’\-][^\W_{HAN}{KANA}]+)*")
_ASCII_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:['\-][A-Za-z0-9]+)*")
_HAN, _HAN_RUN = re.compile(rf"[{HAN}]"), re.compile(rf"[{HAN}]+")
_LETTER = re.compile(r"[^\W\d_]")


class _Cutter(Protocol):
    def tag(self, text: str, hmm: bool = True) -> list[tuple[str, str]]:
        """Words with their parts of speech."""
        ...


class _Converter(Protocol):
    def convert(self, text: str) -> str:
        """The text in another script."""
        ...


class _Table(dict[int, str]):
    """What each character folds to; learned when it is first met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if _HAN.match(char):
            simplified = _simplifier().convert(char)
            char = simplified if len(simplified) == 1 else char
        elif 0xFF21 <= code <= 0xFF5A and unicodedata.category(char).startswith("L"):
            char = chr(code - 0xFEE0)
        self[code] = char
        return char


_TABLE = _Table()


def fold(text: str) -> str:
    """The text with Chinese in the simplified script, character by character, and full-width letters narrow."""
    return text if text.isascii() else text.translate(_TABLE)


Token = tuple[str, str]
"""A word of a Chinese text and its part of speech."""


def content_words(folded: str, chinese: Iterable[str]) -> list[str]:
    """The words that carry meaning, in a form in which they can be compared; `chinese` are those of `chinese_tokens`."""
    words = [word for word in chinese if len(word) > 1 and _carries_meaning(word)]
    for run in _other_words(folded):
        words += _content_word(run)
    return words


def _other_words(text: str) -> list[str]:
    """All words but Chinese ones."""
    if text.isascii():
        return _ASCII_WORD.findall(text)
    others = _HAN_RUN.sub(" ", text)
    return _OTHER_WORD.findall(others) if has_letters(others) else []


@lru_cache(maxsize=1 << 16)
def _carries_meaning(word: str) -> bool:
    return _HAN.match(word) is not None and word not in _chinese_stopwords()


@lru_cache(maxsize=1 << 16)
def _content_word(run: str) -> tuple[str, ...]:
    word = run.lower().replace("’", "'")
    return (stem(word),) if len(word) > 2 and word not in ENGLISH else ()


def chinese_tokens(folded: str) -> list[Token]:
    """All words of a text and what stands between them, each with its part of speech (ICTCLAS: `nr` a person, `n` a noun);
    none where there is no Chinese."""
    return _cutter().tag(folded) if not folded.isascii() and _HAN.search(folded) else []


@lru_cache(maxsize=1 << 16)
def is_stopword(folded: str) -> bool:
    """Whether a word carries no meaning of its own."""
    return folded in _chinese_stopwords() or folded.lower().replace("’", "'") in ENGLISH


class Size(NamedTuple):
    """How much a text says."""

    length: int
    """English words, or Chinese characters by 1.7, about as many as an English word needs."""
    chinese: bool
    """Most of it is written in Chinese characters; a Latin word counts like two of them."""


def size(text: str) -> Size:
    """The size of a text."""
    others = len(_other_words(text))
    han = 0 if text.isascii() else sum(map(len, _HAN_RUN.findall(text)))
    return Size(others + round(han / 1.7), chinese=han > 2 * others)


def is_chinese(text: str) -> bool:
    """Whether most of what a text says is written in Chinese characters."""
    return size(text).chinese


def length(text: str) -> int:
    """How long a sentence is, in English words (`Size.length`)."""
    return size(text).length


def has_letters(text: str, begin: int = 0, end: int | None = None) -> bool:
    """Whether anything in the text, or between two places of it, can be read."""
    return _LETTER.search(text, begin, len(text) if end is None else end) is not None


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
