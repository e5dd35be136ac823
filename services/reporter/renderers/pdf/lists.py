"""Sections of pairs and terms: questions and answers, names and values, single terms."""

from __future__ import annotations

from services.reporter.blocks import Fields, Questions, Statement, Terms
from services.reporter.labels import Labels
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.citing import Citing
from services.reporter.renderers.pdf.palette import BODY, CELL, LEFT, MEASURE, MUTED, RIGHT, STRONG, Look
from services.reporter.renderers.pdf.pen import Pen
from services.reporter.renderers.pdf.statements import draw_doubts, draw_paragraph, draw_remarks, paragraph
from services.reporter.renderers.pdf.tags import UNNUMBERED, Tag

INDENT = 22.0
BADGE = 13.0
FIELD_SHARE = 0.27
"""Of the measure, for the names of fields."""

_BADGE = Look(7.6, 13.0, "strong", palette.WHITE)
_ANSWER_BADGE = Look(7.6, 13.0, "strong", palette.ACCENT)
_NAME = CELL.tinted(MUTED)
_CHIP_HEIGHT, _CHIP_PADDING, _CHIP_GAP = 17.0, 8.0, 6.0


def draw_questions(pen: Pen, block: Questions, labels: Labels, citing: Citing) -> None:
    """Each question in bold, its answer below."""
    container = Tag("L", pen.part, UNNUMBERED)
    for statement in block.statements:
        _draw_question(pen, statement, labels, citing, Tag("LI", container))
    pen.y -= 2


def _draw_question(pen: Pen, statement: Statement, labels: Labels, citing: Citing, item: Tag) -> None:
    x = LEFT + INDENT
    answer = statement.text
    question = paragraph(pen, citing, statement.label or "", STRONG, x, citations=() if answer else statement.citations)
    it = paragraph(pen, citing, answer, BODY, x, citations=statement.citations if answer else ())
    pen.need(question.kept + (it.kept if answer else 0.0))
    pen.tag = Tag("Lbl", item)
    _draw_badge(pen, labels.question[:1], asked=True)
    body = Tag("LBody", item)
    end = draw_paragraph(pen, question, citing, Tag("P", body))
    if answer:
        pen.need(it.kept)
        pen.tag = body
        _draw_badge(pen, labels.answer[:1], asked=False)
        pen.tag = None
        end = draw_paragraph(pen, it, citing, Tag("P", body))
    pen.tag = None
    draw_remarks(pen, statement, it, end, body)
    pen.y -= 7


def _draw_badge(pen: Pen, letter: str, *, asked: bool) -> None:
    look = _BADGE if asked else _ANSWER_BADGE
    y = pen.y - BODY.leading * 0.5 - BADGE / 2
    pen.fill(LEFT, y, BADGE, BADGE, colour=palette.ACCENT if asked else palette.ACCENT_SOFT, radius=4)
    pen.write(LEFT + BADGE / 2, y + BADGE / 2 - look.size * 0.36, letter, look, align=0.5)


def draw_fields(pen: Pen, block: Fields, citing: Citing) -> None:
    """Two columns, with a hairline between lines."""
    container = Tag("L", pen.part, UNNUMBERED)
    pen.y -= 2
    for number, statement in enumerate(block.statements):
        _draw_field(pen, statement, citing, Tag("LI", container), first=number == 0)
    pen.y -= 6


def _draw_field(pen: Pen, statement: Statement, citing: Citing, item: Tag, *, first: bool) -> None:
    room = MEASURE * FIELD_SHARE
    x = LEFT + room
    names = pen.lines(statement.label or "", _NAME, room - 12)
    it = paragraph(pen, citing, statement.text, CELL, x, citations=statement.citations)
    pen.need(max(it.kept, len(names) * _NAME.leading) + 8)
    if not first and pen.y < palette.TOP:
        pen.rule(pen.y)
    pen.y -= 4
    top, sheet = pen.y, pen.sheet
    pen.tag = Tag("Lbl", item)
    pen.draw_lines(LEFT, names, _NAME, room - 12)
    low, pen.y = pen.y, top
    pen.tag = None
    body = Tag("LBody", item)
    end = draw_paragraph(pen, it, citing, body)
    draw_remarks(pen, statement, it, end, body)
    if pen.sheet is sheet:
        pen.y = min(pen.y, low)
    pen.y -= 4


def draw_terms(pen: Pen, block: Terms, citing: Citing) -> None:
    """Chips, as many in a row as there is room for; each with its first moment."""
    container = Tag("L", pen.part, UNNUMBERED)
    x = LEFT
    pen.need(_CHIP_HEIGHT)
    pen.y -= _CHIP_HEIGHT
    for statement in block.statements:
        first = statement.citations[:1]
        moment = citing.row_width(pen, first) + 6.0 if first else 0.0
        term = pen.fitted(statement.text, CELL, MEASURE - 2 * _CHIP_PADDING - moment)
        width = pen.width(term, CELL) + 2 * _CHIP_PADDING + moment
        if x + width > RIGHT and x > LEFT:
            x = LEFT
            pen.y -= _CHIP_GAP
            pen.need(_CHIP_HEIGHT)
            pen.y -= _CHIP_HEIGHT
        pen.fill(x, pen.y, width, _CHIP_HEIGHT, colour=palette.SOFT, radius=_CHIP_HEIGHT / 2)
        baseline = pen.y + _CHIP_HEIGHT / 2 - CELL.size * 0.36
        pen.tag = Tag("LBody", Tag("LI", container))
        end = x + _CHIP_PADDING + pen.write(x + _CHIP_PADDING, baseline, term, CELL)
        citing.draw_row(pen, end + 5, baseline, first)
        pen.tag = None
        x += width + _CHIP_GAP
    pen.y -= 4
    draw_doubts(pen, block)
    pen.y -= 6
