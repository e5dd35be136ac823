"""One statement: its text, in a column at the right what it rests on, below it who said it and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.reporter.blocks import Citation, Prose, Statement, Terms, Voice, doubts_of
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.citing import PILL_STEP, Citing
from services.reporter.renderers.pdf.marks import draw_warning_sign
from services.reporter.renderers.pdf.palette import RIGHT, SMALL, Look, speaker_colour
from services.reporter.renderers.pdf.pen import FEWEST_LINES, Pen
from services.reporter.renderers.pdf.sheet import Text
from services.reporter.renderers.pdf.tags import Tag
from services.reporter.renderers.pdf.typeset import Line

COLUMN_GAP = 12.0
SPEAKER = Look(8.6, 13.4, "strong")
DOUBT = SMALL.tinted(palette.AMBER)
_DOUBT_INDENT = 13.0
_DOT_ROOM = 10.0


class Paragraph(NamedTuple):
    """A text that was broken into lines, and the citations beside it."""

    lines: Sequence[Line]
    look: Look
    x: float
    width: float
    right: float
    """Where the citations end."""
    citations: Sequence[Citation]

    @property
    def height(self) -> float:
        """The whole height."""
        return max(len(self.lines) * self.look.leading, len(self.citations) * PILL_STEP)

    @property
    def kept(self) -> float:
        """The height of what must stand on the page where it begins."""
        return max(min(FEWEST_LINES, len(self.lines)) * self.look.leading, len(self.citations) * PILL_STEP)


def paragraph(
    pen: Pen, citing: Citing, text: str, look: Look, x: float, *, citations: Sequence[Citation] = (), right: float = RIGHT
) -> Paragraph:
    """Break a text that has its citations at the right edge."""
    column = citing.column(pen, citations)
    width = right - x - (column + COLUMN_GAP if column else 0.0)
    return Paragraph(pen.lines(text, look, width), look, x, width, right, citations)


class End(NamedTuple):
    """Where the last line of a paragraph ends."""

    x: float
    baseline: float


def draw_paragraph(pen: Pen, it: Paragraph, citing: Citing, tag: Tag) -> End:
    """Draw it where the pen stands, its citations beside its beginning; where its last line ends."""
    before, pen.tag = pen.tag, tag
    floor: tuple[object, float] = (None, 0.0)
    top, sheet = pen.y, pen.sheet

    def cite(_lines: Sequence[Line], _texts: Sequence[Text]) -> None:
        nonlocal floor
        if floor[0] is None and it.citations:
            at = pen.y
            start = top if pen.sheet is sheet else palette.TOP
            baseline = start - it.look.leading * 0.5 - it.look.size * 0.35
            pen.y = start
            low = citing.draw_column(pen, it.right, baseline, it.citations)
            pen.y = at
            floor = pen.sheet, low

    if it.lines:
        pen.flow(it.x, it.lines, it.look, it.width, drawn=cite)
    else:
        cite((), ())
    end = End(it.x + it.lines[-1].width if it.lines else it.x, pen.y + it.look.leading * 0.5 - it.look.size * 0.35)
    if floor[0] is pen.sheet:
        pen.y = min(pen.y, floor[1])
    pen.tag = before
    return end


def draw_speaker(pen: Pen, voice: Voice, it: Paragraph, end: End, tag: Tag) -> None:
    """Who said it: behind the last line where there is room, else right below it, beside citations that reach further."""
    before, pen.tag = pen.tag, tag
    colour = speaker_colour(voice.rank)
    look = SPEAKER.tinted(colour)
    name = pen.fitted(voice.name, look, it.width - _DOT_ROOM)
    x, room = it.x, it.x + it.width - end.x - 8
    if pen.width(name, look) + _DOT_ROOM <= room and end.x > x:
        x, baseline = end.x + 8, end.baseline
    else:
        low, pen.y = pen.y, min(palette.TOP, end.baseline - it.look.leading * 0.5 + it.look.size * 0.35)
        turned = pen.need(look.leading)
        pen.y -= look.leading
        baseline = pen.y + look.leading * 0.5 - look.size * 0.35
        pen.y = pen.y if turned else min(pen.y, low)
    pen.dot(x + 3, baseline + 3.0, 2.6, colour)
    pen.write(x + _DOT_ROOM, baseline, name, look)
    pen.tag = before


def draw_doubt(pen: Pen, doubt: str, x: float, width: float, tag: Tag) -> None:
    """Why it could not be verified."""
    lines = pen.lines(doubt, DOUBT, width - _DOUBT_INDENT)
    pen.need(DOUBT.leading)
    before, pen.tag = pen.tag, tag
    draw_warning_sign(pen, x + 4, pen.y - DOUBT.leading * 0.5 - DOUBT.size * 0.35, 3.8)
    pen.flow(x + _DOUBT_INDENT, lines, DOUBT, width - _DOUBT_INDENT)
    pen.tag = before


def draw_doubts(pen: Pen, block: Prose | Terms) -> None:
    """What speaks against some of the statements of one paragraph."""
    for doubt in doubts_of(block):
        with pen.tagged("P") as tag:
            draw_doubt(pen, doubt, palette.LEFT, palette.MEASURE, tag)


def doubt_height(pen: Pen, doubt: str | None, width: float) -> float:
    """How high the reason is."""
    return len(pen.lines(doubt, DOUBT, width - _DOUBT_INDENT)) * DOUBT.leading if doubt else 0.0


def draw_remarks(pen: Pen, statement: Statement, it: Paragraph, end: End, tag: Tag) -> None:
    """Speaker and doubt."""
    if statement.voice is not None:
        draw_speaker(pen, statement.voice, it, end, tag)
    if statement.doubt:
        draw_doubt(pen, statement.doubt, it.x, it.right - it.x, tag)
