"""How each block looks: the title, the cards, notices, the talk-time chart, headings, and what runs at the pages' edges."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
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
    Finding,
    Findings,
    Heading,
    Notice,
    Prose,
    Questions,
    Quotes,
    Table,
    TalkShare,
    TalkTime,
    Terms,
    Timeline,
)
from services.reporter.clock import clock
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.dialogue import GUTTER, draw_dialogue
from services.reporter.renderers.pdf.palette import LEFT, MEASURE, RIGHT, speaker_colour
from services.reporter.renderers.pdf.sheet import Pen, rectangle
from services.reporter.renderers.pdf.statements import draw_evidence, draw_section

SEPARATOR = "  ·  "
SMALL, SMALL_LEADING = 8.6, 13.2
FINDING, FINDING_LEADING = 9.2, 14.2


def draw_document(pen: Pen, document: Document, unshown: int) -> None:
    """The whole document from its title on; `unshown` characters of it have no glyph."""
    _draw_title(pen, document)
    notices: list[Notice] = []
    if unshown:
        notices.append(Notice(text=document.labels.unshown_characters.format(count=unshown), warning=True))
    for block in document.blocks:
        if isinstance(block, Notice):
            notices.append(block)
            continue
        if not isinstance(block, FactCards):
            _draw_notices(pen, notices)
            notices = []
        _draw(pen, block, document)
    _draw_notices(pen, notices)


def draw_page_edges(pen: Pen, document: Document) -> None:
    """The running head, from the second page on, and the foot with the page's number, once all pages are known."""
    for number, sheet in enumerate(pen.sheets, start=1):
        pen.sheet = sheet
        if number > 1:
            head = palette.PAGE_HEIGHT - 34
            date = document.details[0][1]
            pen.write_up_to(RIGHT, head, date, 7.6, colour=palette.MUTED)
            pen.write(LEFT, head, pen.fitted(document.title, 7.6, MEASURE - 80), 7.6, colour=palette.MUTED)
            pen.rule(head - 7)
        pen.write(LEFT, 30, "Audio2txt", 7.6, style="strong", colour=palette.MUTED)
        pen.write_up_to(RIGHT, 30, f"{number} / {len(pen.sheets)}", 7.6, colour=palette.MUTED)


def _draw(pen: Pen, block: Block, document: Document) -> None:  # noqa: C901
    match block:
        case Prose() | Bullets() | Quotes() | Timeline() | Questions() | Fields() | Terms() | Table():
            draw_section(pen, block)
        case EvidenceList():
            draw_evidence(pen, block)
        case Break():
            pen.turn_page()
        case Notice():
            _draw_notices(pen, [block])
        case Heading():
            _draw_heading(pen, block)
        case FactCards():
            _draw_cards(pen, block)
        case TalkTime():
            _draw_talk_time(pen, block)
        case Findings():
            _draw_findings(pen, block)
        case Dialogue():
            draw_dialogue(pen, block, document.labels)
        case _:
            assert_never(block)


def _draw_title(pen: Pen, document: Document) -> None:
    if document.kind:
        pen.y -= 10
        pen.write(LEFT, pen.y, document.kind.upper(), 8, style="strong", colour=palette.ACCENT, spread=0.6)
        pen.y -= 8
    pen.draw_lines(LEFT, pen.lines(document.title, 23, MEASURE, "display"), 23, 30, MEASURE, style="display")
    details = pen.lines(SEPARATOR.join(value for _, value in document.details), 9.2, MEASURE)
    pen.y -= 2
    pen.draw_lines(LEFT, details, 9.2, 14, MEASURE, colour=palette.MUTED)
    pen.y -= 12


def _draw_cards(pen: Pen, block: FactCards) -> None:
    gap, height = 8.0, 44.0
    width = (MEASURE - gap * (len(block.facts) - 1)) / len(block.facts)
    pen.need(height)
    pen.y -= height
    for number, (label, value) in enumerate(block.facts):
        x = LEFT + number * (width + gap)
        pen.fill(x, pen.y, width, height, colour=palette.SOFT, radius=6)
        size = 14.5 if pen.width(value, 14.5, "strong") <= width - 20 else 10.5
        pen.write(x + 11, pen.y + 23, pen.fitted(value, size, width - 20, "strong"), size, style="strong")
        pen.write(x + 11, pen.y + 9.5, pen.fitted(label, 7.6, width - 20), 7.6, colour=palette.MUTED)
    pen.y -= 10


def _draw_notices(pen: Pen, notices: Sequence[Notice]) -> None:
    """Sentences that follow each other; those that warn share a panel."""
    for warning, group in groupby(notices, key=lambda notice: notice.warning):
        indent = 11.0 if warning else 0.0
        paragraphs = [pen.lines(notice.text, SMALL, MEASURE - 2 * indent) for notice in group]
        height = sum(len(lines) * SMALL_LEADING + 2 for lines in paragraphs)
        pen.need(height + 14)
        if warning:
            pen.fill(LEFT, pen.y - height - 8, MEASURE, height + 8, colour=palette.AMBER_SOFT, radius=4)
            pen.y -= 5
        for lines in paragraphs:
            colour = palette.AMBER if warning else palette.MUTED
            pen.draw_lines(LEFT + indent, lines, SMALL, SMALL_LEADING, MEASURE - 2 * indent, colour=colour)
            pen.y -= 2
        pen.y -= 9 if warning else 4


