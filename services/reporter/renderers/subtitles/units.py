"""The pieces of speech that a subtitle never cuts: words of any language, with their punctuation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import le
from typing import NamedTuple

from services.reporter.characters import HAN, KANA, clean
from services.reporter.renderers.subtitles.cutting import CLOSING, FULL_CLOSING, OPENING, cut_to_width, word_ends
from services.reporter.renderers.subtitles.profiles import Profile
from shared.schemas.transcripts import Segment, Word

_WORD = rf"[^\s{HAN}{KANA}{OPENING}{FULL_CLOSING}]+"
_PIECE = re.compile(rf"\s*(?:[{OPENING}]*(?:[{HAN}{KANA}]|{_WORD}(?:[(\[{{“‘]+{_WORD})*)[{CLOSING}]*|\S)")
_HAN = re.compile(f"[{HAN}]")
_KANA = re.compile(f"[{KANA}]")
_SOUND = re.compile(r"[^\W_]")
_CLINGS_TO_PREVIOUS = re.compile(rf"[{CLOSING}]+|[{FULL_CLOSING}].*", re.DOTALL)
_CLINGS_TO_NEXT = re.compile(rf".*[{OPENING}]", re.DOTALL)


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


def segment_units(segment: Segment, profile: Profile) -> list[Unit]:
    """A segment's units in order, starting at times that never run backwards. None is wider than a line."""
    if units := _plain_units(segment, profile.line):
        return units
    if segment.words:
        pieces = [piece for word in segment.words for piece in _word_pieces(word)]
    else:
        pieces = _cut(_Piece(clean(segment.text), "", None, None))
    if _HAN.search(segment.text) and not _KANA.search(segment.text):
        pieces = _joined_words(pieces)
    fitting = [part for piece in _glued(pieces) for part in _fitted(piece, profile)]
    return _timed(fitting, segment.start_ms, segment.end_ms, profile)


def joined(units: Iterable[Unit]) -> str:
    """The units as one line; what stands before the first is dropped."""
    return "".join([unit.sep + unit.text for unit in units]).lstrip()


def clings(before: str, after: str) -> bool:
    """Whether nothing may part two neighbours: no line begins with a closing mark or ends with an opening one."""
    return bool(_CLINGS_TO_PREVIOUS.fullmatch(after) or _CLINGS_TO_NEXT.fullmatch(before))


def _plain_units(segment: Segment, line: int) -> list[Unit] | None:
    """The words as they are, where they are what most are: short, of plain letters, timed in order, set apart by spaces."""
    if not segment.words or not segment.text.isascii() or any(word.s is None or word.e is None for word in segment.words):
        return None
    units = [Unit(word.t, word.sep, word.s or 0, word.e or 0, len(word.t)) for word in segment.words]
    texts, seps, starts, ends, widths = zip(*units, strict=True)
    letters = "".join(texts)
    in_order = list(starts) == sorted(starts) and starts[0] >= segment.start_ms and all(map(le, starts, ends))
    short = min(widths) > 0 and max(widths) <= line
    plain = letters.isascii() and letters.isprintable() and " " not in letters and set(seps[1:]) <= {" "}
    if not (in_order and short and plain):
        return None
    return units if all(text[0].isalnum() and text[-1] not in "([{" for text in texts) else None


def _word_pieces(word: Word) -> list[_Piece]:
    text = word.t if word.t.isalnum() else clean(word.t)
    if not text:
        return []
    piece = _Piece(text, word.sep and " ", word.s, word.e)
    return [piece] if len(text) == 1 or (text.isascii() and " " not in text) else _cut(piece)


def _cut(piece: _Piece) -> list[_Piece]:
    """Cut at spaces and between Chinese or Japanese characters; a known time is shared out by length."""
    return _shared_out(piece, _PIECE.findall(piece.text))


def _shared_out(piece: _Piece, texts: Sequence[str]) -> list[_Piece]:
    whole, seen, parts = sum(map(len, texts)), 0, []
    for index, text in enumerate(texts):
        sep = piece.sep if index == 0 else " " if text[0].isspace() else ""
        start = _part(piece, seen, whole)
        seen += len(text)
        parts.append(_Piece(text.lstrip(), sep, start, _part(piece, seen, whole)))
    return parts


def _part(piece: _Piece, seen: int, whole: int) -> int | None:
    if piece.start is None or piece.end is None:
        return None
    return piece.start + max(0, piece.end - piece.start) * seen // whole


def _joined_words(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Chinese characters joined to words."""
    text = "".join(piece.sep + piece.text for piece in pieces)
    ends, end, words = word_ends(text), 0, list[_Piece]()
    for piece in pieces:
        if end and not piece.sep and end not in ends and words[-1].timed == piece.timed:
            words[-1] = _together(words[-1], piece)
        else:
            words.append(piece)
        end += len(piece.sep) + len(piece.text)
    return words


def _glued(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Join punctuation that came as a word of its own to the word it belongs to."""
    glued: list[_Piece] = []
    for piece in pieces:
        if glued and clings(glued[-1].text, piece.text):
            glued[-1] = _together(glued[-1], piece)
        else:
            glued.append(piece)
    return glued


def _together(piece: _Piece, following: _Piece) -> _Piece:
    """Two pieces as one; a mark is not heard, so that its times do not count."""
    start, end = piece.start, piece.end if following.end is None else following.end
    if piece.timed and not _SOUND.search(following.text):
        end = piece.end
    elif following.timed and not _SOUND.search(piece.text):
        start = following.start
    return _Piece(piece.text + following.sep + following.text, piece.sep, start, end)


def _fitted(piece: _Piece, profile: Profile) -> list[_Piece]:
    """The piece, cut anywhere where it is wider than a line."""
    if len(piece.text) * 2 <= profile.line or profile.columns(piece.text) <= profile.line:
        return [piece]
    return _shared_out(piece, cut_to_width(piece.text, profile.line, profile.columns))


def _timed(pieces: Sequence[_Piece], start: int, end: int, profile: Profile) -> list[Unit]:
    """Give every piece times: its own, or its share by width of the gap between its neighbours' times."""
    units: list[Unit] = []
    groups = [(timed, list(group)) for timed, group in groupby(pieces, key=lambda piece: piece.timed)]
    for number, (timed, group) in enumerate(groups):
        if timed:
            for piece in group:
                start = max(start, piece.start or 0)
                units.append(Unit(piece.text, piece.sep, start, max(start, piece.end or 0), profile.columns(piece.text)))
            continue
        begin = units[-1].end if units else start
        until = max(begin, groups[number + 1][1][0].start or 0) if number + 1 < len(groups) else max(begin, end)
        units += _spread(group, begin, until, profile)
        start = units[-1].start
    return units


def _spread(pieces: Sequence[_Piece], begin: int, until: int, profile: Profile) -> list[Unit]:
    widths = [profile.columns(piece.text) for piece in pieces]
    whole, seen, units = max(1, sum(widths)), 0, []
    for piece, width in zip(pieces, widths, strict=True):
        start = begin + (until - begin) * seen // whole
        seen += width
        units.append(Unit(piece.text, piece.sep, start, begin + (until - begin) * seen // whole, width))
    return units
