"""A font as objects of the file: composite fonts (Type 0, Identity-H), since simple ones end at 256 characters."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache

from services.reporter.renderers.pdf.encoder import EmbeddedFont
from services.reporter.renderers.pdf.fonts import Subset
from services.reporter.renderers.pdf.packing import stream

FONT_COMPRESSION = 1
"""Outlines hardly compress."""

Add = Callable[[bytes], int]
"""Takes an object into the file and gives its number."""


def add_font(font: EmbeddedFont, add: Add) -> int:
    """Add a font and all that belongs to it; the number of its dictionary."""
    subset = font.subset
    name = f"/{_tag(subset)}+{subset.name}"
    true_type = subset.outlines == "glyf"
    kind = f"/Length1 {len(subset.data)}" if true_type else "/Subtype/CIDFontType0C"
    file = add(stream(subset.data, kind, level=FONT_COMPRESSION))
    descriptor = add(
        (
            f"<</Type/FontDescriptor/FontName{name}/Flags 4/FontBBox[-1000 {subset.descent} 3000 {subset.ascent}]/ItalicAngle 0"
            f"/Ascent {subset.ascent}/Descent {subset.descent}/CapHeight 730/StemV 80"
            f"/{'FontFile2' if true_type else 'FontFile3'} {file} 0 R>>"
        ).encode()
    )
    descendant = add(
        (
            f"<</Type/Font/Subtype/{'CIDFontType2' if true_type else 'CIDFontType0'}/BaseFont{name}"
            "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
            f"/FontDescriptor {descriptor} 0 R/DW 1000/W{_widths(subset.widths)}"
            f"{'/CIDToGIDMap/Identity' if true_type else ''}>>"
        ).encode()
    )
    unicode = add(stream(_to_unicode(font.texts).encode("ascii")))
    return add(
        (
            f"<</Type/Font/Subtype/Type0/BaseFont{name}/Encoding/Identity-H/DescendantFonts[{descendant} 0 R]"
            f"/ToUnicode {unicode} 0 R>>"
        ).encode()
    )


def _tag(subset: Subset) -> str:
    """The six letters that mark a subset; others for another set of glyphs."""
    number = zlib.crc32(subset.data)
    return "".join(chr(ord("A") + number // 26**place % 26) for place in range(6))


def _widths(widths: Mapping[int, int]) -> str:
    """The W array: runs of consecutive codes whose width is not the default of 1000."""
    runs: list[tuple[int, list[int]]] = []
    for code, width in sorted(widths.items()):
        if width == 1000:
            continue
        if runs and code == runs[-1][0] + len(runs[-1][1]):
            runs[-1][1].append(width)
        else:
            runs.append((code, [width]))
    return "[" + " ".join(f"{first}[{' '.join(map(str, run))}]" for first, run in runs) + "]"


@lru_cache(maxsize=1 << 14)
def _utf_16(text: str) -> str:
    return text.encode("utf-16-be").hex().upper()


def _to_unicode(texts: Mapping[int, str]) -> str:
    """The CMap by which readers copy and search text."""
    pairs = [f"<{code:04X}> <{_utf_16(text)}>" for code, text in sorted(texts.items())]
    blocks = [pairs[start : start + 100] for start in range(0, len(pairs), 100)]
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <FFFF> endcodespacerange\n{body}\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end"
    )
