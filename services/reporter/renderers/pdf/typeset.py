"""Breaks text into lines: where Chinese, Japanese, Latin and other scripts may be broken, and in which order lines that mix
directions are drawn. All text here is one paragraph of prepared text (`styles`)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from services.reporter.renderers.pdf import bidi
from services.reporter.renderers.pdf.scripts import PLACES
from services.reporter.renderers.pdf.styles import CLOSING, GAP, IDEOGRAPH, NOTE, OPENING, SOFT_BREAK, Style

_TRAIL = f" {GAP}{SOFT_BREAK}"
"""What ends with the line it stands on, and takes no room there."""

_FIRST_PLACE = chr(PLACES[0])
_MAYBE_RTL = re.compile(f"{bidi.RTL.pattern}|[{chr(PLACES[0])}-{chr(PLACES[-1])}]")


class Line(NamedTuple):
    """A line of a paragraph as it is drawn, its natural width in points, and where it begins in the prepared text."""

    text: str
    width: float
    offset: int
    rtl: bool = False
    """Whether the paragraph runs from right to left."""
    spoken: str = ""
    """The line as it is read, where it is drawn in another order."""


def break_lines(style: Style, text: str, size: float, width: float) -> list[Line]:
    """Break prepared text into lines no wider than `width` points, first come first served. Only a single character
    may be wider."""
    ends = list(accumulate(map(style.widths.__getitem__, text)))
    limit, scale = width * 1000 / size, size / 1000
    if not ends:
        return []
    if ends[-1] <= limit:
        lines = [Line(text, ends[-1] * scale, 0)]
    else:
        find_end = _end_of_plain_line if text.isascii() else _end_of_line
        lines, first, begin = [], 0, 0
        while first < len(text):
            stop = find_end(text, first, bisect_right(ends, begin + limit, first))
            line = text[first:stop].rstrip(_TRAIL)
            natural = ends[first + len(line) - 1] - begin if line else 0
            lines.append(Line(line, natural * scale, first))
            first, begin = stop, ends[stop - 1]
    return lines if text.isascii() else _in_visual_order(style, text, _without_orphan(style, text, size, lines))


def is_full_width(text: str) -> bool:
    """Whether most of a line is Chinese, Japanese or Korean, and may be spread to fill the measure. Such characters take
    three bytes, those of other scripts one or two, or four where they are private ones."""
    return 2 * len(text) < len(text.encode()) < 3.3 * len(text)


def _end_of_plain_line(text: str, first: int, last: int) -> int:
    """Where a line of plain letters ends that begins at `first` and has no room from `last` on."""
    if last >= len(text):
        return len(text)
    end = text.rfind(" ", first, last + 1)
    hyphen = text.rfind("-", max(first, end), last)
    while hyphen > max(first, end):  # A compound may be broken after its hyphen.
        if text[hyphen - 1].isalpha() and text[hyphen + 1].isalpha():
            return hyphen + 1
        hyphen = text.rfind("-", max(first, end), hyphen)
    return end + 1 if end >= 0 else max(last, first + 1)


def _end_of_line(text: str, first: int, last: int) -> int:
    """The same for text of any script."""
    length = len(text)
    while last < length and text[last] in _TRAIL:
        last += 1
    if last >= length:
        return length
    end = last
    while end > first and not _may_break(text, end):
        end -= 1
    return end if end > first else max(last, first + 1)


def _may_break(text: str, index: int) -> bool:
    """Whether a line may end before the character at `index`."""
    before, after = _KINDS[text[index - 1]], _KINDS[text[index]]
    if after in "ScN" or before == "o":
        return False
    if before == "S":
        return after != "C"
    if after == "C" or before == "O":
        return False
    if before == "-":
        return after == "W" and index > 1 and text[index - 2].isalpha() and text[index].isalpha()
    return before in "ICD" or after in "IO"


class _Kinds(dict[str, str]):
    """From a character to what it means for line breaks: (I)deograph, (O)pening and (C)losing marks as wide as one, narrow
    ones (o, c), (S)pace, (D)ash, room for a (N)ote, hyphen; (W) stays together with its like."""

    def __missing__(self, character: str) -> str:
        self[character] = kind = "I" if _IDEOGRAPHS.match(character) else "W"
        return kind


_IDEOGRAPHS = re.compile(f"[{IDEOGRAPH}]")
_KINDS = _Kinds(
    {
        **dict.fromkeys(OPENING, "O"),
        **dict.fromkeys(CLOSING, "C"),
        **dict.fromkeys("“‘([{", "o"),
        **dict.fromkeys("”’)]}!?,.:;%", "c"),
        **dict.fromkeys(_TRAIL, "S"),
        "—": "D",
        NOTE: "N",
        "-": "-",
    }
)


def _without_orphan(style: Style, text: str, size: float, lines: list[Line]) -> list[Line]:
    """No single ideograph is left for the last line, as far as the line before can spare one."""
    if len(lines) < 2 or len(lines[-1].text.rstrip(CLOSING)) > 1 or _KINDS[lines[-1].text[0]] != "I":
        return lines
    before, last = lines[-2], lines[-1]
    start = last.offset - 1
    if start <= before.offset + 1 or text[start] in _TRAIL or not _may_break(text, start):
        return lines
    shorter = text[before.offset : start].rstrip(_TRAIL)
    longer = text[start : last.offset + len(last.text)]
    return [
        *lines[:-2],
        Line(shorter, style.width(shorter, size), before.offset),
        Line(longer, style.width(longer, size), start),
    ]


def _in_visual_order(style: Style, text: str, lines: Sequence[Line]) -> list[Line]:
    """The lines as they are drawn, where a part of the paragraph runs from right to left."""
    if not _MAYBE_RTL.search(text):
        return list(lines)
    classes = "".join(map(style.classes.__getitem__, text))
    if not bidi.is_mixed(classes):
        return list(lines)
    rtl = bidi.is_rtl(classes)
    levels = bidi.levels(text, classes, rtl=rtl)
    return [
        line._replace(
            text=bidi.visual(line.text, levels[line.offset : line.offset + len(line.text)], rtl=rtl),
            rtl=rtl,
            spoken=style.plain(line.text),
        )
        for line in lines
    ]
