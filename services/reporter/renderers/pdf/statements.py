"""How the statements of a section look, and the evidence they rest on."""

from __future__ import annotations

from collections.abc import Sequence

from services.reporter.blocks import Citation, EvidenceList, Fields, SectionBlock, Statement, Table
from services.reporter.clock import clock
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.palette import LEFT, MEASURE
from services.reporter.renderers.pdf.sheet import Pen

SIZE, LEADING = 9.8, 16.0


def draw_section(pen: Pen, block: SectionBlock) -> None:
    """Each statement as a paragraph of its own, with the moments it rests on behind it."""
    if isinstance(block, Table):
        _draw_paragraph(pen, " · ".join(block.columns), style="strong")
        for row in block.rows:
            texts = [cell.voice.name if cell.voice else cell.text for cell in row.cells]
            _draw_paragraph(pen, " · ".join(texts) + _moments(row.citations))
        return
    for statement in block.statements:
        _draw_paragraph(pen, _in_one_line(statement, ": " if isinstance(block, Fields) else "  "))


def draw_evidence(pen: Pen, block: EvidenceList) -> None:
    """Number, moment, speaker and words of each citation."""
    for entry in block.entries:
        name = f"{entry.voice.name}: " if entry.voice else ""
        _draw_paragraph(pen, f"[{entry.number}] {clock(entry.start_ms)} {name}{entry.quote}")


def _in_one_line(statement: Statement, between: str) -> str:
    said_by = f" — {statement.voice.name}" if statement.voice else ""
    doubt = f" ({statement.doubt})" if statement.doubt else ""
    return between.join(filter(None, [statement.label, statement.text])) + said_by + _moments(statement.citations) + doubt


def _moments(citations: Sequence[Citation]) -> str:
    return "".join(f" [{citation.number}, {clock(citation.start_ms)}]" for citation in citations)


def _draw_paragraph(pen: Pen, text: str, style: str = "text") -> None:
    lines = pen.lines(text, SIZE, MEASURE, style)
    for number, line in enumerate(lines, start=1):
        pen.need(LEADING)
        pen.draw_lines(LEFT, [line], SIZE, LEADING, MEASURE, style=style, ends=number == len(lines), colour=palette.INK)
    pen.y -= 3
