"""The pieces of speech that a subtitle never cuts: words, or single Chinese characters, with their punctuation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from operator import le
from typing import NamedTuple

from services.reporter.characters import HAN, KANA, clean, columns
from shared.schemas.transcripts import Segment, Word

_FULL_CLOSING = "）〕］｝〉》」』】〗〙〞、。，．！？：；‥・ー～％…—"
_OPENING = "（〔［｛〈《「『【〖〘〝“‘(\\[{"
_CLOSING = _FULL_CLOSING + "·”’)\\]}!?,.:;%"
_WORD = rf"[^\s{HAN}{KANA}{_OPENING}{_FULL_CLOSING}]+"
_PIECE = re.compile(rf"\s*(?:[{_OPENING}]*(?:[{HAN}{KANA}]|{_WORD}(?:[(\[{{“‘]+{_WORD})*)[{_CLOSING}]*|\S)")
_ONLY_CLOSING = re.compile(rf"[{_CLOSING}]+")
_ONLY_OPENING = re.compile(rf"[{_OPENING}]+")


class Unit(NamedTuple):
    """A piece with what stands before it inside a line (`sep`), its times in milliseconds, and its width in columns."""

    text: str
    sep: str
    start: int
    end: int
    width: int


class _Piece(NamedTuple):
    """A piece whose times may still be unknown."""

    text: str
    sep: str
    start: int | None
    end: int | None

    @property
    def timed(self) -> bool:
        return self.start is not None and self.end is not None


def segment_units(segment: Segment, line: int) -> list[Unit]:
    """A segment's units in order, starting at times that never run backwards. What is wider than a line's columns is
    cut where its script allows."""
    if units := _plain_units(segment, line):
        return units
    if segment.words:
        pieces = [piece for word in segment.words for piece in _word_pieces(word, line)]
    else:
        pieces = _cut(_Piece(clean(segment.text), "", None, None))
    return _timed(_glued(pieces), segment.start_ms, segment.end_ms)


def _plain_units(segment: Segment, line: int) -> list[Unit] | None:
    """The words as they are, where they are what most are: short, of plain letters, timed in order, set apart by spaces."""
    if not segment.words or any(word.s is None or word.e is None for word in segment.words):
        return None
    units = [Unit(word.t, word.sep, word.s or 0, word.e or 0, len(word.t)) for word in segment.words]
    texts, seps, starts, ends, widths = zip(*units, strict=True)
    letters = "".join(texts)
    in_order = list(starts) == sorted(starts) and starts[0] >= segment.start_ms and all(map(le, starts, ends))
    short = min(widths) > 0 and max(widths) <= line
    plain = letters.isascii() and letters.isprintable() and " " not in letters and set(seps[1:]) <= {" "}
    return units if in_order and short and plain else None


def joined(units: Sequence[Unit]) -> str:
    """The units as one line; what stands before the first is dropped."""
    return "".join([unit.sep + unit.text for unit in units]).lstrip()


def _word_pieces(word: Word, line: int) -> list[_Piece]:
    text = word.t if word.t.isalnum() else clean(word.t)
    if not text:
        return []
    piece = _Piece(text, word.sep and " ", word.s, word.e)
    return _cut(piece) if len(text) * 2 > line and columns(text) > line else [piece]


def _cut(piece: _Piece) -> list[_Piece]:
    """Cut at spaces and between Chinese or Japanese characters; a known time is shared out by width."""
    found = _PIECE.findall(piece.text)
    whole, seen, parts = sum(map(columns, found)), 0, []
    for index, text in enumerate(found):
        sep = piece.sep if index == 0 else " " if text[0].isspace() else ""
        start = _part(piece, seen, whole)
        seen += columns(text)
        parts.append(_Piece(text.lstrip(), sep, start, _part(piece, seen, whole)))
    return parts


def _part(piece: _Piece, seen: int, whole: int) -> int | None:
    if piece.start is None or piece.end is None:
        return None
    return piece.start + max(0, piece.end - piece.start) * seen // whole


def _glued(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Join punctuation that came as a word of its own to the word it belongs to."""
    glued: list[_Piece] = []
    for piece in pieces:
        if glued and not piece.sep and (_ONLY_CLOSING.fullmatch(piece.text) or _ONLY_OPENING.fullmatch(glued[-1].text)):
            last = glued[-1]
            glued[-1] = _Piece(last.text + piece.text, last.sep, last.start, last.end if piece.end is None else piece.end)
        else:
            glued.append(piece)
    return glued


def _timed(pieces: Sequence[_Piece], start: int, end: int) -> list[Unit]:
    """Give every piece times: its own, or its share by width of the gap between its neighbours' times."""
    units: list[Unit] = []
    groups = [(timed, list(group)) for timed, group in groupby(pieces, key=lambda piece: piece.timed)]
    for number, (timed, group) in enumerate(groups):
        if timed:
            for piece in group:
                start = max(start, piece.start or 0)
                units.append(Unit(piece.text, piece.sep, start, max(start, piece.end or 0), columns(piece.text)))
            continue
        begin = units[-1].end if units else start
        until = max(begin, groups[number + 1][1][0].start or 0) if number + 1 < len(groups) else max(begin, end)
        units += _spread(group, begin, until)
        start = units[-1].start
    return units


def _spread(pieces: Sequence[_Piece], begin: int, until: int) -> list[Unit]:
    widths = [columns(piece.text) for piece in pieces]
    whole, seen, units = max(1, sum(widths)), 0, []
    for piece, width in zip(pieces, widths, strict=True):
        start = begin + (until - begin) * seen // whole
        seen += width
        units.append(Unit(piece.text, piece.sep, start, begin + (until - begin) * seen // whole, width))
    return units
