"""The font files and what they can show: coverage, widths, shapes, subsets. HarfBuzz reads them; a process reads each once.

Latin, Greek and Cyrillic are set in Inter, Chinese, Japanese and Korean in Noto Sans CJK with the shapes of the text's
region, everything else in the Noto fonts of its script. All are variable fonts that come as Python packages; the weight is
pinned when a subset is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

import uharfbuzz as hb  # type: ignore[import-untyped]

from services.reporter.renderers.pdf.composites import Cluster, Part, add_composites
from services.reporter.renderers.pdf.outlines import Cut, Outlines
from shared.fontfiles import cjk_file, latin_file, noto_file

JAPANESE, KOREAN, SIMPLIFIED, TRADITIONAL, HONG_KONG = range(5)
"""The faces of the CJK collection, which differ in the shapes of the same characters."""

MOST_PARTS = 12
"""Of a cluster that are drawn: nobody stacks more accents than that on a letter to be read."""

NOTDEF = 0
"""The glyph that stands for all others; every font has it."""

_REGIONS = {
    "ja": JAPANESE,
    "ko": KOREAN,
    "zh-hans": SIMPLIFIED,
    "zh-cn": SIMPLIFIED,
    "zh-sg": SIMPLIFIED,
    "zh-hant-hk": HONG_KONG,
    "zh-hk": HONG_KONG,
    "zh-mo": HONG_KONG,
    "yue": HONG_KONG,
}

# What the page needs is the outlines; layout tables, names and hints would only make the file larger.
_KEPT_TABLES = frozenset(
    {"glyf", "loca", "CFF ", "CFF2", "head", "hhea", "hmtx", "maxp", "fvar", "avar", "gvar", "HVAR", "MVAR"}
)


@dataclass(frozen=True, kw_only=True)
class Subset:
    """The glyphs of one document. A glyph's number in the subset is its code in the page's text."""

    name: str
    outlines: str
    """`glyf` (TrueType) or `cff`."""
    data: bytes
    codes: Mapping[str, int]
    """From character to code."""
    widths: Mapping[int, int]
    """From code to advance in thousandths of the font size."""
    ascent: int
    descent: int


class Face:
    """One font at one weight. All measures are thousandths of the font size."""

    def __init__(self, path: Path, index: int, axes: Mapping[str, float]) -> None:
        self._face = hb.Face(_blob(path), index)
        self._axes = dict(axes)
        self._font = hb.Font(self._face)
        self._font.set_variations(self._axes)
        self._font.scale = (1000, 1000)
        self._shaper = hb.Font(self._face)
        self._shaper.set_variations(self._axes)
        self._advances: dict[str, int] = {}
        """Of the characters asked for so far; -1 for those that are missing."""
        self._glyphs: dict[str, int] = {}
        self._true_type = "glyf" in self._face.table_tags
        self._outlines = Outlines(self._cut, self._width)
        extents = self._font.get_font_extents("ltr")
        self.ascent, self.descent = extents.ascender, extents.descender
        weight = f"{axes['wght']:.0f}" + (f"-{axes['opsz']:.0f}" if "opsz" in axes else "")
        self.name = f"{''.join((self._face.get_name(hb.OTNameIdPredefined.FONT_FAMILY) or 'Font').split())}-{weight}"

    def shows(self, character: str) -> bool:
        """Whether the font has a glyph for a character."""
        return self._advance(character) >= 0

    def advance(self, character: str) -> int:
        """How far a character moves the pen."""
        return max(0, self._advance(character))

    def _advance(self, character: str) -> int:
        if (advance := self._advances.get(character)) is None:
            glyph = self._glyph(character)
            advance = self._advances[character] = self._width(glyph) if glyph else -1
        return advance

    def cluster_advance(self, cluster: Cluster) -> int:
        """How far a cluster moves the pen."""
        return round(cluster.advance * 1000 / int(self._face.upem))

    def shape(self, text: str) -> list[tuple[str, Cluster | None]]:
        """Text of one script in the order in which it is read, in pieces that are drawn as one; null for what the font
        lacks."""
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        hb.shape(self._shaper, buffer)
        glyphs = zip(buffer.glyph_infos, buffer.glyph_positions, strict=True)
        clusters = {start: list(group) for start, group in groupby(glyphs, key=lambda glyph: int(glyph[0].cluster))}
        starts = sorted(clusters)
        ends = [*starts[1:], len(text)]
        return [(text[start:end], _cluster(clusters[start])) for start, end in zip(starts, ends, strict=True)]

    def subset(self, characters: Iterable[str], clusters: Mapping[str, Cluster] | None = None) -> Subset:
        """Cut out the glyphs of some characters, all of which the font must have; `clusters` are characters that stand for
        clusters."""
        glyphs = {character: self._glyph(character) for character in sorted(characters)}
        composed = dict(sorted((clusters or {}).items()))
        if self._true_type:
            data, numbers, first = self._cut_and_compose(glyphs.values(), tuple(composed.values()))
        else:
            data, numbers = self._bind(glyphs.values())
            first = len(numbers)
        codes = {character: numbers[glyph] for character, glyph in glyphs.items()}
        widths = {numbers[glyph]: self.advance(character) for character, glyph in glyphs.items()}
        for code, (character, cluster) in enumerate(composed.items(), start=first):
            codes[character], widths[code] = code, self.cluster_advance(cluster)
        outlines = "glyf" if self._true_type else "cff"
        return Subset(
            name=self.name,
            outlines=outlines,
            data=data,
            codes=codes,
            widths=widths,
            ascent=self.ascent,
            descent=self.descent,
        )

    def _bind(self, glyphs: Iterable[int]) -> Cut:
        ordered = sorted({NOTDEF, *glyphs})
        return Cut(self._outlines.bind(self.name, ordered), {glyph: number for number, glyph in enumerate(ordered)})

    def _cut(self, glyphs: Iterable[int]) -> Cut:
        face, numbers = self._cut_face(glyphs)
        return Cut(bytes(face.blob.data if self._true_type else face.reference_table("CFF ").data), numbers)

    def _cut_and_compose(self, glyphs: Iterable[int], clusters: tuple[Cluster, ...]) -> tuple[bytes, Mapping[int, int], int]:
        """A TrueType subset, the numbers of its glyphs, and the number of the first cluster."""
        parts = {part.glyph for cluster in clusters for part in cluster.parts}
        face, numbers = self._cut_face({*glyphs, *parts})
        if not clusters:
            return bytes(face.blob.data), numbers, len(numbers)
        tables = {tag: bytes(face.reference_table(tag).data) for tag in face.table_tags}
        return add_composites(tables, numbers, clusters), numbers, int.from_bytes(tables["maxp"][4:6], "big")

    def _cut_face(self, glyphs: Iterable[int]) -> tuple[hb.Face, dict[int, int]]:
        plan = hb.SubsetPlan(self._face, self._subset_input(glyphs))
        return plan.execute(), dict(plan.old_to_new_glyph_mapping.items())

    def _width(self, glyph: int) -> int:
        width: int = self._font.get_glyph_h_advance(glyph)
        return width

    def _glyph(self, character: str) -> int:
        if (glyph := self._glyphs.get(character)) is None:
            glyph = self._glyphs[character] = self._font.get_nominal_glyph(ord(character)) or NOTDEF
        return glyph

    def _subset_input(self, glyphs: Iterable[int]) -> hb.SubsetInput:
        wanted = hb.SubsetInput()
        wanted.sets(hb.SubsetInputSets.GLYPH_INDEX).set({NOTDEF, *glyphs})
        wanted.sets(hb.SubsetInputSets.DROP_TABLE_TAG).set(
            _tag(tag) for tag in self._face.table_tags if tag not in _KEPT_TABLES
        )
        wanted.flags = (
            hb.SubsetFlags.NO_HINTING
            | hb.SubsetFlags.NOTDEF_OUTLINE
            | hb.SubsetFlags.NO_LAYOUT_CLOSURE
            | hb.SubsetFlags.DOWNGRADE_CFF2
            | hb.SubsetFlags.CFF_IDENTITY_CHARSET
        )
        for axis, value in self._axes.items():
            wanted.pin_axis_location(self._face, axis, value)
        return wanted


@cache
def latin(weight: int, optical_size: int) -> Face:
    """Inter; the optical size (14 to 32 points) fits the shapes to small or large print."""
    return Face(latin_file(), 0, {"wght": weight, "opsz": optical_size})


@cache
def cjk(region: int, weight: int) -> Face:
    """Noto Sans CJK with one region's shapes."""
    return Face(cjk_file(), region, {"wght": weight})


@cache
def noto(family: str, weight: int) -> Face:
    """The Noto font of a script or a sort of symbols, such as `SansArabic` or `Emoji`."""
    return Face(noto_file(family), 0, {"wght": weight})


def region_of(language: str | None) -> int:
    """The CJK face for a language; Traditional Chinese where it does not decide."""
    parts = (language or "").lower().split("-")
    prefixes = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((_REGIONS[prefix] for prefix in prefixes if prefix in _REGIONS), TRADITIONAL)


def _cluster(glyphs: Iterable[tuple[hb.GlyphInfo, hb.GlyphPosition]]) -> Cluster | None:
    parts: list[Part] = []
    x = 0
    for info, position in glyphs:
        if info.codepoint == NOTDEF:
            return None
        if len(parts) < MOST_PARTS:
            parts.append(Part(info.codepoint, x + position.x_offset, position.y_offset))
        x += position.x_advance
    return Cluster(tuple(parts), min(max(0, x), 0xFFFF))


@cache
def _blob(path: Path) -> hb.Blob:
    return hb.Blob.from_file_path(path)


def _tag(name: str) -> int:
    return int.from_bytes(name.encode(), "big")
