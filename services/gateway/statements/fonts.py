"""A TrueType font of just the characters of one document, since ReportLab embeds no other kind: Latin from Inter, Chinese from
Noto Sans CJK, whose outlines HarfBuzz draws at the wanted weight."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import uharfbuzz as hb  # type: ignore[import-untyped]
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen

from shared.fontfiles import cjk_file, latin_file

UNITS = 1000
"""Of the em."""
_TRADITIONAL = 3
"""The face of the collection with Taiwan's shapes."""
_ASCENT, _DESCENT = 900, -250
_MISSING = ".notdef"
_FIRST_CHINESE = 0x2E80
_EXACT = 1.0
"""How far a curve may be from the one it stands for, in units."""


def font_of(characters: Iterable[str], *, name: str, weight: int) -> io.BytesIO:
    """The font file. A character that no font has is an empty box."""
    latin, chinese = _Face(latin_file(), 0, weight), _Face(cjk_file(), _TRADITIONAL, weight)
    glyphs, widths, codes = {_MISSING: _box()}, {_MISSING: UNITS // 2}, {}
    for character in sorted(set(characters)):
        # Inter has full-width brackets and commas, too, which do not stand where Chinese wants them.
        faces = (latin, chinese) if ord(character) < _FIRST_CHINESE else (chinese, latin)
        face = next((face for face in faces if face.shows(character)), None)
        if face is not None:
            glyph = f"u{ord(character):05X}"
            glyphs[glyph], widths[glyph], codes[ord(character)] = face.outline(character), face.width(character), glyph
    builder = FontBuilder(UNITS, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap(codes)
    builder.setupGlyf(glyphs)
    # Readers move an outline so that it begins where these say it does.
    bearings = {glyph: getattr(builder.font["glyf"][glyph], "xMin", 0) for glyph in glyphs}
    builder.setupHorizontalMetrics({glyph: (width, bearings[glyph]) for glyph, width in widths.items()})
    builder.setupHorizontalHeader(ascent=_ASCENT, descent=_DESCENT)
    builder.setupNameTable({"familyName": name, "styleName": "Regular", "psName": name})
    builder.setupOS2(sTypoAscender=_ASCENT, sTypoDescender=_DESCENT, usWinAscent=_ASCENT, usWinDescent=-_DESCENT)
    builder.setupPost()
    file = io.BytesIO()
    builder.save(file)
    file.seek(0)
    return file


class _Face:
    """One font file at one weight."""

    def __init__(self, path: Path, index: int, weight: int) -> None:
        face = hb.Face(_blob(path), index)
        self._font = hb.Font(face)
        self._font.set_variations({"wght": weight})
        self._scale: float = UNITS / face.upem

    def shows(self, character: str) -> bool:
        """Whether it has the character."""
        return bool(self._font.get_nominal_glyph(ord(character)))

    def width(self, character: str) -> int:
        """Its advance."""
        advance: int = self._font.get_glyph_h_advance(self._font.get_nominal_glyph(ord(character)))
        return round(advance * self._scale)

    def outline(self, character: str) -> Any:
        """It, in TrueType's quadratic curves."""
        pen = TTGlyphPen(None)
        scaled = TransformPen(Cu2QuPen(pen, _EXACT, reverse_direction=False), (self._scale, 0, 0, self._scale, 0, 0))
        self._font.draw_glyph_with_pen(self._font.get_nominal_glyph(ord(character)), scaled)
        return pen.glyph()


@cache
def _blob(path: Path) -> hb.Blob:
    return hb.Blob.from_file_path(path)


def _box() -> Any:
    pen = TTGlyphPen(None)
    for left, bottom, right, top in ((50, 0, 450, 700), (90, 40, 410, 660)):
        corners = [(left, bottom), (left, top), (right, top), (right, bottom)]
        pen.moveTo(corners[0])
        for corner in corners[1:] if left == 50 else corners[:0:-1]:
            pen.lineTo(corner)
        pen.closePath()
    return pen.glyph()
