"""How the sections of a report look: running text, points, quotations, the course of the recording."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from services.reporter.blocks import Bullets, Mark, Prose, Quotes, Statement, Timeline
from services.reporter.labels import Labels
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.citing import Citing
from services.reporter.renderers.pdf.marks import draw_mark
from services.reporter.renderers.pdf.palette import BODY, LEAD, LEFT, MEASURE, RIGHT, STRONG, Look, speaker_colour
from services.reporter.renderers.pdf.pen import Pen
from services.reporter.renderers.pdf.sheet import Text
from services.reporter.renderers.pdf.statements import (
    SPEAKER,
    Paragraph,
    doubt_height,
    draw_doubt,
    draw_doubts,
    draw_paragraph,
    draw_remarks,
    paragraph,
)
from services.reporter.renderers.pdf.tags import UNNUMBERED, Tag
from services.reporter.renderers.pdf.typeset import Line

INDENT = 17.0
AFTER = 4.5
PANEL_INDENT = 14.0
_QUOTE = Look(10.2, 16.4)


def draw_prose(pen: Pen, block: Prose, citing: Citing) -> None:
    """All statements in one paragraph, each with its notes behind it; then what speaks against some of them."""
    text = ""
    for statement in block.statements:
        between = " " if text and (text[-1].isascii() or statement.text[:1].isascii()) else ""
        text += between + citing.noted(statement.text, statement.citations)
    waiting = [citation for statement in block.statements for citation in statement.citations]
    with pen.tagged("P") as tag:

        def note(_lines: Sequence[Line], texts: Sequence[Text]) -> None:
            nonlocal waiting
            waiting = citing.draw_notes(pen, texts, waiting, tag)

        pen.flow(LEFT, pen.lines(text, LEAD, MEASURE), LEAD, MEASURE, drawn=note)
    draw_doubts(pen, block)
    pen.y -= 6


def draw_bullets(pen: Pen, block: Bullets, citing: Citing) -> None:
    """Statements with their marks; those that could not be verified on a ground of their own."""
    container = Tag("L", pen.part, UNNUMBERED)
    for statement, following in zip_longest(block.statements, block.statements[1:]):
        item = Tag("LI", container)
        if statement.mark is Mark.DOUBTED:
            _draw_doubted(pen, statement, citing, item)
            pen.y -= AFTER if following and following.mark is not Mark.DOUBTED else 0
        else:
            _draw_point(pen, statement, citing, item)
    pen.y -= 4


def _draw_point(pen: Pen, statement: Statement, citing: Citing, item: Tag) -> None:
    body = Tag("LBody", item)
    x = LEFT + INDENT
    it = paragraph(pen, citing, statement.text, BODY, x, citations=statement.citations)
    head = pen.lines(statement.label, STRONG, RIGHT - x) if statement.label else []
    pen.need(it.kept + len(head) * STRONG.leading)
    draw_mark(pen, LEFT + 7, pen.y - BODY.leading * 0.5 - BODY.size * 0.35, statement.mark)
    if head:
        pen.tag = body
        pen.draw_lines(x, head, STRONG, RIGHT - x)
        pen.tag = None
    end = draw_paragraph(pen, it, citing, body)
    draw_remarks(pen, statement, it, end, body)
    pen.y -= AFTER


def doubted_height(pen: Pen, statement: Statement, citing: Citing) -> float:
    """How high a statement is that could not be verified."""
    it, right = _doubted_paragraph(pen, statement, citing)
    speaker = SPEAKER.leading if statement.voice else 0.0
    return it.height + doubt_height(pen, statement.doubt, right - it.x) + speaker + 9


def _doubted_paragraph(pen: Pen, statement: Statement, citing: Citing) -> tuple[Paragraph, float]:
    text, right = ": ".join(filter(None, [statement.label, statement.text])), RIGHT - 8
    return paragraph(pen, citing, text, BODY, LEFT + PANEL_INDENT, citations=statement.citations, right=right), right


def _draw_doubted(pen: Pen, statement: Statement, citing: Citing, item: Tag) -> None:
    """On an amber ground, where it is not longer than a page."""
    body = Tag("LBody", item)
    it, _ = _doubted_paragraph(pen, statement, citing)
    height = doubted_height(pen, statement, citing)
    pen.need(height if height <= palette.TOP - palette.BOTTOM else it.kept + 20)
    if height <= pen.room:
        pen.fill(LEFT, pen.y - height, MEASURE, height + 0.5, colour=palette.AMBER_SOFT)
        pen.fill(LEFT, pen.y - height, 3, height + 0.5, colour=palette.AMBER_BRIGHT)
    pen.y -= 3
    end = draw_paragraph(pen, it, citing, body)
    draw_remarks(pen, statement, it, end, body)
    pen.y -= 6


def draw_quotes(pen: Pen, block: Quotes, labels: Labels, citing: Citing) -> None:
    """The words behind a bar in the speaker's colour, then who said them and when."""
    for statement in block.statements:
        _draw_quote(pen, statement, labels, citing)
    pen.y -= 2


