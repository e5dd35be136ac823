"""Finds the terms of a recording: runs of words that carry meaning, ranked by C-value (Frantzi, Ananiadou and Mima 2000), which
counts a word less where it mostly stands inside longer terms."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache

import msgspec

from services.reporter.analysis.extractive.material import ChineseWord, Material
from services.reporter.analysis.extractive.passages import Passages
from services.reporter.analysis.words import is_stopword, stem
from services.reporter.characters import HAN, KANA

_LONGEST = 3
_LATIN = re.compile(rf"[^\W_{HAN}{KANA}]+(?:['’\-][^\W_{HAN}{KANA}]+)*")
_HAN = re.compile(rf"[{HAN}]")
_OTHER = re.compile(rf"{_LATIN.pattern}|(?P<kana>[{KANA}]{{3,}})")
_NOUNS = ("n", "vn", "j")
_USELESS = re.findall(
    r"\w+",
    """
    think thing know really people lot bit kind sort way stuff guess mean yeah okay gonna wanna whole big great
    nice able happen change hear agree feel wonder wait worry care move fill hand keep today everybody basically
    obviously absolutely
    """,
)
"""No terms, however often they are said."""
_NO_TERM = frozenset(map(stem, _USELESS))


class Term(msgspec.Struct, frozen=True):
    """One term as it is mostly said, and the numbers of the sentences that hold it."""

    text: str
    key: tuple[str, ...]
    sentences: tuple[int, ...]
    score: float


_Word = tuple[str, int, int]
"""What is compared, and where it stands."""
_Use = tuple[tuple[str, ...], int, int]
"""A term by its words, and where it stands."""


class Terms:
    """The terms of one transcript."""

    def __init__(self, material: Material) -> None:
        self._material = material

    def ranked(self, among: range | None = None, *, least: int = 2) -> list[Term]:
        """Terms that are said at least `least` times, the weightiest first; `among` keeps to some sentences, where those count
        most that are said there more than elsewhere."""
        numbers = range(len(self._uses)) if among is None else among
        counts = Counter(use[0] for number in numbers for use in self._uses[number])
        values = _c_values({key: count for key, count in counts.items() if count >= least})
        scores = {
            key: round(value if among is None else value * counts[key] / self._counts[key], 9) for key, value in values.items()
        }
        kept = _without_parts(sorted((key for key, score in scores.items() if score > 0), key=lambda key: (-scores[key], key)))
        texts: dict[tuple[str, ...], Counter[str]] = {key: Counter() for key in kept}
        places: dict[tuple[str, ...], dict[int, None]] = {key: {} for key in kept}
        for number in numbers:
            for key, begin, end in self._uses[number]:
                if key in texts:
                    texts[key][self._material.sentences[number].text[begin:end]] += 1
                    places[key][number] = None
        return [Term(_commonest(texts[key]), key, tuple(places[key]), scores[key]) for key in kept]

    @cached_property
    def _counts(self) -> Counter[tuple[str, ...]]:
        return Counter(use[0] for uses in self._uses for use in uses)

    @cached_property
    def _uses(self) -> list[list[_Use]]:
        """What may be a term in each sentence."""
        material = self._material
        others = _other_words(material.folded)
        return [
            [] if sentence.doubtful else list(_candidates(_in_order(_han_words(chinese), others.get(number, []))))
            for number, (sentence, chinese) in enumerate(zip(material.sentences, material.chinese_words, strict=True))
        ]


def _commonest(texts: Counter[str]) -> str:
    return min(texts.items(), key=lambda one: (-one[1], one[0]))[0]


def _candidates(words: Iterable[_Word]) -> Iterator[_Use]:
    for run in _runs(words):
        for first, (word, begin, end) in enumerate(run):
            yield (word,), begin, end
            if len(run) > 1:
                yield from _longer(run[first : first + _LONGEST])


def _longer(words: list[_Word]) -> Iterator[_Use]:
    """The terms of several words that begin where these do, and use no word twice."""
    for size in range(2, len(words) + 1):
        key = tuple([word for word, _, _ in words[:size]])
        if len(set(key)) == size:
            yield key, words[0][1], words[size - 1][2]


def _runs(words: Iterable[_Word]) -> list[list[_Word]]:
    """Neighbouring words that may form a term."""
    runs: list[list[_Word]] = []
    end = -2
    for word in words:
        if word[1] - end > 1:
            runs.append([])
        runs[-1].append(word)
        end = word[2]
    return runs


def _in_order(words: list[_Word], others: list[_Word]) -> list[_Word]:
    return sorted([*words, *others], key=lambda word: word[1]) if words and others else words or others


def _other_words(folded: Sequence[str]) -> dict[int, list[_Word]]:
    """Each word in another script than Chinese that may be part of a term, in order, by the sentence."""
    words: dict[int, list[_Word]] = {}
    for number, match, start in Passages(folded, cased=True).finditer(_OTHER):
        if key := match.group() if match.lastgroup else _latin_key(match.group()):
            words.setdefault(number, []).append((key, match.start() - start, match.end() - start))
    return words


@lru_cache(maxsize=1 << 16)
def _latin_key(said: str) -> str:
    """What an English word is compared by; empty where it is no part of a term."""
    word = said.lower().replace("’", "'")
    able = len(word) > 2 and not word[0].isdigit() and not is_stopword(word) and not word.endswith(("ly", "n't"))
    return stem(word) if able and stem(word) not in _NO_TERM else ""


def _han_words(chinese: Sequence[ChineseWord]) -> list[_Word]:
    return [(word, end - len(word), end) for word, tag, end in chinese if tag.startswith(_NOUNS) and _may_be_term(word)]


@lru_cache(maxsize=1 << 16)
def _may_be_term(word: str) -> bool:
    return _HAN.match(word) is not None and not is_stopword(word)


def _c_values(counts: dict[tuple[str, ...], int]) -> dict[tuple[str, ...], float]:
    longer: dict[tuple[str, ...], list[int]] = {}
    for key, count in counts.items():
        for part in _parts(key):
            if part in counts:
                longer.setdefault(part, []).append(count)
    return {
        key: (1 + math.log2(len(key)) * 0.9) * (count - sum(longer.get(key, [])) / max(1, len(longer.get(key, []))))
        for key, count in counts.items()
    }


def _parts(key: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    return {key[begin : begin + size] for size in range(1, len(key)) for begin in range(len(key) - size + 1)}


def _without_parts(keys: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Without those that are a part of a weightier one, or contain it."""
    kept: list[tuple[str, ...]] = []
    taken: set[tuple[str, ...]] = set()
    for key in keys:
        if key not in taken and taken.isdisjoint(_parts(key)):
            kept.append(key)
            taken |= {key, *_parts(key)}
    return kept
