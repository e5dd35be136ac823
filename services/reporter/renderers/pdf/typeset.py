"""Breaks text into lines: where Chinese, Japanese and Latin may be broken, what each line measures, which font shows what.

All text here is one paragraph of clean text. Three kinds of noncharacters, which clean text never holds, stand for what
Unicode has no character for: the thin gap between Chinese and Latin, and punctuation in its Chinese, full width.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from services.reporter.characters import BOPOMOFO, HAN, HANGUL, KANA
from services.reporter.renderers.pdf.fonts import Face

GAP = "\ufdef"
"""A quarter of a space between Chinese and Latin; drawn as a movement, since nobody said it."""

GAP_WIDTH = 180
"""Thousandths of the font size."""

MISSING = "〓"
"""Shown for a character that no font has; printers' mark for a missing piece of type. The last face of a style has it."""

WIDE = {"“": "\ufdd0", "”": "\ufdd1", "‘": "\ufdd2", "’": "\ufdd3", "…": "\ufdd4", "—": "\ufdd5", "·": "\ufdd6"}
"""Punctuation that is as wide as a Chinese character beside one."""

NARROW = {wide: narrow for narrow, wide in WIDE.items()}

_IDEOGRAPH = HAN + KANA + BOPOMOFO + "\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
_OPENING = "（〔［｛〈《「『【〖〘〝\ufdd0\ufdd2"
_CLOSING = (
    "）〕］｝〉》」』】〗〙〞、。，．！？：；‥・ー〜～％‰℃"
    "々ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ\ufdd1\ufdd3\ufdd4\ufdd5\ufdd6"
)
_LATIN_OPENING = "“‘(\\[{"
_LATIN_CLOSING = "”’)\\]}!?,.:;%"
_FULL = _IDEOGRAPH + _OPENING + _CLOSING + HANGUL
_WORD = rf"[^\s{_FULL}{_LATIN_OPENING}{GAP}]+"
_LETTER = "0-9A-Za-z\u00c0-\u024f\u0370-\u052f"

# A compound may be broken after its hyphen.
_COMPOUND = re.compile(r"(?<=[A-Za-z]-)(?=[A-Za-z])")
_BREAK = "\0"
# What must stay together where Chinese occurs: single ideographs and words, with their punctuation and what trails them.
_CLUSTERS = re.compile(
    rf"(?:[{_OPENING}{_LATIN_OPENING}]*"
    rf"(?:[{_IDEOGRAPH}]|{_WORD}(?:[{_LATIN_OPENING}]+{_WORD})*|[{HANGUL}]+)[{_CLOSING}{_LATIN_CLOSING}]*|\S)[\s{GAP}]*"
)
_BESIDE_FULL = re.compile(rf"(?<=[{_FULL}])[“”‘’…—·]+|[“”‘’…—·]+(?=[{_FULL}])")
_BOUNDARY = re.compile(rf"(?<=[{_IDEOGRAPH}])(?=[{_LETTER}$€£#@&+])|(?<=[{_LETTER}%°])(?=[{_IDEOGRAPH}])")
_FULL_WIDTH = re.compile(f"[{_FULL}]")
# Joiners and variation selectors ask for shaping, which is not done here.
_INVISIBLE = dict.fromkeys([0x200C, 0x200D, *range(0xFE00, 0xFE10)])
_TO_WIDE = str.maketrans(WIDE)


class Line(NamedTuple):
    """A line of a paragraph, its natural width in points, and where it begins in the prepared text."""

    text: str
    width: float
    offset: int


class Style:
    """Fonts at one weight, in order of preference. One object serves one document, since it remembers its words."""

    def __init__(self, name: str, faces: Sequence[Face]) -> None:
        self.name = name
        self.faces = tuple(faces)
        self.unknown = len(self.faces)
        """The number that stands for no face; the last one shows `MISSING` then."""
        self.face_of = _FaceOf(self.faces)
        self.widths = _Widths(self)
        self.space = self.widths[" "]

    def width(self, text: str, size: float) -> float:
        """The width of prepared text in points."""
        return sum(map(self.widths.__getitem__, text)) * size / 1000


