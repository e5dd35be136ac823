"""Finds where words were said: quotations in the segments that they are said to stand in, whatever their script."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import msgspec

from services.reporter.analysis.claims import Source
from services.reporter.analysis.words import fold
from services.reporter.characters import BOPOMOFO, HAN, KANA, count_words
from shared.schemas.reports import Reference
from shared.schemas.transcripts import Segment, Transcript

LEAST_WORDS = 3
LEAST_CHARACTERS = 6
"""Of Chinese or Japanese; shorter quotations occur by chance."""

_WIDE = re.compile(rf"[{HAN}{KANA}{BOPOMOFO}]")
_FILLER = re.compile(r"\b(?:u+m+|u+h+|e+r+m*|h+m+|m+h+m+|mm+)\b|[嗯呃]", re.IGNORECASE)
"""Sounds that those who quote leave out."""
_OMISSION = re.compile(r"\s*(?:\[?(?:…+|\.{3,})\]?)\s*")
_CHINESE_NUMERALS = "零〇一二三四五六七八九十百千万亿萬億兩两"
_OPENING = "$€£¥￥#+-('’‘\"（“「『《"

_CLOSING = ".!?。！？…」』”’)）%％"


class _Letters(dict[int, str]):
    """What is compared of each character: letters and digits, decomposed and without case; of anything else nothing."""

    def __missing__(self, code: int) -> str:
        decomposed = unicodedata.normalize("NFKD", chr(code)).casefold()
        self[code] = "".join(char for char in decomposed if char.isalnum() or unicodedata.category(char)[0] == "M")
        return self[code]


_LETTERS = _Letters()


def letters(text: str) -> str:
    """The text as it is compared: letters and digits alone, without case, Chinese in the simplified script."""
    return fold(_FILLER.sub("", text)).translate(_LETTERS)


def plain(text: str) -> str:
    """The text without its spaces and case, Chinese in the simplified script; punctuation stays, since it tells 1.5 from 15."""
    return "".join(fold(text).casefold().split())


def long_enough(quote: str) -> bool:
    """Whether so many words do not stand together by chance; where some are left out, those of the longest part."""
    return any(_weight(part) >= 1 for part in _OMISSION.split(quote))


def _weight(text: str) -> float:
    wide = len(_WIDE.findall(text))
    return wide / LEAST_CHARACTERS + (count_words(text) - wide) / LEAST_WORDS


class _Passage(msgspec.Struct, frozen=True, eq=False):
    """Words of one speaker, in one segment or in some that follow each other."""

    segments: tuple[Segment, ...]
    text: str
    letters: str
    origins: Sequence[int]
    """For each letter, its place in the text."""


class Passages:
    """The words of a transcript, as they are looked up. Segments are prepared when they are first asked for."""

    def __init__(self, transcript: Transcript) -> None:
        self.segments = transcript.segments
        self._places = {segment.id: place for place, segment in enumerate(transcript.segments)}
        self._passages: dict[tuple[int, int], _Passage] = {}

    def segment(self, segment_id: str) -> Segment | None:
        """The segment; null where there is none."""
        place = self._places.get(segment_id)
        return None if place is None else self.segments[place]

    def near(self, segment_id: str) -> tuple[Segment, ...]:
        """The segment and those beside it."""
        place = self._places[segment_id]
        return self.segments[max(0, place - 1) : place + 2]

    def find(self, source: Source) -> Reference | None:
        """Where the quotation was said: in the segment it is said to stand in, or else beside it or across its borders. Words
        that the quotation leaves out with an ellipsis are part of what is returned, since they were said."""
        place = self._places.get(source.segment_id)
        parts = [part for part in map(letters, _OMISSION.split(source.quote)) if part]
        if place is None or not parts:
            return None
        for first, last in self._windows(place):
            passage = self._passage(first, last)
            if hit := _search(passage, parts):
                return _reference(passage, *hit)
        return None

    def _windows(self, place: int) -> Iterator[tuple[int, int]]:
        """The cited segment, its neighbours, then what one speaker said across borders."""
        there = range(max(0, place - 1), min(len(self.segments), place + 2))
        yield from ((one, one) for one in sorted(there, key=lambda one: (abs(one - place), -one)))
        for first, last in ((place, place + 1), (place - 1, place), (place - 1, place + 1)):
            if first in there and last in there and len({self.segments[one].speaker_id for one in range(first, last + 1)}) == 1:
                yield first, last

    def _passage(self, first: int, last: int) -> _Passage:
        if (first, last) not in self._passages:
            self._passages[first, last] = _prepared(self.segments[first : last + 1])
        return self._passages[first, last]


def _prepared(segments: tuple[Segment, ...]) -> _Passage:
    text = " ".join(segment.text for segment in segments)
    silent = {place for filler in _FILLER.finditer(text) for place in range(filler.start(), filler.end())}
    pieces, origins = [], []
    for place, char in enumerate(fold(text)):
        if place not in silent and (piece := _LETTERS[ord(char)]):
            pieces.append(piece)
            origins += [place] * len(piece)
    return _Passage(segments, text, "".join(pieces), origins)


def _search(passage: _Passage, parts: list[str]) -> tuple[int, int] | None:
    """Begin and end, in the passage's text, of the first place where the parts stand one after the other as whole words."""
    begin = passage.letters.find(parts[0])
    while begin >= 0:
        end = begin + len(parts[0])
        for part in parts[1:]:
            found = passage.letters.find(part, end)
            end = found + len(part) if found >= 0 else -1
            if end < 0:
                return None
        first, last = passage.origins[begin], passage.origins[end - 1] + 1
        if not (_joins(passage.text, first) or _joins(passage.text, last)):
            return _rounded(passage.text, first, last)
        begin = passage.letters.find(parts[0], begin + 1)
    return None


