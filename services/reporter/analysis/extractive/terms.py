"""Finds the terms of a recording: runs of words that carry meaning, ranked by C-value (Frantzi, Ananiadou and Mima 2000), which
counts a word less where it mostly stands inside longer terms."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property

import msgspec

from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.words import chinese_tags, is_stopword, stem
from services.reporter.characters import HAN, KANA

_LONGEST = 3
_LATIN = re.compile(rf"[^\W_{HAN}{KANA}]+(?:['’\-][^\W_{HAN}{KANA}]+)*")
_HAN_RUN = re.compile(rf"[{HAN}]+")
_KANA_RUN = re.compile(rf"[{KANA}]{{3,}}")
_NOUNS = ("n", "vn", "j", "eng")
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


class _Use(msgspec.Struct, frozen=True):
    key: tuple[str, ...]
    text: str
    sentence: int


class Terms:
    """The terms of one transcript."""

    def __init__(self, material: Material) -> None:
        self._material = material

    def ranked(self, among: range | None = None, *, least: int = 2) -> list[Term]:
        """Terms that are said at least `least` times, the weightiest first; `among` keeps to some sentences, where those count
        most that are said there more than elsewhere."""
        uses = [use for use in self._uses if among is None or use.sentence in among]
        counts = Counter(use.key for use in uses)
        values = _c_values({key: count for key, count in counts.items() if count >= least})
        texts: dict[tuple[str, ...], Counter[str]] = {}
        places: dict[tuple[str, ...], dict[int, None]] = {}
        for use in uses:
            if use.key in values:
                texts.setdefault(use.key, Counter())[use.text] += 1
                places.setdefault(use.key, {})[use.sentence] = None
        terms = []
        for key, value in values.items():
            score = value if among is None else value * counts[key] / self._counts[key]
            text = min(texts[key].items(), key=lambda one: (-one[1], one[0]))[0]
            terms.append(Term(text, key, tuple(places[key]), round(score, 9)))
        return _without_parts(sorted(terms, key=lambda term: (-term.score, term.text)))

    @cached_property
    def _counts(self) -> Counter[tuple[str, ...]]:
        return Counter(use.key for use in self._uses)

    @cached_property
    def _uses(self) -> list[_Use]:
        uses = []
        for number, sentence in enumerate(self._material.sentences):
            if sentence.doubtful:
                continue
            for run in _runs(self._material.folded[number]):
                for size in range(1, _LONGEST + 1):
                    for begin in range(len(run) - size + 1):
                        part = run[begin : begin + size]
                        key = tuple(word for word, _, _ in part)
                        if len(set(key)) == size:
                            uses.append(_Use(key, sentence.text[part[0][1] : part[-1][2]], number))
        return uses


_Word = tuple[str, int, int]


def _runs(folded: str) -> Iterator[list[_Word]]:
    """Neighbouring words that may form a term: what is compared, and where each stands."""
    run: list[_Word] = []
    for word in _words(folded):
        if run and (word is None or word[1] - run[-1][2] > 1):
            yield run
            run = []
        if word is not None:
            run.append(word)
    if run:
        yield run


def _words(folded: str) -> Iterator[_Word | None]:
    """Each word that may be part of a term, and null where one that may not ends what stands before it."""
    found: list[_Word | None] = []
    for match in _LATIN.finditer(folded):
        word = match.group().lower().replace("’", "'")
        able = len(word) > 2 and not word[0].isdigit() and not is_stopword(word) and not word.endswith(("ly", "n't"))
        found.append((stem(word), *match.span()) if able and stem(word) not in _NO_TERM else None)
    if found and not _HAN_RUN.search(folded) and not _KANA_RUN.search(folded):
        yield from found
        return
    latin = [word for word in found if word is not None]
    han = [word for match in _HAN_RUN.finditer(folded) for word in _han_words(match)]
    kana = [(match.group(), *match.span()) for match in _KANA_RUN.finditer(folded)]
    yield from sorted([*latin, *han, *kana], key=lambda word: word[1])


def _han_words(match: re.Match[str]) -> Iterator[_Word]:
    place = match.start()
    for word, tag in chinese_tags(match.group()):
        if len(word) > 1 and tag.startswith(_NOUNS) and not is_stopword(word):
            yield word, place, place + len(word)
        place += len(word)


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


def _without_parts(terms: list[Term]) -> list[Term]:
    """Without those that are a part of a weightier one, or contain it."""
    kept: list[Term] = []
    taken: set[tuple[str, ...]] = set()
    for term in terms:
        inside = any(part in taken for part in _parts(term.key))
        if term.score > 0 and not inside and term.key not in taken:
            kept.append(term)
            taken |= {term.key, *_parts(term.key)}
    return kept
