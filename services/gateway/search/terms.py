"""Words of texts and of questions: what is looked up, and where it stands. Pure, no I/O.

Text is read as atoms: words where words are spaced, single characters where they are not (Han, Kana, Hangul, Thai and their
neighbours). Atoms are folded, so that 資料 finds 资料, `CAFÉ` finds `cafe` and full-width finds half-width. The index holds
words, characters and pairs of characters; that the pairs stand in the order of the question, the text itself tells.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

MOST_TERMS = 10

_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Kana and what stands among Han
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\uac00-\ud7af"  # Han, Hangul
)
_ATOM = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_CHARACTER = re.compile(rf"[{_UNSPACED}]")
_MARKS = re.compile(rf"(?:[^\w{_UNSPACED}]|_)+")
_PIECE = re.compile(r'["“”「」](?P<phrase>[^"“”「」]*)["“”「」]|(?P<word>[^\s"“”「」]+)')
_FIRST_UNSPACED = "\u0e01"


class Match(NamedTuple):
    """A place in a text where a term of the question stands."""

    term: int
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is looked for: every term must be there; a term of several atoms is there when they stand one after the other."""

    terms: tuple[tuple[str, ...], ...]

    def tokens(self, tenant_id: UUID) -> list[int]:
        """What the index must have of a text for it to be a candidate. Of pairs, the characters need not be asked for."""
        found: dict[str, None] = {}
        for term in self.terms:
            paired = {place for place, (first, second) in enumerate(itertools.pairwise(term)) if _pair(first, second)}
            found |= dict.fromkeys(atom for place, atom in enumerate(term) if not {place - 1, place} & paired)
            found |= dict.fromkeys(_pairs(term))
        return hashed(tenant_id, found)

    def matches(self, text: str) -> list[Match]:
        """Where the terms stand in a text, in its order; empty unless every one does."""
        if not self._may_stand(text):
            return []
        atoms = read(text)
        standing = [_standing(term, atoms) for term in self.terms]
        if not all(standing):
            return []
        spans = [match.span() for match in _ATOM.finditer(text)]
        found = [
            Match(number, spans[place][0], spans[place + len(term) - 1][1])
            for number, (term, places) in enumerate(zip(self.terms, standing, strict=True))
            for place in places
        ]
        return sorted(found, key=lambda match: match.start)

    def _may_stand(self, text: str) -> bool:
        """Whether what is written together stands together, looked at quickly: most candidates of long phrases end here."""
        together = ["".join(term) for term in self.terms if all(map(_character, term))]
        if not together:
            return True
        bare = _MARKS.sub("", text).translate(_folded_characters())
        return all(term in bare for term in together)


def question_of(text: str) -> Question:
    """The question that a customer wrote: words and "phrases". Raises `ValueError` for one that asks for nothing, or for too
    much."""
    pieces = (match["word"] if match["phrase"] is None else match["phrase"] for match in _PIECE.finditer(text))
    terms = tuple(dict.fromkeys(term for piece in pieces if (term := tuple(read(piece)))))
    if not terms:
        raise ValueError("it has no letter, digit or character to look for")
    if len(terms) > MOST_TERMS:
        raise ValueError(f"it has more than {MOST_TERMS} words")
    return Question(terms=terms)


def read(text: str) -> list[str]:
    """The atoms of a text, folded, in its order."""
    return list(map(_fold, _ATOM.findall(text)))


def tokens_of(tenant_id: UUID, text: str) -> list[int]:
    """Everything by which a text is found, each once."""
    atoms = read(text)
    return hashed(tenant_id, dict.fromkeys((*atoms, *_pairs(atoms))))


def hashed(tenant_id: UUID, words: Iterable[str]) -> list[int]:
    """32 bits of a hash with the tenant's id as its key. Two words may share them: the text itself tells."""
    keyed = hashlib.blake2b(key=tenant_id.bytes, digest_size=4)
    found = []
    for word in words:
        hash_ = keyed.copy()
        hash_.update(word.encode())
        found.append(int.from_bytes(hash_.digest(), "big", signed=True))
    return found


def _pairs(atoms: Sequence[str]) -> Iterator[str]:
    """Characters that follow one another, whatever mark stands between them."""
    return (first + second for first, second in itertools.pairwise(atoms) if _pair(first, second))


def _pair(first: str, second: str) -> bool:
    return first >= _FIRST_UNSPACED and second >= _FIRST_UNSPACED and _character(first) and _character(second)


@functools.lru_cache(maxsize=16_384)
def _character(atom: str) -> bool:
    """Whether it is one of those that are written without spaces."""
    return _CHARACTER.fullmatch(atom) is not None


def _standing(term: Sequence[str], atoms: Sequence[str]) -> list[int]:
    """Where a term begins."""
    if len(term) == 1:
        return [place for place, atom in enumerate(atoms) if atom == term[0]]
    wanted, length = list(term), len(term)
    return [place for place, atom in enumerate(atoms) if atom == term[0] and atoms[place : place + length] == wanted]


@functools.lru_cache(maxsize=16_384)
def _fold(text: str) -> str:
    if _CHARACTER.match(text):
        return _folded_characters().get(ord(text), text)
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", folded) if unicodedata.category(letter) != "Mn")
    return bare or folded


@functools.cache
def _folded_characters() -> dict[int, str]:
    """Characters to their usual form, traditional ones to simplified ones, one by one: by whole words, a question and its text
    might part ways."""
    from opencc import OpenCC

    characters = [chr(code) for code in range(0x0E01, 0xFFA0) if _CHARACTER.match(chr(code))]
    usual = [unicodedata.normalize("NFKC", character) for character in characters]
    simplified = OpenCC("t2s").convert("\n".join(usual)).split("\n")
    pairs = zip(characters, simplified, strict=True)
    return {ord(before): after for before, after in pairs if before != after and len(after) == 1}