def _draw_quote(pen: Pen, statement: Statement, labels: Labels, citing: Citing) -> None:
    x, width = LEFT + 14, MEASURE - 14
    colour = palette.ACCENT if statement.voice is None else speaker_colour(statement.voice.rank)
    lines = pen.lines(f"{labels.opening_quote}{statement.text}{labels.closing_quote}", _QUOTE, width)
    foot = 15.0 if statement.voice is not None or statement.citations else 0.0
    pen.need(min(len(lines) * _QUOTE.leading, 3 * _QUOTE.leading) + foot)
    with pen.tagged("BlockQuote") as quote:

        def bar(_lines: Sequence[Line], _texts: Sequence[Text]) -> None:
            height = len(_lines) * _QUOTE.leading
            pen.fill(LEFT + 2, pen.y + 1, 2.6, height - 2, colour=colour, radius=1.3)

        with pen.tagged("P", quote):
            if statement.label:
                head = pen.lines(statement.label, STRONG, width)
                pen.flow(x, head, STRONG, width, drawn=bar)
            pen.flow(x, lines, _QUOTE, width, drawn=bar)
        if foot:
            pen.need(foot)
            pen.y -= foot
            baseline = pen.y + 5.0
            with pen.tagged("P", quote):
                if statement.voice is not None:
                    pen.dot(x + 3, baseline + 3.0, 2.6, colour)
                    x += (
                        10
                        + pen.write(x + 10, baseline, pen.fitted(statement.voice.name, SPEAKER, 200), SPEAKER.tinted(colour))
                        + 8
                    )
                citing.draw_row(pen, x, baseline, statement.citations)
        if statement.doubt:
            with pen.tagged("P", quote) as tag:
                draw_doubt(pen, statement.doubt, LEFT + 14, width, tag)
    pen.y -= 9


def draw_timeline(pen: Pen, block: Timeline, citing: Citing) -> None:
    """The course of the recording along a line, with the moments in a gutter."""
    container = Tag("L", pen.part, UNNUMBERED)
    gutter = max((citing.column(pen, statement.citations[:1]) for statement in block.statements), default=0.0)
    for number, statement in enumerate(block.statements):
        last = number == len(block.statements) - 1
        _draw_moment(pen, statement, citing, Tag("LI", container), gutter=gutter, last=last)
    pen.y -= 4


def _draw_moment(pen: Pen, statement: Statement, citing: Citing, item: Tag, *, gutter: float, last: bool) -> None:
    line_at = LEFT + gutter + 8
    x = line_at + 12
    first, others = statement.citations[:1], statement.citations[1:]
    head = pen.lines(statement.label, STRONG, RIGHT - x) if statement.label else []
    it = paragraph(pen, citing, statement.text, BODY, x, citations=others)
    pen.need(it.kept + len(head) * STRONG.leading)
    sheet = pen.sheet
    baseline = pen.y - BODY.leading * 0.5 - BODY.size * 0.35
    pen.tag = Tag("Lbl", item)
    citing.draw_column(pen, LEFT + gutter, baseline, first)
    body = pen.tag = Tag("LBody", item)
    if head:
        pen.draw_lines(x, head, STRONG, RIGHT - x)
    end = draw_paragraph(pen, it, citing, body)
    pen.tag = None
    draw_remarks(pen, statement, it, end, body)
    pen.y -= AFTER
    foot = pen.y if pen.sheet is sheet else palette.BOTTOM
    at = line_at
    if not last:
        path = f"{palette.HAIRLINE} RG 1 w {at:.2f} {baseline - 2:.2f} m {at:.2f} {foot - 4:.2f} l S"
        sheet.shapes.append(path)
    sheet.shapes.append(f"{palette.WHITE} rg q 4 0 0 4 {at:.2f} {baseline + 3.4:.2f} cm /Dot Do Q")
    sheet.shapes.append(f"q {palette.ACCENT} rg 2.6 0 0 2.6 {at:.2f} {baseline + 3.4:.2f} cm /Dot Do Q")
