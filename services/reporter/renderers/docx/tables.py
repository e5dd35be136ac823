"""What is set as a table: cards, talk time, fields, rows of a section, and the list of evidence."""

from __future__ import annotations

from collections.abc import Sequence

from services.reporter.blocks import EvidenceList, FactCards, Fields, Table, TableCell, TableRow, TalkTime, Voice
from services.reporter.characters import columns
from services.reporter.clock import clock
from services.reporter.labels import Labels
from services.reporter.renderers.docx.markup import (
    cell,
    coloured,
    is_right_to_left,
    line_break,
    paragraph,
    row,
    run,
    shares,
    table,
)
from services.reporter.renderers.docx.palette import SOFT
from services.reporter.renderers.docx.references import References
from services.reporter.renderers.speaker_colours import speaker_colour

_BOLD = "<w:b/>"
_DOT = 6
"""Columns of text that a speaker's dot takes, and bold type."""
_MARGIN = 6
"""Columns of text that a cell's margins take."""
_WIDEST_NAME = 30
_NARROWEST, _WIDEST = 12, 64
"""Columns of text that count for a column's width: less would break words, more would starve the others."""
_TOGETHER = 2
"""Rows at a table's beginning and at its end that stay on one page."""
_AFTER = paragraph("Bar", "", properties='<w:spacing w:after="120"/>')
"""Keeps a table apart from what follows; two tables that touch become one."""


def fact_cards(block: FactCards) -> str:
    """One row, a cell for each figure."""
    widths = shares([1.0] * len(block.facts))
    cells = [
        cell(width, paragraph("Figure", run(value)) + paragraph("FigureLabel", run(label)), fill=SOFT)
        for width, (label, value) in zip(widths, block.facts, strict=True)
    ]
    return table(widths, [row(cells)], style="PlainTable", padding=140) + _AFTER


def talk_time(block: TalkTime, labels: Labels) -> str:
    """A bar divided by how much each speaker said, and the figures."""
    heard = [share for share in block.shares if share.share > 0]
    bar = ""
    if heard:
        widths = shares([max(share.share, 0.002) for share in heard])
        cells = [
            cell(width, paragraph("Bar", ""), fill=speaker_colour(share.voice.rank))
            for width, share in zip(widths, heard, strict=True)
        ]
        bar = table(widths, [row(cells, height=170)], style="PlainTable", padding=0) + _AFTER
    widths = shares([6, 2, 2])
    head = _head(widths, (labels.speaker_column, labels.talk_time, labels.share))
    rows = [
        row(
            [
                cell(widths[0], paragraph("Cell", _name(share.voice))),
                cell(widths[1], paragraph("Cell", run(clock(share.speech_ms)))),
                cell(widths[2], paragraph("Cell", run(f"{share.share:.0%}"))),
            ]
        )
        for share in block.shares
    ]
    return bar + table(widths, [head, *rows], style="ReportTable", description=labels.talk_time) + _AFTER


def fields(block: Fields, references: References) -> str:
    """Names at the left, values at the right."""
    names = max((columns(statement.label or "") for statement in block.statements), default=0)
    widths = shares([min(max(names, 10), 30), 70])
    rows = [
        row(
            [
                cell(widths[0], paragraph("CellHead", run(statement.label or ""))),
                cell(
                    widths[1],
                    paragraph(
                        "Cell",
                        run(statement.text)
                        + references.moments(statement.citations, after=statement.text)
                        + _doubt(statement.doubt),
                        right_to_left=is_right_to_left(statement.text),
                    ),
                ),
            ]
        )
        for statement in block.statements
    ]
    return table(widths, rows, style="ReportTable") + _AFTER


def table_of(block: Table, labels: Labels, references: References) -> str:
    """Rows under a head that stands again on every page; the moments in a column of their own."""
    cited = any(row_.citations for row_ in block.rows)
    weights = list(block.widths) or _weights(block)
    titles = block.columns
    if cited:
        weights, titles = [*weights, max(0.14 * sum(weights), 1e-6)], (*titles, labels.evidence)
    widths = shares(weights)
    rows = [
        _row(row_, widths, references, cited=cited, keep=_kept(number, len(block.rows)))
        for number, row_ in enumerate(block.rows)
    ]
    return table(widths, [_head(widths, titles), *rows], style="ReportTable") + _AFTER


def evidence(block: EvidenceList, labels: Labels, references: References) -> str:
    """Number, moment, speaker, words."""
    spoken = any(entry.voice for entry in block.entries)
    names = max((columns(entry.voice.name) for entry in block.entries if entry.voice), default=0)
    by = min(max(names + _DOT, _NARROWEST), _WIDEST_NAME)
    widths = shares([5, 9, by, 86 - by] if spoken else [5, 9, 86])
    titles = ("#", labels.moment, *((labels.speaker_column,) if spoken else ()), labels.evidence)
    rows = []
    for place, entry in enumerate(block.entries):
        keep = _kept(place, len(block.entries))
        number = references.evidence_place(entry.number, run(str(entry.number), properties=_BOLD))
        quote = paragraph("Cell", run(entry.quote), right_to_left=is_right_to_left(entry.quote), keep=keep)
        moment = references.time(entry.segment_id, entry.start_ms)
        told = [number, moment, *([_name(entry.voice) if entry.voice else ""] if spoken else [])]
        contents = [paragraph("Cell", content, keep=keep) for content in told]
        rows.append(row([cell(width, content) for width, content in zip(widths, [*contents, quote], strict=True)]))
    return table(widths, [_head(widths, titles), *rows], style="ReportTable", description=labels.evidence_note) + _AFTER


def _kept(number: int, count: int) -> bool:
    """Whether a row stays with the next one: the first with the second, the last but one with the last."""
    return number + 1 < count and (number + 1 < _TOGETHER or number + _TOGETHER >= count)


def _row(line: TableRow, widths: Sequence[int], references: References, *, cited: bool, keep: bool) -> str:
    contents = [paragraph("Cell", _content(one), right_to_left=is_right_to_left(one.text), keep=keep) for one in line.cells]
    if line.doubt:
        contents[widths.index(max(widths[: len(contents)]))] += paragraph("Cell", run(line.doubt, style="Doubt"), keep=keep)
    if cited:
        contents.append(paragraph("Cell", line_break().join(map(references.moment, line.citations))))
    return row([cell(width, content) for width, content in zip(widths, contents, strict=True)])


def _head(widths: Sequence[int], titles: Sequence[str]) -> str:
    cells = [cell(width, paragraph("CellHead", run(title)), fill=SOFT) for width, title in zip(widths, titles, strict=True)]
    return row(cells, is_head=True)


def _content(one: TableCell) -> str:
    return run(one.text) if one.voice is None else _name(one.voice)


def _name(voice: Voice) -> str:
    """A speaker's name behind a dot in the speaker's colour."""
    return run("● ", properties=coloured(speaker_colour(voice.rank))) + run(voice.name, properties=_BOLD)


def _doubt(doubt: str | None) -> str:
    return line_break() + run(doubt, style="Doubt") if doubt else ""


def _weights(block: Table) -> list[float]:
    """What each column needs: its longest text, within bounds."""
    needs = zip(*(map(_need, line.cells) for line in block.rows), strict=True)
    longest = list(map(max, needs)) or [0] * len(block.columns)
    return [
        float(min(max(width, columns(title), _NARROWEST), _WIDEST)) for width, title in zip(longest, block.columns, strict=True)
    ]


def _need(one: TableCell) -> int:
    return _MARGIN + (columns(one.text) if one.voice is None else columns(one.voice.name) + _DOT)
