"""The title, the cards of figures, headings, notices, and what runs at the pages' edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from services.reporter.blocks import Document, FactCards, Heading, Notice
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.palette import (
    ACCENT,
    LEFT,
    MEASURE,
    MUTED,
    PART,
    RIGHT,
    SMALL,
    SUBPART,
    TINY,
    TINY_STRONG,
    TITLE,
    Look,
)
from services.reporter.renderers.pdf.pen import Pen
from services.reporter.renderers.pdf.tags import UNNUMBERED, Tag
from services.reporter.renderers.pdf.typeset import Line

SEPARATOR = "  ·  "
MOST_CARDS = 6
"""In one row."""

WARNING_INDENT = 14.0

KEPT_WITH_HEADING = 84.0
"""Points of what follows a heading that must stand on the same page."""

_KIND = Look(8, 12, "strong", ACCENT)
_DETAILS = Look(9.2, 14, colour=MUTED)
_VALUE, _SMALL_VALUE = Look(14.5, 18, "strong"), Look(10.5, 18, "strong")


def draw_title(pen: Pen, document: Document) -> None:
    """What it is, its title, and the details."""
    if document.kind:
        pen.y -= 10
        with pen.tagged("P"):
            kind = pen.fitted(document.kind.upper(), _KIND, MEASURE - 40)
            pen.write(LEFT, pen.y, kind, _KIND, spread=0.6 if kind.isascii() else 0.0)
        pen.y -= 8
    with pen.tagged("H1"):
        pen.flow(LEFT, pen.lines(document.title, TITLE, MEASURE), TITLE, MEASURE)
    pen.y -= 2
    with pen.tagged("P"):
        lines = pen.lines(SEPARATOR.join(value for _, value in document.details), _DETAILS, MEASURE)
        pen.flow(LEFT, lines, _DETAILS, MEASURE)
    pen.y -= 12


def draw_page_edges(pen: Pen, document: Document) -> None:
    """The running head, from the second page on, and the foot with the page's number, once all pages are known."""
    title, date = pen.fitted(document.title, TINY, MEASURE - 110), document.details[0][1]
    for number, sheet in enumerate(pen.sheets, start=1):
        pen.sheet = sheet
        if number > 1:
            head = palette.PAGE_HEIGHT - 34
            pen.write(RIGHT, head, date, TINY, align=1.0)
            pen.write(LEFT, head, title, TINY)
            pen.rule(head - 7)
        pen.write(LEFT, 30, "Audio2txt", TINY_STRONG)
        pen.write(RIGHT, 30, f"{number} / {len(pen.sheets)}", TINY, align=1.0)


def draw_cards(pen: Pen, block: FactCards) -> None:
    """The figures, in rows."""
    container = Tag("L", pen.part, UNNUMBERED)
    for start in range(0, len(block.facts), MOST_CARDS):
        _draw_card_row(pen, block.facts[start : start + MOST_CARDS], container)
    pen.y -= 4


def _draw_card_row(pen: Pen, facts: Sequence[tuple[str, str]], container: Tag) -> None:
    gap, padding = 8.0, 11.0
    width = (MEASURE - gap * (len(facts) - 1)) / len(facts)
    room = width - 2 * padding
    labels = [pen.lines(label, TINY, room) for label, _ in facts]
    height = 44.0 + (max(map(len, labels)) - 1) * TINY.leading
    pen.need(height)
    pen.y -= height
    top = pen.y + height
    for number, (lines, (_, value)) in enumerate(zip(labels, facts, strict=True)):
        x = LEFT + number * (width + gap)
        pen.fill(x, pen.y, width, height, colour=palette.SOFT, radius=6)
        look = _VALUE if pen.width(value, _VALUE) <= room else _SMALL_VALUE
        item = Tag("LI", container)
        body = Tag("LBody", item)
        pen.tag = body
        pen.write(x + padding, top - 21, pen.fitted(value, look, room), look)
        pen.tag = Tag("Lbl", item)
        pen.y = top - 26
        pen.draw_lines(x + padding, lines, TINY, room)
        pen.y = top - height
    pen.tag = None
    pen.y -= gap


def draw_notices(pen: Pen, notices: Sequence[Notice]) -> None:
    """Sentences that follow each other; those that warn share a panel."""
    for warning, group in groupby(notices, key=lambda notice: notice.warning):
        if warning:
            _draw_warnings(pen, list(group))
        else:
            for notice in group:
                with pen.tagged("P"):
                    pen.flow(LEFT, pen.lines(notice.text, SMALL, MEASURE), SMALL, MEASURE)
                pen.y -= 2
            pen.y -= 4


def warnings_height(pen: Pen, notices: Sequence[Notice]) -> float:
    """How high the panel of some warnings is, with what lies between it and what follows."""
    return sum(len(lines) * SMALL.leading + 2 for lines in _warning_lines(pen, notices)) + 17


def _warning_lines(pen: Pen, notices: Sequence[Notice]) -> list[list[Line]]:
    return [pen.lines(notice.text, SMALL, MEASURE - 2 * WARNING_INDENT) for notice in notices]


def _draw_warnings(pen: Pen, notices: Sequence[Notice]) -> None:
    look, indent = SMALL.tinted(palette.AMBER), WARNING_INDENT
    paragraphs = _warning_lines(pen, notices)
    height = warnings_height(pen, notices) - 17
    pen.need(height + 14)
    if height + 8 <= pen.room:
        pen.fill(LEFT, pen.y - height - 8, MEASURE, height + 8, colour=palette.AMBER_SOFT, radius=4)
        pen.fill(LEFT, pen.y - height - 8, 3, height + 8, colour=palette.AMBER_BRIGHT, radius=1.5)
    pen.y -= 5
    for lines in paragraphs:
        with pen.tagged("P"):
            pen.flow(LEFT + indent, lines, look, MEASURE - 2 * indent)
        pen.y -= 2
    pen.y -= 9


def draw_heading(pen: Pen, block: Heading, kept: float = KEPT_WITH_HEADING) -> None:
    """The head of a part, or of a part of a part, with `kept` points of what follows."""
    if block.level > 1:
        _draw_subheading(pen, block, kept)
        return
    lines = pen.lines(block.text, PART, MEASURE - 11)
    pen.need(len(lines) * PART.leading + 24 + kept)
    pen.space(16)
    pen.part = Tag("Sect", pen.document)
    pen.entry(block.text, f"part-{len(pen.outline)}", 0)
    height = len(lines) * PART.leading
    pen.fill(LEFT, pen.y - height + 2.4, 3, height - 4.6, colour=ACCENT, radius=1.5)
    with pen.tagged("H2"):
        pen.draw_lines(LEFT + 11, lines, PART, MEASURE - 11)
    pen.y -= 7


def _draw_subheading(pen: Pen, block: Heading, kept: float) -> None:
    lines = pen.lines(block.text, SUBPART, MEASURE)
    pen.need(len(lines) * SUBPART.leading + 10 + kept)
    pen.space(8)
    pen.entry(block.text, f"part-{len(pen.outline)}", min(1, len(pen.outline)))
    with pen.tagged("H3"):
        pen.draw_lines(LEFT, lines, SUBPART, MEASURE)
    pen.y -= 2