class _FaceOf(dict[str, int]):
    """From a character to the number of the face that shows it; -1 for gaps, `Style.unknown` where no face does."""

    def __init__(self, faces: Sequence[Face]) -> None:
        super().__init__({GAP: -1})
        self._faces = faces

    def __missing__(self, character: str) -> int:
        shown, first = NARROW.get(character, character), 1 if character in NARROW else 0
        found = (number for number in range(first, len(self._faces)) if self._faces[number].shows(shown))
        self[character] = number = next(found, len(self._faces))
        return number


class _Widths(dict[str, int]):
    """From a character or an unbreakable piece to its width in thousandths of the font size."""

    def __init__(self, style: Style) -> None:
        super().__init__({GAP: GAP_WIDTH})
        self._style = style

    def __missing__(self, text: str) -> int:
        self[text] = width = sum(map(self.__getitem__, text)) if len(text) > 1 else self._advance(text)
        return width

    def _advance(self, character: str) -> int:
        style = self._style
        number = style.face_of[character]
        if number == style.unknown:
            return style.faces[-1].advance(MISSING)
        return style.faces[number].advance(NARROW.get(character, character))


def prepare(text: str) -> str:
    """Clean text with gaps and wide punctuation where it mixes scripts."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text).translate(_INVISIBLE)
    if not _FULL_WIDTH.search(text):
        return text
    text = _BESIDE_FULL.sub(lambda match: match.group().translate(_TO_WIDE), text)
    return _BOUNDARY.sub(GAP, text)


def break_lines(style: Style, text: str, size: float, width: float) -> list[Line]:
    """Break prepared text into lines no wider than `width` points, first come first served. Only a single character
    may be wider."""
    limit = width * 1000 / size
    tokens = _tokens(text)
    ends = list(accumulate(map(style.widths.__getitem__, tokens)))
    if not tokens or ends[-1] <= limit:
        return [Line(text, ends[-1] * size / 1000, 0)] if tokens else []
    if max(map(style.widths.__getitem__, tokens)) > limit:
        tokens = [piece for token in tokens for piece in _pieces(style, token, limit)]
        ends = list(accumulate(map(style.widths.__getitem__, tokens)))
    lines, first, begin, offset = [], 0, 0, 0
    while first < len(tokens):
        # What trails the last token does not count; no trail is wider than a space.
        last = max(first + 1, bisect_right(ends, begin + limit + style.space, first))
        natural = ends[last - 1] - begin - _trail(style, tokens[last - 1])
        while natural > limit and last > first + 1:
            last -= 1
            natural = ends[last - 1] - begin - _trail(style, tokens[last - 1])
        line = "".join(tokens[first:last])
        lines.append(Line(line.rstrip(f" {GAP}"), natural * size / 1000, offset))
        first, begin, offset = last, ends[last - 1], offset + len(line)
    return lines


def _tokens(text: str) -> list[str]:
    """The text in pieces that lines may be broken between; a piece holds the space or gap that trails it."""
    if not text.isascii():
        return _CLUSTERS.findall(text)
    if "-" in text:
        text = _COMPOUND.sub(_BREAK, text)
    return text.replace(" ", " " + _BREAK).split(_BREAK) if text else []


def is_full_width(text: str) -> bool:
    """Whether most of a line is Chinese, Japanese or Korean, and may be spread to fill the measure."""
    return not text.isascii() and len(_FULL_WIDTH.findall(text)) * 2 > len(text)


def _trail(style: Style, token: str) -> int:
    return style.space if token[-1] == " " else GAP_WIDTH if token[-1] == GAP else 0


def _pieces(style: Style, token: str, limit: float) -> list[str]:
    """A token cut wherever the line is full."""
    if style.widths[token] - _trail(style, token) <= limit:
        return [token]
    pieces, start, width = [], 0, 0
    for index, character in enumerate(token):
        width += style.widths[character]
        if width > limit and index > start and character not in (" ", GAP):
            pieces.append(token[start:index])
            start, width = index, style.widths[character]
    return [*pieces, token[start:]]
