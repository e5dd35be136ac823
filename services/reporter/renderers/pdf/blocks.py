"""Lays the document out, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from services.reporter.blocks import (
    Block,
    Break,
    Bullets,
    Dialogue,
    Document,
    EvidenceList,
    FactCards,
    Fields,
    Findings,
    Heading,
    Notice,
    Prose,
    Questions,
    Quotes,
    Table,
    TalkTime,
    Terms,
    Timeline,
)
from services.reporter.labels import Labels
from services.reporter.renderers.pdf.charts import BAR, ROW, draw_talk_time
from services.reporter.renderers.pdf.citing import Citing
from services.reporter.renderers.pdf.dialogue import draw_dialogue
from services.reporter.renderers.pdf.evidence import draw_evidence
from services.reporter.renderers.pdf.findings import draw_findings
from services.reporter.renderers.pdf.front import (
    KEPT_WITH_HEADING,
    draw_cards,
    draw_heading,
    draw_notices,
    draw_title,
    warnings_height,
)
from services.reporter.renderers.pdf.lists import draw_fields, draw_questions, draw_terms
from services.reporter.renderers.pdf.palette import BOTTOM, TOP
from services.reporter.renderers.pdf.pen import Pen
from services.reporter.renderers.pdf.sections import doubted_height, draw_bullets, draw_prose, draw_quotes, draw_timeline
from services.reporter.renderers.pdf.tables import draw_table, height_kept

LAST_LINES = 16.0
"""Points of the lower margin that the document's last remark may use."""


FREE_FOR_APPENDIX = 0.5
"""Of a page, that must be free for an appendix to begin on it."""


def draw_document(pen: Pen, document: Document, unshown: int) -> None:
    """The whole document from its title on; `unshown` characters of it have no glyph."""
    draw_title(pen, document)
    citing = Citing(document)
    notices: list[Notice] = []
    if unshown:
        notices.append(Notice(text=document.labels.unshown_characters.format(count=unshown), warning=True))
    for number, block in enumerate(document.blocks, start=1):
        if isinstance(block, Notice):
            notices.append(block)
            continue
        if not isinstance(block, FactCards):
            _draw_notices(pen, notices)
        if isinstance(block, Heading):
            draw_heading(pen, block, _kept(pen, document.blocks[number : number + 2], document.labels, citing))
        else:
            _draw(pen, block, document.labels, citing)
    pen.y = max(pen.y, pen.bottom)
    pen.bottom -= LAST_LINES  # So that the last remark hardly ever stands on a page of its own.
    _draw_notices(pen, notices)


def _draw_notices(pen: Pen, notices: list[Notice]) -> None:
    draw_notices(pen, notices)
    notices.clear()


def _kept(pen: Pen, following: Sequence[Block], labels: Labels, citing: Citing) -> float:
    """How much of what follows a heading must stand below it on the same page."""
    match following:
        case [TalkTime() as chart, *_]:
            return BAR + ROW * min(6, len(chart.shares)) + 24
        case [Table() as table, *_]:
            return height_kept(pen, table, labels, citing)
        case [Notice(warning=True) as notice, Bullets(statements=(first, *_))]:
            return warnings_height(pen, [notice]) + doubted_height(pen, first, citing)
        case [Notice() as notice, Table() as table]:
            return warnings_height(pen, [notice]) + height_kept(pen, table, labels, citing)
        case _:
            return KEPT_WITH_HEADING


def _draw(pen: Pen, block: Block, labels: Labels, citing: Citing) -> None:  # noqa: C901, PLR0912 -- a case for each block
    match block:
        case FactCards():
            draw_cards(pen, block)
        case TalkTime():
            draw_talk_time(pen, block, labels)
        case Findings():
            draw_findings(pen, block)
        case Dialogue():
            draw_dialogue(pen, block, labels, citing)
        case Prose():
            draw_prose(pen, block, citing)
        case Bullets():
            draw_bullets(pen, block, citing)
        case Quotes():
            draw_quotes(pen, block, labels, citing)
        case Timeline():
            draw_timeline(pen, block, citing)
        case Questions():
            draw_questions(pen, block, labels, citing)
        case Fields():
            draw_fields(pen, block, citing)
        case Terms():
            draw_terms(pen, block, citing)
        case Table():
            draw_table(pen, block, labels, citing)
        case EvidenceList():
            draw_evidence(pen, block, labels, citing)
        case Break():
            pen.need(FREE_FOR_APPENDIX * (TOP - BOTTOM))
        case Notice():
            draw_notices(pen, [block])
        case Heading():
            draw_heading(pen, block)
        case _:
            assert_never(block)
