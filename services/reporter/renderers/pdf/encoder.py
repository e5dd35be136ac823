"""Turns sheets into the page's language: fonts are cut to the characters used, texts become codes of their glyphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, groupby, pairwise
from typing import NamedTuple

from services.reporter.renderers.pdf.fonts import Face, Subset
from services.reporter.renderers.pdf.sheet import Sheet, Text
from services.reporter.renderers.pdf.typeset import GAP, GAP_WIDTH, MISSING, NARROW, Style


class _Font(NamedTuple):
    """A subset under the name that pages use, and its codes as a table for `str.translate`."""

    resource: str
    subset: Subset
    table: Mapping[int, int]


class Encoder:
    """Encodes the sheets of one document, after all have been laid out."""

    def __init__(self, sheets: Iterable[Sheet]) -> None:
        lines = _lines_by_style(sheets)
        self._fonts = _cut_fonts(_characters_by_face(lines))
        self._plain = {style: self._encode_plain(style, [line for line in lines[style] if line.isascii()]) for style in lines}

    @property
    def subsets(self) -> dict[str, Subset]:
        """The fonts to embed, by the names under which pages use them."""
        return {font.resource: font.subset for font in self._fonts.values()}

    def content(self, sheet: Sheet) -> bytes:
        """The page's drawing operators: shapes first, then all texts in one text object."""
        operators = _Operators([*sheet.shapes, "BT"])
        for text in sheet.texts:
            operators.set("rg", text.colour)
            if text.leading:
                operators.set("TL", f"{text.leading:g}")
            operators.append(f"1 0 0 1 {text.x:.2f} {text.y:.2f} Tm")
            plain = self._plain[text.style]
            for number, line in enumerate(text.lines):
                if number:
                    operators.append("T*")
                operators.set("Tc", f"{text.spreads[number]:.3f}" if text.spreads else "0")
                if (codes := plain.get(line)) is None:
                    self._show_runs(text, line, operators)
                else:
                    operators.set("Tf", self._font(text, 0))
                    operators.append(f"({codes}) Tj")
        operators.append("ET\n")
        return "\n".join(operators).encode("latin-1")

    def _font(self, text: Text, number: int) -> str:
        return f"/{self._fonts[text.style.faces[number]].resource} {text.size:g}"

    def _encode_plain(self, style: Style, lines: Sequence[str]) -> dict[str, str]:
        """All lines of plain letters, which need one font, at once: several times as fast as one by one."""
        if not lines:
            return {}
        data = _two_bytes("".join(lines).translate(self._fonts[style.faces[0]].table))
        bounds = pairwise(accumulate((2 * len(line) for line in lines), initial=0))
        return {line: _escaped(data[start:end]) for line, (start, end) in zip(lines, bounds, strict=True)}

    def _show_runs(self, text: Text, line: str, operators: _Operators) -> None:
        """Show a line that needs several fonts, or others than the first."""
        style, gap = text.style, 0
        for number, characters in groupby(line, style.face_of.__getitem__):
            run = "".join(characters)
            if number < 0:
                gap = -GAP_WIDTH * len(run)
                continue
            known = number < style.unknown
            face = number if known else style.unknown - 1
            font = self._fonts[style.faces[face]]
            codes = _escaped(_two_bytes(run.translate(font.table) if known else chr(font.table[ord(MISSING)]) * len(run)))
            operator = f"[{gap} ({codes})] TJ" if gap else f"({codes}) Tj"
            if not known:  # Copied text still holds what was said.
                operator = f"/Span <</ActualText <{run.encode('utf-16').hex()}>>> BDC {operator} EMC"
            operators.set("Tf", self._font(text, face))
            operators.append(operator)
            gap = 0


class _Operators(list[str]):
    """A page's operators. What is set stays set, and is not set again."""

    def __init__(self, operators: Iterable[str]) -> None:
        super().__init__(operators)
        self._state: dict[str, str] = {}

    def set(self, operator: str, operand: str) -> None:
        """Change a part of the text state, unless it is so already."""
        if self._state.get(operator) != operand:
            self._state[operator] = operand
            self.append(f"{operand} {operator}")


def _lines_by_style(sheets: Iterable[Sheet]) -> dict[Style, list[str]]:
    lines: dict[Style, list[str]] = {}
    for sheet in sheets:
        for text in sheet.texts:
            lines.setdefault(text.style, []).extend(text.lines)
    return lines


def _characters_by_face(lines: Mapping[Style, Sequence[str]]) -> dict[Face, set[str]]:
    by_face: dict[Face, set[str]] = {}
    for style, shown in lines.items():
        for character in set("".join(shown)) - {GAP}:
            number = style.face_of[character]
            face = style.faces[min(number, style.unknown - 1)]
            by_face.setdefault(face, set()).add(MISSING if number == style.unknown else character)
    return by_face


def _cut_fonts(by_face: Mapping[Face, set[str]]) -> dict[Face, _Font]:
    fonts = {}
    for number, (face, characters) in enumerate(sorted(by_face.items(), key=lambda item: item[0].name), start=1):
        subset = face.subset({NARROW.get(character, character) for character in characters})
        table = {ord(character): subset.codes[NARROW.get(character, character)] for character in characters}
        fonts[face] = _Font(f"F{number}", subset, table)
    return fonts


def _two_bytes(codes: str) -> str:
    """Glyph codes as the characters of their two bytes."""
    return codes.encode("utf-16-be").decode("latin-1")


def _escaped(data: str) -> str:
    """As it stands inside a literal string, which is half as long as a hexadecimal one, before and after compression."""
    return data.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").replace("\r", "\\r")