def _draw_heading(pen: Pen, block: Heading) -> None:
    pen.need(110)
    pen.y -= 18
    pen.entry(block.text, f"part-{len(pen.outline)}", block.level - 1)
    pen.y -= 15
    if block.level > 1:
        pen.write(LEFT, pen.y, block.text, 11, style="strong")
        pen.y -= 8
        return
    pen.fill(LEFT, pen.y - 2.2, 3, 15, colour=palette.ACCENT, radius=1.5)
    pen.write(LEFT + 11, pen.y, block.text, 14, style="strong")
    pen.y -= 11


def _draw_talk_time(pen: Pen, block: TalkTime) -> None:
    pen.y -= 18
    _draw_share_bar(pen, block)
    pen.y -= 10
    for share in block.shares:
        if pen.need(17 + 13):
            pen.y -= 8
        pen.y -= 17
        _draw_share(pen, share, max(1, block.duration_ms))
    pen.y -= 12
    x, width = LEFT + 190, MEASURE - 190
    marks = [(x, 0, 0.0), (x + width / 2, block.duration_ms // 2, 0.5), (x + width, block.duration_ms, 1.0)]
    for at, milliseconds, pulled in marks:
        text = clock(milliseconds)
        pen.write(at - pulled * pen.width(text, 6.8), pen.y, text, 6.8, colour=palette.MUTED)
    pen.y -= 4


def _draw_share_bar(pen: Pen, block: TalkTime) -> None:
    """One bar, divided by how much each speaker said."""
    height, gap, x = 12.0, 1.2, LEFT
    room = MEASURE - gap * (len(block.shares) - 1)
    shapes = [f"q {rectangle(LEFT, pen.y, MEASURE, height, height / 2)} W n"]
    for share in block.shares:
        width = room * share.share
        shapes.append(f"{speaker_colour(share.voice.rank)} rg {rectangle(x, pen.y, width, height)} f")
        x += width + gap
    pen.sheet.shapes += [*shapes, "Q"]


def _draw_share(pen: Pen, share: TalkShare, duration_ms: int) -> None:
    """A speaker's row: name, share, time, and when they spoke."""
    colour = speaker_colour(share.voice.rank)
    x, width, y = LEFT + 190, MEASURE - 190, pen.y
    pen.dot(LEFT + 4, y + 3.2, 3.2, colour)
    name = pen.fitted(share.voice.name, 9.2, 96, "strong")
    pen.write(LEFT + 13, y, name, 9.2, style="strong")
    pen.link(LEFT, y - 3, 13 + pen.width(name, 9.2, "strong"), 12, f"#voice-{share.voice.rank}")
    pen.write_up_to(LEFT + 136, y, f"{share.share:.0%}", 9.2, style="strong")
    pen.write_up_to(LEFT + 178, y, clock(share.speech_ms), 8.2, colour=palette.MUTED)
    pen.fill(x, y - 0.5, width, 8, colour=palette.SOFT, radius=2)
    strips = [
        rectangle(x + width * start / duration_ms, y - 0.5, max(0.6, width * (end - start) / duration_ms), 8)
        for start, end in _merged(share.spans, duration_ms / width)
    ]
    pen.sheet.shapes.append(f"{colour} rg {' '.join(strips)} f")


def _draw_findings(pen: Pen, block: Findings) -> None:
    """The subject and its findings, with their moments in the gutter where the dialogue has its own."""
    pen.need(8 + 3 * FINDING_LEADING)
    pen.write(LEFT, pen.y - 16, block.label, FINDING, style="strong")
    pen.y -= 8 + FINDING_LEADING
    for finding in block.findings:
        _draw_finding(pen, finding)


def _draw_finding(pen: Pen, finding: Finding) -> None:
    indent = 0.0 if finding.start_ms is None else GUTTER
    lines = pen.lines(finding.text, FINDING, MEASURE - indent)
    pen.need(FINDING_LEADING * min(2, len(lines)))
    if finding.start_ms is not None:
        pen.write(LEFT, pen.y - FINDING_LEADING * 0.5 - 7.6 * 0.35, clock(finding.start_ms), 7.6, colour=palette.FAINT)
    for number, line in enumerate(lines, start=1):
        pen.need(FINDING_LEADING)
        pen.draw_lines(LEFT + indent, [line], FINDING, FINDING_LEADING, MEASURE - indent, ends=number == len(lines))
    pen.y -= 2


def _merged(spans: tuple[tuple[int, int], ...], least: float) -> list[tuple[int, int]]:
    """The spans, those apart by less than a point of the page joined."""
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start - merged[-1][1] < least:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