def _joins(text: str, place: int) -> bool:
    """Whether the characters before and after the place belong to one word or number, so that nothing may begin or end here."""
    before, after = text[place - 1 : place] if place else "", text[place : place + 1]
    if not before or not after:
        return False
    if before.isdigit() and after in ".," and text[place + 1 : place + 2].isdigit():
        return True
    if before in ".," and after.isdigit() and text[place - 2 : place - 1].isdigit():
        return True
    narrow = not (_WIDE.match(before) or _WIDE.match(after))
    return narrow and before.isalnum() and after.isalnum()


def _rounded(text: str, first: int, last: int) -> tuple[int, int]:
    """The place, widened to whole Chinese numbers and to the punctuation that belongs to the words."""
    if text[first] in _CHINESE_NUMERALS:
        while first and text[first - 1] in _CHINESE_NUMERALS:
            first -= 1
    if text[last - 1] in _CHINESE_NUMERALS:
        while last < len(text) and text[last] in _CHINESE_NUMERALS:
            last += 1
    if first and text[first - 1] in _OPENING:
        first -= 1
    while last < len(text) and text[last] in _CLOSING:
        last += 1
    return first, last


def _reference(passage: _Passage, first: int, last: int) -> Reference:
    """The place as a reference, with the times of its own words where they are known."""
    begins = list(accumulate((len(segment.text) + 1 for segment in passage.segments), initial=0))
    head, tail = bisect_right(begins, first) - 1, bisect_right(begins, last - 1) - 1
    opening, closing = passage.segments[head], passage.segments[tail]
    return Reference(
        segment_id=opening.id,
        start_ms=_time(opening, first - begins[head], ending=False),
        end_ms=_time(closing, last - 1 - begins[tail], ending=True),
        quote=passage.text[first:last].strip(),
        speaker_id=opening.speaker_id,
    )


def _time(segment: Segment, place: int, *, ending: bool) -> int:
    """When the word at a place of the segment's text begins or ends."""
    known = segment.end_ms if ending else segment.start_ms
    end = 0
    for word in segment.words:
        end += len(word.sep) + len(word.t)
        if place < end:
            time = word.e if ending else word.s
            return known if time is None else time
    return known
