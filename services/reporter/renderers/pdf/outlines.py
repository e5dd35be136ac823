"""Binds glyphs into a CFF font, and keeps their outlines: HarfBuzz takes 40 µs to cut one out of a variable font.

A PDF embeds a font of just the glyphs it shows. HarfBuzz makes such fonts, but starts from the 65,535 variable outlines
each time. Here it does so once for each glyph in the life of a process; what it gives for a glyph does not depend on the
others, so that a document's bytes do not depend on the documents before it. (CFF: Adobe technical notes 5176 and 5177.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

DEFAULT_WIDTH = 1000
"""Glyphs of this width, as most Chinese ones are, need not say so."""

_PRIVATE, _CHARSET, _CHARSTRINGS = b"\x12", b"\x0f", b"\x11"
_ROS, _CID_COUNT, _FD_ARRAY, _FD_SELECT = b"\x0c\x1e", b"\x0c\x22", b"\x0c\x24", b"\x0c\x25"
_DEFAULT_WIDTH, _NOMINAL_WIDTH = b"\x14", b"\x15"
_OFFSET_BYTES = 5


class Cut(NamedTuple):
    """A CFF font that HarfBuzz made, and the number in it of each glyph that was asked for."""

    data: bytes
    numbers: Mapping[int, int]


class Outlines:
    """The outlines of one font at one weight that were needed so far."""

    def __init__(self, cut: Callable[[Iterable[int]], Cut], width: Callable[[int], int]) -> None:
        self._cut = cut
        self._width = width
        self._kept: dict[int, bytes] = {}

    def bind(self, name: str, glyphs: Sequence[int]) -> bytes:
        """A CFF font in which these glyphs have the numbers 0, 1, … in their order; the first must be `.notdef`."""
        if missing := [glyph for glyph in glyphs if glyph not in self._kept]:
            self._keep(missing)
        return _font(name, [self._kept[glyph] for glyph in glyphs])

    def _keep(self, glyphs: Sequence[int]) -> None:
        data, numbers = self._cut(glyphs)
        charstrings, nominal = _read(data)
        for glyph in glyphs:
            width = self._width(glyph)
            outline = charstrings[numbers[glyph]]
            prefix = b"" if width == nominal else _number(width - nominal)
            if not outline.startswith(prefix):
                raise ValueError(f"glyph {glyph} does not begin with its width")
            own = b"" if width == DEFAULT_WIDTH else _number(width)
            self._kept[glyph] = own + outline[len(prefix) :]


def _read(data: bytes) -> tuple[list[bytes], int]:
    """The charstrings of HarfBuzz's font, and the width to which theirs are relative (and which they may leave out)."""
    _, position = _read_index(data, data[2])
    [top], _ = _read_index(data, position)
    entries = _read_dict(top)
    charstrings, _ = _read_index(data, entries[_CHARSTRINGS][0])
    widths = set()
    for font in _read_index(data, entries[_FD_ARRAY][0])[0]:
        size, offset = _read_dict(font)[_PRIVATE]
        private = _read_dict(data[offset : offset + size])
        widths |= {private.get(_DEFAULT_WIDTH, [0])[0], private.get(_NOMINAL_WIDTH, [0])[0]}
    [width] = widths
    return charstrings, width


def _font(name: str, charstrings: Sequence[bytes]) -> bytes:
    """A CID-keyed font with the identity as its encoding, and no hints or subroutines."""
    count = len(charstrings)
    private = _number(DEFAULT_WIDTH) + _DEFAULT_WIDTH
    before = b"\x01\x00\x04\x04" + _index([name.encode("ascii")])
    after_top = _index([b"Adobe", b"Identity"]) + _index([])
    charset = b"\x02" + (1).to_bytes(2, "big") + (count - 2).to_bytes(2, "big") if count > 1 else b"\x00"
    fd_select = b"\x03" + (1).to_bytes(2, "big") + b"\0\0\0" + count.to_bytes(2, "big")
    outlines = _index(charstrings)
    fd_array_length = len(_index([_offset(0) + _offset(0) + _PRIVATE]))

    def top(start: int) -> bytes:
        """The dictionary that says where everything lies, when the parts after the indexes begin at `start`."""
        lengths = (len(charset), len(fd_select), len(outlines), fd_array_length)
        at_charset, at_select, at_outlines, at_array, _ = accumulate(lengths, initial=start)
        ros = _number(391) + _number(392) + _number(0) + _ROS
        places = ((at_charset, _CHARSET), (at_select, _FD_SELECT), (at_outlines, _CHARSTRINGS), (at_array, _FD_ARRAY))
        return ros + _number(count) + _CID_COUNT + b"".join(_offset(place) + operator for place, operator in places)

    start = len(before) + len(_index([top(0)])) + len(after_top)
    at_private = start + len(charset) + len(fd_select) + len(outlines) + fd_array_length
    fd_array = _index([_offset(len(private)) + _offset(at_private) + _PRIVATE])
    return before + _index([top(start)]) + after_top + charset + fd_select + outlines + fd_array + private


def _index(items: Sequence[bytes]) -> bytes:
    """CFF's list of byte strings."""
    if not items:
        return b"\0\0"
    offsets = list(accumulate(map(len, items), initial=1))
    size = (offsets[-1].bit_length() + 7) // 8
    table = b"".join([offset.to_bytes(size, "big") for offset in offsets])
    return len(items).to_bytes(2, "big") + bytes([size]) + table + b"".join(items)


def _read_index(data: bytes, position: int) -> tuple[list[bytes], int]:
    """The list at a position, and the position after it."""
    count = int.from_bytes(data[position : position + 2], "big")
    if not count:
        return [], position + 2
    size, table = data[position + 2], position + 3
    offsets = [int.from_bytes(data[at : at + size], "big") for at in range(table, table + (count + 1) * size, size)]
    base = table + (count + 1) * size - 1
    return [data[base + first : base + last] for first, last in pairwise(offsets)], base + offsets[-1]


def _number(value: int) -> bytes:
    """An integer as both dictionaries and charstrings write it."""
    if -107 <= value <= 107:
        return bytes([value + 139])
    if 108 <= value <= 1131:
        return bytes([247 + (value - 108 >> 8), value - 108 & 255])
    if -1131 <= value <= -108:
        return bytes([251 + (-value - 108 >> 8), -value - 108 & 255])
    return b"\x1c" + value.to_bytes(2, "big", signed=True)


def _offset(value: int) -> bytes:
    """An integer of a length that does not depend on its value."""
    return b"\x1d" + value.to_bytes(_OFFSET_BYTES - 1, "big")


def _read_dict(data: bytes) -> dict[bytes, list[int]]:
    """A dictionary's integers by operator; there are no real numbers where we look."""
    entries: dict[bytes, list[int]] = {}
    operands: list[int] = []
    position = 0
    while position < len(data):
        first = data[position]
        if first <= 21:
            length = 2 if first == 12 else 1
            entries[data[position : position + length]] = operands
            operands = []
        else:
            value, length = _read_number(data, position)
            operands.append(value)
        position += length
    return entries


def _read_number(data: bytes, position: int) -> tuple[int, int]:
    """An integer and how many bytes it takes."""
    first = data[position]
    if first in (28, 29):
        size = 2 if first == 28 else 4
        return int.from_bytes(data[position + 1 : position + 1 + size], "big", signed=True), 1 + size
    if first <= 246:
        return first - 139, 1
    second = data[position + 1]
    return ((first - 247) * 256 + second + 108 if first <= 250 else -(first - 251) * 256 - second - 108), 2
