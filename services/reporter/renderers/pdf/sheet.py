"""Pages as lists of shapes, texts and links, before anything is encoded; and the pen that fills them from top to bottom."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.palette import Colour
from services.reporter.renderers.pdf.typeset import Line, Style, break_lines, is_full_width, prepare

ELLIPSIS = "…"
LOOSEST = 0.12
"""Parts of the font size by which characters may be moved apart to fill a Chinese line."""


class Text(NamedTuple):
    """Lines of one style below each other; `y` is the first baseline. `spreads` move characters apart, in points;
    none for no line."""

    style: Style
    size: float
    colour: Colour
    x: float
    y: float
    leading: float
    lines: Sequence[str]
    spreads: Sequence[float] = ()


class Link(NamedTuple):
    """A rectangle that leads somewhere: to a web address, or to a named place when `target` starts with `#`."""

    x: float
    y: float
    width: float
    height: float
    target: str


@dataclass
class Sheet:
    """One page."""

    shapes: list[str] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    places: dict[str, float] = field(default_factory=dict)
    """Named places by the height at which they stand."""


class OutlineEntry(NamedTuple):
    """A line of the document's outline."""

    title: str
    place: str
    level: int


class Pen:
    """Fills pages from top to bottom; `y` is the upper edge of what is drawn next."""

    def __init__(self, styles: Mapping[str, Style]) -> None:
        self.styles = styles
        self.sheets: list[Sheet] = []
        self.outline: list[OutlineEntry] = []
        self.turn_page()

    def turn_page(self) -> None:
        """Start a page, the one that is drawn on from now on."""
        self.sheet = Sheet()
        self.sheets.append(self.sheet)
        self.y = palette.TOP

    def need(self, height: float) -> bool:
        """Turn the page unless `height` points are left; whether it did."""
        if self.y - height >= palette.BOTTOM or self.y == palette.TOP:
            return False
        self.turn_page()
        return True

    def mark(self, place: str) -> None:
        """Name the place where the pen stands, for links and the outline."""
        self.sheet.places[place] = self.y

    def entry(self, title: str, place: str, level: int) -> None:
        """Put the place where the pen stands into the outline."""
        self.mark(place)
        self.outline.append(OutlineEntry(title, place, level))

    def width(self, text: str, size: float, style: str = "text") -> float:
        """The width of a line of text in points."""
        return self.styles[style].width(prepare(text), size)

    def write(
        self, x: float, y: float, text: str, size: float, *, style: str = "text", colour: Colour = palette.INK,
        spread: float = 0.0,
    ) -> None:  # fmt: skip
        """One line from `x` on, with its baseline at `y`."""
        spreads = (spread,) if spread else ()
        self.sheet.texts.append(Text(self.styles[style], size, colour, x, y, 0.0, (prepare(text),), spreads))

    def write_up_to(
        self, x: float, y: float, text: str, size: float, *, style: str = "text", colour: Colour = palette.INK
    ) -> None:
        """One line that ends at `x`, with its baseline at `y`."""
        self.write(x - self.width(text, size, style), y, text, size, style=style, colour=colour)

    def fitted(self, text: str, size: float, room: float, style: str = "text") -> str:
        """The text, cut short with an ellipsis where it is wider than `room` points."""
        source = prepare(text)
        widths = self.styles[style].widths
        ends = list(accumulate(map(widths.__getitem__, source)))
        limit = room * 1000 / size
        if not ends or ends[-1] <= limit:
            return source
        return source[: bisect_right(ends, limit - widths[ELLIPSIS])].rstrip() + ELLIPSIS

    def lines(self, text: str, size: float, width: float, style: str = "text") -> list[Line]:
        """Break a paragraph."""
        return break_lines(self.styles[style], prepare(text), size, width)

    def draw_lines(
        self, x: float, lines: Sequence[Line], size: float, leading: float, width: float, *, style: str = "text",
        colour: Colour = palette.INK, ends: bool = True,
    ) -> None:  # fmt: skip
        """Lines below each other, moving the pen; Chinese ones fill `width`, except the last of a paragraph that `ends`."""
        baseline = self.y - leading * 0.5 - size * 0.35
        texts = [line.text for line in lines]
        spreads = () if all(map(str.isascii, texts)) else _spreads(lines, size, width, ends=ends)
        self.sheet.texts.append(Text(self.styles[style], size, colour, x, baseline, leading, texts, spreads))
        self.y -= leading * len(lines)

    def fill(self, x: float, y: float, width: float, height: float, *, colour: Colour, radius: float = 0.0) -> None:
        """A filled rectangle with its lower left corner at (x, y)."""
        radius = min(radius, width / 2, height / 2)
        self.sheet.shapes.append(f"{colour} rg {rectangle(x, y, width, height, radius)} f")

    def dot(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled circle."""
        self.sheet.shapes.append(f"q {colour} rg {radius:g} 0 0 {radius:g} {x:.2f} {y:.2f} cm /Dot Do Q")

    def rule(self, y: float) -> None:
        """A hairline across the measure."""
        self.sheet.shapes.append(f"{palette.HAIRLINE} RG 0.6 w {palette.LEFT:.2f} {y:.2f} m {palette.RIGHT:.2f} {y:.2f} l S")

    def drop_dead_links(self) -> None:
        """Remove the links to places that nobody has marked: a speaker in the chart may have said nothing that is shown."""
        places = {f"#{place}" for sheet in self.sheets for place in sheet.places}
        for sheet in self.sheets:
            sheet.links = [link for link in sheet.links if not link.target.startswith("#") or link.target in places]

    def link(self, x: float, y: float, width: float, height: float, target: str) -> None:
        """Make a rectangle lead somewhere."""
        self.sheet.links.append(Link(x, y, width, height, target))


def rectangle(x: float, y: float, width: float, height: float, radius: float = 0.0) -> str:
    """The path of a rectangle, with round corners where `radius` is not 0."""
    if not radius:
        return f"{x:.2f} {y:.2f} {width:.2f} {height:.2f} re"
    bend = radius * 0.4477
    right, top = x + width, y + height
    return (
        f"{x + radius:.2f} {y:.2f} m {right - radius:.2f} {y:.2f} l "
        f"{right - bend:.2f} {y:.2f} {right:.2f} {y + bend:.2f} {right:.2f} {y + radius:.2f} c "
        f"{right:.2f} {top - radius:.2f} l "
        f"{right:.2f} {top - bend:.2f} {right - bend:.2f} {top:.2f} {right - radius:.2f} {top:.2f} c "
        f"{x + radius:.2f} {top:.2f} l "
        f"{x + bend:.2f} {top:.2f} {x:.2f} {top - bend:.2f} {x:.2f} {top - radius:.2f} c "
        f"{x:.2f} {y + radius:.2f} l "
        f"{x:.2f} {y + bend:.2f} {x + bend:.2f} {y:.2f} {x + radius:.2f} {y:.2f} c h"
    )


def _spreads(lines: Sequence[Line], size: float, width: float, *, ends: bool) -> list[float]:
    """By how many points the characters of each Chinese line move to fill the width; 0 where that would look loose."""
    spreads = []
    for line in lines:
        spread = (width - line.width) / max(1, len(line.text) - 1)
        spreads.append(spread if 0 < spread < size * LOOSEST and is_full_width(line.text) else 0.0)
    return [*spreads[:-1], 0.0] if ends else spreads
