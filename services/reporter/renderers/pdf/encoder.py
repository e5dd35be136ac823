"""Turns sheets into the page's language: fonts are cut to the characters used, texts become codes of their glyphs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from services.reporter.renderers.pdf.composites import Cluster
from services.reporter.renderers.pdf.fonts import Face, Subset
from services.reporter.renderers.pdf.scripts import PLACES
from services.reporter.renderers.pdf.sheet import Sheet, Text
from services.reporter.renderers.pdf.styles import MISSING, MISSING_FROM_ALL, NARROW, NOWHERE, Style
from services.reporter.renderers.pdf.tags import ARTIFACT, Tag

_SEPARATOR = "\ufffe"
"""Between lines that are encoded at once: a noncharacter, and no glyph has so high a code."""

_FIRST_PLACE = chr(PLACES[0])


class EmbeddedFont(NamedTuple):
    """A subset, the name under which pages use it, and what text each code stands for."""

    resource: str
    subset: Subset
    texts: Mapping[int, str]


class Encoder:
    """Encodes the sheets of one document, after all have been laid out."""

    def __init__(self, sheets: Iterable[Sheet]) -> None:
        lines = _lines_by_style(sheets)
        used = {style: set("".join(texts)) for style, texts in lines.items()}
        self._fonts = _cut_fonts(used)
        self._encoded = {style: _EncodedStyle(style, lines[style], used[style], self._fonts) for style in lines}

    @property
    def fonts(self) -> list[EmbeddedFont]:
        """The fonts to embed."""
        return list(self._fonts.values())

    def content(self, sheet: Sheet) -> bytes:
        """The page's drawing operators: what is not read, then figures, then all texts in one text object."""
        operators = ["/Artifact BMC", *sheet.shapes, "EMC"] if sheet.shapes else []
        for mark, drawing in sheet.figures:
            operators += [f"/{sheet.tags[mark].role}<</MCID {mark}>>BDC", drawing, "EMC"]
        operators.append("BT")
        writer = _TextWriter(operators, sheet.tags)
        for text in sheet.texts:
            writer.begin(text)
            writer.show(text, self._encoded[text.style])
        writer.end()
        operators.append("ET\n")
        return "\n".join(operators).encode("latin-1")


class _TextWriter:
    """Writes the texts of one page. What is set stays set, and is not set again."""

    def __init__(self, operators: list[str], tags: Sequence[Tag]) -> None:
        self._append = operators.append
        self._tags = tags
        self._mark: int | None = None
        self._colour = ""
        self._font = ""
        self._spread = 0.0

    def begin(self, text: Text) -> None:
        """Mark what follows, and move to its first line."""
        append, mark = self._append, text.mark
        if mark != self._mark:
            if self._mark is not None:
                append("EMC")
            self._mark = mark
            append("/Artifact BMC" if mark == ARTIFACT else f"/{self._tags[mark].role}<</MCID {mark}>>BDC")
        if text.colour != self._colour:
            self._colour = text.colour
            append(f"{text.colour} rg")
        append(f"1 0 0 1 {text.x:.2f} {text.y:.2f} Tm")
        if len(text.lines) > 1:
            append(f"{text.leading:g} TL")

    def show(self, text: Text, encoded: _EncodedStyle) -> None:
        """Show all lines."""
        append, plain, spreads = self._append, encoded.plain, text.spreads
        size = f" {text.size:g} Tf"
        first = encoded.first + size
        for number, line in enumerate(text.lines):
            if number:
                append("T*")
            spread = spreads[number] if spreads else 0.0
            if spread != self._spread:
                self._spread = spread
                append(f"{spread:.3f} Tc")
            if (codes := plain.get(line)) is not None:
                if first != self._font:
                    self._font = first
                    append(first)
                append(codes)
            else:
                self._show_runs(encoded.runs[line], size)

    def _show_runs(self, runs: Sequence[Run], size: str) -> None:
        append = self._append
        for face, shown in runs:
            font = face + size
            if font != self._font:
                self._font = font
                append(font)
            append(shown)

    def end(self) -> None:
        """Close the last mark."""
        if self._mark is not None:
            self._append("EMC")


Run = tuple[str, str]
"""A font's name, and the operators that show text in it."""


