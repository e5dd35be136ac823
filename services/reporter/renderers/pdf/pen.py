"""The pen that fills pages from top to bottom with lines, shapes and links, and tags what it writes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate

from services.reporter.renderers.pdf import palette, shapes
from services.reporter.renderers.pdf.palette import Colour, Look
from services.reporter.renderers.pdf.sheet import Box, Link, OutlineEntry, Sheet, Text
from services.reporter.renderers.pdf.styles import Style
from services.reporter.renderers.pdf.tags import ARTIFACT, Content, LinkPlace, Tag, actual
from services.reporter.renderers.pdf.typeset import Line, break_lines, is_full_width

ELLIPSIS = "…"
LOOSEST = 0.12
"""Parts of the font size by which characters may be moved apart to fill a Chinese line."""

FEWEST_LINES = 2
"""Of a paragraph that stand alone at the foot or the head of a page, unless it has no more."""

Drawn = Callable[[Sequence[Line], Sequence[Text]], None]


class Pen:
    """Fills pages from top to bottom; `y` is the upper edge of what is drawn next, `tag` the element that texts belong to
    (none: they are not read), `part` the one that new elements belong to, `bottom` where the page ends."""

    def __init__(self, styles: Mapping[str, Style]) -> None:
        self.styles = styles
        self.sheets: list[Sheet] = []
        self.outline: list[OutlineEntry] = []
        self.document = Tag("Document")
        self.part = self.document
        self.tag: Tag | None = None
        self.bottom = palette.BOTTOM
        self.turn_page()

    def turn_page(self) -> None:
        """Start a page, the one that is drawn on from now on."""
        self.sheet = Sheet()
        self.sheets.append(self.sheet)
        self.y = palette.TOP

    @property
    def room(self) -> float:
        """Points left on the page."""
        return self.y - self.bottom

    def need(self, height: float) -> bool:
        """Turn the page unless `height` points are left; whether it did."""
        if self.y - height >= self.bottom or self.y == palette.TOP:
            return False
        self.turn_page()
        return True

    def space(self, height: float) -> None:
        """Leave some points free, except at the head of a page."""
        if self.y < palette.TOP:
            self.y -= height

    def mark(self, place: str) -> None:
        """Name the place where the pen stands, for links and the outline."""
        self.sheet.places[place] = self.y

    def entry(self, title: str, place: str, level: int) -> None:
        """Put the place where the pen stands into the outline."""
        self.mark(place)
        self.outline.append(OutlineEntry(title, place, level))

    @contextmanager
    def tagged(self, role: str, parent: Tag | None = None, attributes: str = "") -> Iterator[Tag]:
        """Let what is written belong to a new element of `parent` (default: the part)."""
        before = self.tag
        self.tag = Tag(role, parent or self.part, attributes)
        try:
            yield self.tag
        finally:
            self.tag = before

    def lines(self, text: str, look: Look, width: float) -> list[Line]:
        """Break a paragraph."""
        style = self.styles[look.style]
        return break_lines(style, style.prepare(text), look.size, width)

    def line(self, text: str, look: Look) -> Line:
        """A text as one line, however long."""
        if text.isascii():
            return Line(text, self.styles[look.style].width(text, look.size), 0)
        return next(iter(self.lines(text, look, 1e9)), Line("", 0.0, 0))

    def width(self, text: str, look: Look) -> float:
        """The width of a line of text in points."""
        style = self.styles[look.style]
        return style.width(style.prepare(text), look.size)

    def fitted(self, text: str, look: Look, room: float) -> str:
        """The text, cut short with an ellipsis where it is wider than `room` points."""
        style = self.styles[look.style]
        source = style.prepare(text)
        ends = list(accumulate(map(style.widths.__getitem__, source)))
        limit = room * 1000 / look.size
        if not ends or ends[-1] <= limit:
            return text
        kept = bisect_right(ends, limit - style.widths[ELLIPSIS])
        return style.plain(source[:kept]).rstrip() + ELLIPSIS

    def write(
        self, x: float, y: float, text: str, look: Look, *, align: float = 0.0, spread: float = 0.0
    ) -> float:  # fmt: skip
        """One line with its baseline at `y`, which begins at `x`, or ends there (`align` 1), or is centred (0.5). Returns its
        width."""
        line = self.line(text, look)
        self.write_line(x - align * line.width, y, line, look, spread=spread)
        return line.width

    def write_line(self, x: float, y: float, line: Line, look: Look, *, spread: float = 0.0) -> None:
        """A line that was broken before."""
        spreads = (spread,) if spread else ()
        style, mark = self.styles[look.style], self._mark_of((line,)) if line.spoken else self._mark()
        self.sheet.texts.append(Text(style, look.size, look.colour, x, y, 0.0, (line.text,), mark, spreads))

    def draw_lines(self, x: float, lines: Sequence[Line], look: Look, width: float, *, ends: bool = True) -> Sequence[Text]:
        """Lines below each other, moving the pen; Chinese ones fill `width`, except the last of a paragraph that `ends`, those
        of a paragraph from right to left end at the right."""
        style, size, colour, leading = self.styles[look.style], look.size, look.colour, look.leading
        baseline = self.y - leading * 0.5 - size * 0.35
        mark = self._mark_of(lines)
        self.y -= leading * len(lines)
        texts = [line.text for line in lines]
        if lines and lines[0].rtl:
            drawn = [
                Text(style, size, colour, x + width - line.width, baseline - number * leading, 0.0, (line.text,), mark)
                for number, line in enumerate(lines)
            ]
        else:
            spreads = () if all(map(str.isascii, texts)) else _spreads(lines, size, width, ends=ends)
            drawn = [Text(style, size, colour, x, baseline, leading, texts, mark, spreads)]
        self.sheet.texts += drawn
        return drawn

    def flow(
        self,
        x: float,
        lines: Sequence[Line],
        look: Look,
        width: float,
        *,
        drawn: Drawn | None = None,
        turned: Callable[[], None] | None = None,
    ) -> None:
        """The lines of a paragraph over as many pages as it takes, no single one left alone. `drawn` is told of each page's
        lines, `turned` of each new page."""
        while lines:
            here = lines[: self._lines_for(len(lines), look.leading)]
            lines = lines[len(here) :]
            if here:
                texts = self.draw_lines(x, here, look, width, ends=not lines)
                if drawn is not None:
                    drawn(here, texts)
            if lines:
                self.turn_page()
                if turned is not None:
                    turned()

    def _lines_for(self, count: int, leading: float) -> int:
        """How many of some lines go on this page."""
        room = int(self.room // leading)
        if room >= count:
            return count
        if room == count - 1 and room > FEWEST_LINES:
            room -= 1
        fresh = self.y == palette.TOP
        return max(1, room) if fresh or room >= FEWEST_LINES else 0

    def fill(self, x: float, y: float, width: float, height: float, *, colour: Colour, radius: float = 0.0) -> None:
        """A filled rectangle with its lower left corner at (x, y)."""
        self.sheet.shapes.append(shapes.filled(shapes.rectangle(x, y, width, height, radius), colour))

    def dot(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled circle."""
        self.sheet.shapes.append(f"q {colour} rg {radius:g} 0 0 {radius:g} {x:.2f} {y:.2f} cm /Dot Do Q")

    def stroke(self, path: str, colour: Colour, width: float) -> None:
        """A line along a path."""
        self.sheet.shapes.append(shapes.stroked(path, colour, width))

    def rule(self, y: float, left: float = palette.LEFT, right: float = palette.RIGHT) -> None:
        """A hairline."""
        self.sheet.shapes.append(f"{palette.HAIRLINE} RG 0.6 w {left:.2f} {y:.2f} m {right:.2f} {y:.2f} l S")

    def figure(self, operators: str) -> None:
        """A drawing that belongs to the current element."""
        self.sheet.figures.append((self._mark(), operators))

    def link(self, box: Box, target: str, contents: str) -> None:
        """Make a rectangle lead somewhere; the current element must be a `Link`. `contents` says in words where."""
        assert self.tag is not None, "a link belongs to an element"
        self.sheet.links.append(Link(box, target, self.tag, contents))

    def settle_links(self) -> None:
        """Remove the links to places that nobody has marked: a speaker in the chart may have said nothing that is shown. Then
        the others are made part of the structure."""
        places = {f"#{place}" for sheet in self.sheets for place in sheet.places}
        for number, sheet in enumerate(self.sheets):
            dead = [link for link in sheet.links if link.target.startswith("#") and link.target not in places]
            for link in dead:
                link.tag.role = "Span"
            sheet.links = [link for link in sheet.links if link not in dead] if dead else sheet.links
            for index, link in enumerate(sheet.links):
                link.tag.kids.append(LinkPlace(number, index))

    def _mark_of(self, lines: Sequence[Line]) -> int:
        """The mark of some lines. Those that are drawn in another order than they are read say how they are read."""
        if self.tag is None or not lines or not lines[0].spoken:
            return self._mark()
        with self.tagged("Span", self.tag, actual(" ".join(line.spoken for line in lines))):
            return self._mark()

    def _mark(self) -> int:
        """The number of the current element's content on this page."""
        tag = self.tag
        if tag is None:
            return ARTIFACT
        tags = self.sheet.tags
        if not tags or tags[-1] is not tag:
            tag.kids.append(Content(len(self.sheets) - 1, len(tags)))
            tags.append(tag)
        return len(tags) - 1


def _spreads(lines: Sequence[Line], size: float, width: float, *, ends: bool) -> list[float]:
    """By how many points the characters of each Chinese line move to fill the width; 0 where that would look loose."""
    spreads = []
    for line in lines:
        spread = (width - line.width) / max(1, len(line.text) - 1)
        spreads.append(spread if 0 < spread < size * LOOSEST and is_full_width(line.text) else 0.0)
    return [*spreads[:-1], 0.0] if ends else spreads
