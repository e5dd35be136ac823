"""Pages as lists of shapes, texts and links, before anything is encoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.reporter.renderers.pdf.palette import Colour
from services.reporter.renderers.pdf.styles import Style
from services.reporter.renderers.pdf.tags import Tag


class Text(NamedTuple):
    """Lines of one style below each other; `y` is the first baseline. `spreads` move characters apart, in points;
    none for no line. `mark` is the number of the tag among its sheet's, or `ARTIFACT`."""

    style: Style
    size: float
    colour: Colour
    x: float
    y: float
    leading: float
    lines: Sequence[str]
    mark: int
    spreads: Sequence[float] = ()


class Box(NamedTuple):
    """A rectangle by its lower left corner."""

    x: float
    y: float
    width: float
    height: float


class Link(NamedTuple):
    """A rectangle that leads somewhere: to a web address, or to a named place when `target` starts with `#`."""

    box: Box
    target: str
    tag: Tag
    contents: str
    """Where it leads, in words."""


@dataclass(eq=False)
class Sheet:
    """One page."""

    shapes: list[str] = field(default_factory=list)
    """Drawn first, and not read."""
    figures: list[tuple[int, str]] = field(default_factory=list)
    """Drawings that are read, each with its mark."""
    texts: list[Text] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    places: dict[str, float] = field(default_factory=dict)
    """Named places by the height at which they stand."""
    tags: list[Tag] = field(default_factory=list)
    """What each mark belongs to."""


class OutlineEntry(NamedTuple):
    """A line of the document's outline."""

    title: str
    place: str
    level: int


class Placed(NamedTuple):
    """One line where it was drawn."""

    text: str
    x: float
    y: float
    spread: float


def placed(texts: Iterable[Text]) -> Iterator[Placed]:
    """Every line of some texts."""
    for text in texts:
        for number, line in enumerate(text.lines):
            spread = text.spreads[number] if text.spreads else 0.0
            yield Placed(line, text.x, text.y - number * text.leading, spread)