class _EncodedStyle:
    """All lines of one style, ready to be shown."""

    def __init__(self, style: Style, lines: Sequence[str], used: set[str], fonts: Mapping[Face, EmbeddedFont]) -> None:
        self._style = style
        self._resources = {
            number: f"/{fonts[face].resource}" for number, face in enumerate(style.faces) if face in fonts
        }  # fmt: skip
        self.first = self._resources.get(0, "")
        codes = {
            ord(character): _code(style, character, fonts) for character in used if style.face_of[character] != NOWHERE
        }  # fmt: skip
        unique = dict.fromkeys(lines)
        plain = [line for line in unique if line.isascii()]
        self.plain = dict(zip(plain, _shown(plain, codes), strict=True))
        self.runs: dict[str, list[Run]] = {}
        mixed = [line for line in unique if not line.isascii()]
        if mixed:
            self._pattern = _runs_pattern(style, used)
            strings = {character: _string(code) for character, code in codes.items()}
            self.runs = {line: self._runs(line, strings) for line in mixed}

    def _runs(self, line: str, strings: Mapping[int, str]) -> list[Run]:
        runs: list[Run] = []
        gap = 0
        for match in self._pattern.finditer(line):
            kind, text = match.lastgroup, match.group()
            if kind == "unseen":
                gap -= sum(map(self._style.widths.__getitem__, text))
                continue
            string = text.translate(strings)
            operator = f"[{gap} ({string})] TJ" if gap else f"({string}) Tj"
            number = 1
            if kind == "missing":  # Copied text still holds what was said.
                operator = f"/Span<</ActualText<{text.encode('utf-16').hex()}>>>BDC {operator} EMC"
            elif kind is not None:
                number = int(kind[1:])
            runs.append((self._resources[number], operator))
            gap = 0
        return runs


def _shown(lines: Sequence[str], codes: Mapping[int, int]) -> list[str]:
    """Operators that show lines of one font; all at once, which is several times as fast as one by one."""
    if not lines:
        return []
    joined = _SEPARATOR.join(lines).translate(codes).encode("utf-16-be").decode("latin-1")
    separator = _SEPARATOR.encode("utf-16-be").decode("latin-1")
    return [f"({line}) Tj" for line in _escaped(joined).split(separator)]


def _runs_pattern(style: Style, used: set[str]) -> re.Pattern[str]:
    """Finds the runs of characters that one face shows."""
    kinds: dict[int, list[str]] = {}
    for character in sorted(used):
        kinds.setdefault(style.face_of[character], []).append(character)
    names = {NOWHERE: "unseen", MISSING_FROM_ALL: "missing"}
    *others, (most, _) = sorted(kinds.items(), key=lambda item: len(item[1]))
    classes = {number: re.escape("".join(characters)) for number, characters in others}
    patterns = [f"(?P<{names.get(number, f'f{number}')}>[{listed}]+)" for number, listed in classes.items()]
    # The largest class, of a thousand Chinese characters, is what the others are not.
    rest = f"[^{''.join(classes.values())}]+" if classes else ".+"
    return re.compile("|".join([*patterns, f"(?P<{names.get(most, f'f{most}')}>{rest})"]))


def _code(style: Style, character: str, fonts: Mapping[Face, EmbeddedFont]) -> int:
    number = style.face_of[character]
    if number == MISSING_FROM_ALL:
        return fonts[style.faces[1]].subset.codes[MISSING]
    return fonts[style.faces[number]].subset.codes[NARROW.get(character, character)]


def _lines_by_style(sheets: Iterable[Sheet]) -> dict[Style, list[str]]:
    lines: dict[Style, list[str]] = {}
    for sheet in sheets:
        for text in sheet.texts:
            lines.setdefault(text.style, []).extend(text.lines)
    return lines


def _cut_fonts(used: Mapping[Style, set[str]]) -> dict[Face, EmbeddedFont]:
    """A subset of each face for the characters that any style shows with it."""
    characters: dict[Face, set[str]] = {}
    clusters: dict[Face, dict[str, Cluster]] = {}
    texts: dict[str, str] = {}
    for style, shown in used.items():
        for character in shown:
            if (number := style.face_of[character]) == NOWHERE:
                continue
            face = style.faces[1 if number == MISSING_FROM_ALL else number]
            characters.setdefault(face, set())
            if character >= _FIRST_PLACE:
                place = style.places[character]
                clusters.setdefault(face, {})[character], texts[character] = place.cluster, place.text
            else:
                characters[face].add(MISSING if number == MISSING_FROM_ALL else NARROW.get(character, character))
    fonts = {}
    for number, face in enumerate(sorted(characters, key=lambda face: face.name), start=1):
        subset = face.subset(characters[face], clusters.get(face, {}))
        meanings = {code: texts.get(character, character) for character, code in subset.codes.items()}
        fonts[face] = EmbeddedFont(f"F{number}", subset, meanings)
    return fonts


@cache
def _string(code: int) -> str:
    """A glyph's code inside a literal string."""
    return _escaped(chr(code).encode("utf-16-be").decode("latin-1"))


def _escaped(data: str) -> str:
    """As it stands inside a literal string, which is half as long as a hexadecimal one, before and after compression."""
    return data.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").replace("\r", "\\r")
