"""Adds glyphs that are put together from others to a TrueType font.

In many scripts what a reader takes for one letter is drawn with several glyphs, some of them shared with other letters. A PDF
whose codes stood for these glyphs could neither be searched nor read aloud; here each such letter becomes one composite glyph,
and so one code. (The tables are those of the OpenType specification.)
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

_ARGUMENTS_ARE_WORDS, _ARGUMENTS_ARE_OFFSETS, _MORE_COMPONENTS = 0x0001, 0x0002, 0x0020
_LONG_OFFSETS = 50
"""Where in `head` it stands whether `loca` has long offsets."""


class Part(NamedTuple):
    """A glyph and where it stands, in the font's units."""

    glyph: int
    x: int
    y: int


class Cluster(NamedTuple):
    """What is drawn for one or more characters that belong together; measures are in the font's units."""

    parts: tuple[Part, ...]
    advance: int


def add_composites(tables: Mapping[str, bytes], numbers: Mapping[int, int], clusters: Sequence[Cluster]) -> bytes:
    """The font of some tables with a glyph more for each cluster, in their order; `numbers` maps the glyphs of clusters'
    parts to the font's own."""
    count = int.from_bytes(tables["maxp"][4:6], "big")
    outlines = _outlines(tables, count)
    metrics = bytearray(_full_metrics(tables, count))
    for cluster in clusters:
        parts = [part._replace(glyph=numbers[part.glyph]) for part in cluster.parts]
        glyph, left = _composite(parts, outlines[:count])
        outlines.append(glyph)
        metrics += struct.pack(">Hh", cluster.advance, left)
    total = len(outlines)
    head = bytearray(tables["head"])
    head[_LONG_OFFSETS : _LONG_OFFSETS + 2] = b"\0\1"
    maxp = bytearray(tables["maxp"])
    maxp[4:6] = struct.pack(">H", total)
    most = max((len(cluster.parts) for cluster in clusters), default=0)
    # Points and contours of composites, components and depth: what a rasteriser sets memory aside for.
    points, contours, parts_before, depth = struct.unpack(">HHHH", bytes(maxp[10:14] + maxp[28:32]))
    maxp[10:14] = struct.pack(">HH", min(0xFFFF, points * (most + 1) + 256), min(0xFFFF, contours * (most + 1) + 64))
    maxp[28:32] = struct.pack(">HH", max(parts_before, most), min(depth + 1, 16))
    hhea = bytearray(tables["hhea"])
    hhea[34:36] = struct.pack(">H", total)
    glyf, loca = _joined(outlines)
    changed: dict[str, bytes | bytearray] = {
        "glyf": glyf,
        "loca": loca,
        "head": head,
        "maxp": maxp,
        "hhea": hhea,
        "hmtx": metrics,
    }
    return _font({**tables, **changed})


def _outlines(tables: Mapping[str, bytes], count: int) -> list[bytes]:
    loca = tables["loca"]
    if int.from_bytes(tables["head"][_LONG_OFFSETS : _LONG_OFFSETS + 2], "big"):
        offsets = struct.unpack(f">{count + 1}I", loca[: 4 * (count + 1)])
    else:
        offsets = tuple(2 * offset for offset in struct.unpack(f">{count + 1}H", loca[: 2 * (count + 1)]))
    return [tables["glyf"][first:last] for first, last in pairwise(offsets)]


def _full_metrics(tables: Mapping[str, bytes], count: int) -> bytes:
    """Advance and left side for each glyph, also for those that share the last advance."""
    own = int.from_bytes(tables["hhea"][34:36], "big")
    hmtx = tables["hmtx"]
    last = hmtx[4 * own - 4 : 4 * own - 2]
    shared = hmtx[4 * own : 4 * own + 2 * (count - own)]
    return hmtx[: 4 * own] + b"".join(last + shared[at : at + 2] for at in range(0, len(shared), 2))


def _composite(parts: Sequence[Part], outlines: Sequence[bytes]) -> tuple[bytes, int]:
    """A glyph made of others, and its left edge; empty when all of them are."""
    drawn = [part for part in parts if outlines[part.glyph]]
    if not drawn:
        return b"", 0
    boxes = [_moved(outlines[part.glyph], part) for part in drawn]
    left, bottom = (min(box[side] for box in boxes) for side in (0, 1))
    right, top = (max(box[side] for box in boxes) for side in (2, 3))
    glyph = struct.pack(">hhhhh", -1, left, bottom, right, top)
    for number, part in enumerate(drawn, start=1):
        flags = _ARGUMENTS_ARE_WORDS | _ARGUMENTS_ARE_OFFSETS | (_MORE_COMPONENTS if number < len(drawn) else 0)
        glyph += struct.pack(">HHhh", flags, part.glyph, part.x, part.y)
    return glyph, left


def _moved(outline: bytes, part: Part) -> tuple[int, int, int, int]:
    left, bottom, right, top = struct.unpack(">hhhh", outline[2:10])
    return left + part.x, bottom + part.y, right + part.x, top + part.y


def _joined(outlines: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The tables `glyf` and `loca`."""
    padded = [outline + bytes(-len(outline) % 4) for outline in outlines]
    offsets, end = [0], 0
    for outline in padded:
        end += len(outline)
        offsets.append(end)
    return b"".join(padded), struct.pack(f">{len(offsets)}I", *offsets)


def _font(tables: Mapping[str, bytes | bytearray]) -> bytes:
    """The file of some tables."""
    ordered = sorted(tables.items())
    search = 1 << (len(ordered).bit_length() - 1)
    header = struct.pack(">IHHHH", 0x00010000, len(ordered), search * 16, search.bit_length() - 1, (len(ordered) - search) * 16)
    directory, body = b"", b""
    start = len(header) + 16 * len(ordered)
    for tag, table in ordered:
        padded = bytes(table) + bytes(-len(table) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += tag.encode() + struct.pack(">III", total, start + len(body), len(table))
        body += padded
    return header + directory + body
