"""Tables: columns as wide as what they hold wants, a head on every page, rows that break only where they must."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.reporter.blocks import Table, TableCell, TableRow
from services.reporter.labels import Labels
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.citing import PILL_STEP, Citing
from services.reporter.renderers.pdf.palette import CELL, CELL_STRONG, LEFT, MEASURE, RIGHT, TINY_STRONG, Look, speaker_colour
from services.reporter.renderers.pdf.pen import Pen
from services.reporter.renderers.pdf.statements import doubt_height, draw_doubt
from services.reporter.renderers.pdf.tags import COLUMN_HEAD, Tag
from services.reporter.renderers.pdf.typeset import Line, is_full_width

PADDING_X, PADDING_Y = 8.0, 6.0
DOT_ROOM = 11.0
LEAST_COLUMN = 34.0
SHORT_WORD = 5
"""Characters of a Chinese word that stands on one line."""

WIDEST_WORD = 0.3
"""Part of the table that a column is made wide at most so that its longest word is not cut."""

TOGETHER = 2
"""Rows at a table's beginning and at its end that stay on one page, so that none is left alone."""

WHOLE = 0.4
"""Rows lower than this part of a page are never broken."""


class _Cell(NamedTuple):
    cell: TableCell
    lines: Sequence[Line]

    @property
    def look(self) -> Look:
        return CELL_STRONG if self.cell.voice is not None else CELL


class _Columns(NamedTuple):
    """Where each column begins and how wide it is; the citations' column comes last, and may be 0."""

    starts: Sequence[float]
    widths: Sequence[float]
    cited: float


def draw_table(pen: Pen, block: Table, labels: Labels, citing: Citing) -> None:
    """Head and rows."""
    _TableDrawing(pen, block, labels, citing).draw()
    pen.y -= 8


def height_kept(pen: Pen, block: Table, labels: Labels, citing: Citing) -> float:
    """How much of a table must stand on the page where it begins."""
    return _TableDrawing(pen, block, labels, citing).kept


class _TableDrawing:
    def __init__(self, pen: Pen, block: Table, labels: Labels, citing: Citing) -> None:
        self._pen = pen
        self._block = block
        self._labels = labels
        self._citing = citing
        self._columns = _columns(pen, block, labels, citing)
        self._rows = [self._cells(row) for row in block.rows]
        self._heads = [
            pen.lines(title, TINY_STRONG, width - 2 * PADDING_X)
            for title, width in zip(block.columns, self._columns.widths, strict=True)
        ]

    @property
    def kept(self) -> float:
        """The height of the head and what must stand below it on the same page."""
        return self._head_height + min(self._group(0), WHOLE * (palette.TOP - palette.BOTTOM))

    def draw(self) -> None:
        """The whole table."""
        pen = self._pen
        pen.need(self.kept)
        table = Tag("Table", pen.part)
        self._draw_head(Tag("TR", Tag("THead", table)))
        body = Tag("TBody", table)
        for number, (row, cells) in enumerate(zip(self._block.rows, self._rows, strict=True)):
            if number == len(self._rows) - TOGETHER:
                self._need(self._group(number))
            self._draw_row(row, cells, Tag("TR", body))

    def _group(self, first: int) -> float:
        """The height of a row and of those that stay with it; of the row alone where all are too high for that."""
        end = first + TOGETHER if len(self._rows) - first > TOGETHER + 1 else len(self._rows)
        heights = [self._height(self._rows[number], self._block.rows[number]) for number in range(first, end)]
        together = sum(heights)
        return together if together <= WHOLE * (palette.TOP - palette.BOTTOM) else sum(heights[:1])

    @property
    def _head_height(self) -> float:
        return max((len(lines) for lines in self._heads), default=1) * TINY_STRONG.leading + 10.0

    def _draw_head(self, row: Tag | None = None) -> None:
        """Only the first one is read; those on later pages repeat it for the eye."""
        pen, height = self._pen, self._head_height
        pen.fill(LEFT, pen.y - height, MEASURE, height, colour=palette.HEAD, radius=4)
        top = pen.y
        for lines, x, width in zip(self._heads, self._columns.starts, self._columns.widths, strict=True):
            pen.y = top - 5.0
            pen.tag = Tag("TH", row, COLUMN_HEAD) if row else None
            pen.draw_lines(x + PADDING_X, lines, TINY_STRONG, width - 2 * PADDING_X)
        if self._columns.cited:
            pen.y = top - 5.0
            pen.tag = Tag("TH", row, COLUMN_HEAD) if row else None
            x = RIGHT - self._columns.cited + PADDING_X
            room = self._columns.cited - 2 * PADDING_X
            pen.draw_lines(x, pen.lines(self._labels.evidence, TINY_STRONG, room), TINY_STRONG, room)
        pen.tag = None
        pen.y = top - height

    def _cells(self, row: TableRow) -> list[_Cell]:
        cells = []
        for cell, width in zip(row.cells, self._columns.widths, strict=True):
            room = width - 2 * PADDING_X - (DOT_ROOM if cell.voice is not None else 0.0)
            cells.append(_Cell(cell, self._pen.lines(cell.text, CELL_STRONG if cell.voice is not None else CELL, room)))
        return cells

    def _height(self, cells: Sequence[_Cell], row: TableRow) -> float:
        lines = max((len(cell.lines) for cell in cells), default=1)
        doubt = doubt_height(self._pen, row.doubt, MEASURE - 2 * PADDING_X)
        return max(lines * CELL.leading, len(row.citations) * PILL_STEP, CELL.leading) + 2 * PADDING_Y + doubt

    def _draw_row(self, row: TableRow, cells: Sequence[_Cell], tag: Tag) -> None:
        """A row is moved to the next page, or broken when it is high."""
        pen = self._pen
        height = self._height(cells, row)
        page = palette.TOP - palette.BOTTOM - self._head_height
        if height <= WHOLE * page or pen.room < 2 * CELL.leading + 2 * PADDING_Y:
            self._need(min(height, page))
        tags = [Tag("TD", tag) for _ in cells]
        cited = Tag("TD", tag) if self._columns.cited else None
        drawn, total = 0, max((len(cell.lines) for cell in cells), default=0)
        while True:
            count = self._lines_here(total - drawn)
            self._draw_part(cells, tags, drawn, count)
            if drawn == 0:
                self._draw_citations(row, cited, count)
            drawn += count
            if drawn >= total:
                break
            self._draw_row_rule()
            self._turn()
        if row.doubt:
            self._need(doubt_height(pen, row.doubt, MEASURE - 2 * PADDING_X))
            draw_doubt(pen, row.doubt, LEFT + PADDING_X, MEASURE - 2 * PADDING_X, tags[0] if tags else tag)
        pen.y -= PADDING_Y
        self._draw_row_rule()

    def _lines_here(self, left: int) -> int:
        """How many of a row's lines go on this page; two at least stay for the next."""
        room = int((self._pen.room - 2 * PADDING_Y) // CELL.leading)
        if room >= left:
            return left
        return max(1, min(room, left - 2))

    def _draw_part(self, cells: Sequence[_Cell], tags: Sequence[Tag], start: int, count: int) -> None:
        pen = self._pen
        top = pen.y - PADDING_Y
        for cell, tag, x, width in zip(cells, tags, self._columns.starts, self._columns.widths, strict=True):
            lines = cell.lines[start : start + count]
            voice = cell.cell.voice
            shift = DOT_ROOM if voice is not None else 0.0
            pen.y, pen.tag = top, tag
            if voice is not None and start == 0 and lines:
                pen.dot(x + PADDING_X + 3, top - CELL.leading * 0.5 + 0.1, 3, speaker_colour(voice.rank))
            if lines:
                pen.draw_lines(x + PADDING_X + shift, lines, cell.look, width - 2 * PADDING_X - shift, ends=True)
        pen.tag = None
        pen.y = top - max(1, count) * CELL.leading

    def _draw_citations(self, row: TableRow, tag: Tag | None, count: int) -> None:
        if tag is None:
            return
        pen = self._pen
        at, pen.tag = pen.y, tag
        pen.y += max(1, count) * CELL.leading
        baseline = pen.y - CELL.leading * 0.5 - CELL.size * 0.35
        low = self._citing.draw_column(pen, RIGHT - PADDING_X, baseline, row.citations) if row.citations else at
        pen.y, pen.tag = min(at, low), None

    def _draw_row_rule(self) -> None:
        self._pen.rule(self._pen.y)

    def _need(self, height: float) -> None:
        if self._pen.room < height and self._pen.y < palette.TOP - self._head_height - 1:
            self._turn()

    def _turn(self) -> None:
        self._pen.turn_page()
        self._draw_head()


def _columns(pen: Pen, block: Table, labels: Labels, citing: Citing) -> _Columns:
    cited = max((citing.column(pen, row.citations) for row in block.rows), default=0.0)
    cited = max(cited, pen.width(labels.evidence, TINY_STRONG) + 1) + 2 * PADDING_X if cited else 0.0
    room = MEASURE - cited
    if len(block.widths) == len(block.columns):
        total = sum(block.widths)
        widths = [room * share / total for share in block.widths]
    else:
        widths = _widths(pen, block, room)
    starts = [LEFT + sum(widths[:number]) for number in range(len(widths))]
    return _Columns(starts, widths, cited)


def _widths(pen: Pen, block: Table, room: float) -> list[float]:
    """As wide as the longest cell wants where all have room; else the narrow ones get what they want and the others share
    the rest by how much they hold, but no word is cut that could be whole."""
    wanted, least = [], []
    for number, title in enumerate(block.columns):
        cells = [(title, TINY_STRONG, 0.0)]
        for row in block.rows:
            cell = row.cells[number]
            shown = (CELL_STRONG, DOT_ROOM) if cell.voice is not None else (CELL, 0.0)
            cells.append((cell.text, *shown))
        wanted.append(max(pen.width(text, look) + extra for text, look, extra in cells) + 2 * PADDING_X + 1)
        words = [(word, look, extra) for text, look, extra in cells for word in text.split() if _whole(word)]
        longest = max((pen.width(word, look) + extra for word, look, extra in words), default=0.0)
        least.append(max(LEAST_COLUMN, min(longest + 2 * PADDING_X + 1, WIDEST_WORD * room)))
    if sum(wanted) <= room:
        spare = (room - sum(wanted)) / max(1, len(wanted))
        return [width + spare for width in wanted]
    return _shared(wanted, least, room)


def _whole(word: str) -> bool:
    """Whether a word should not be broken: Chinese ones may be, but short ones had better not."""
    return len(word) <= SHORT_WORD or not is_full_width(word)


def _shared(wanted: Sequence[float], least: Sequence[float], room: float) -> list[float]:
    widths = [0.0] * len(wanted)
    open_ = list(range(len(wanted)))
    left = room
    while open_:
        fair = left / len(open_)
        narrow = [number for number in open_ if wanted[number] <= fair]
        if not narrow:
            break
        for number in narrow:
            widths[number] = wanted[number]
            left -= wanted[number]
            open_.remove(number)
    weights = {number: wanted[number] ** 0.6 for number in open_}
    for number in open_:
        widths[number] = left * weights[number] / sum(weights.values())
    return _at_least(widths, least, room)


def _at_least(widths: Sequence[float], least: Sequence[float], room: float) -> list[float]:
    """No column narrower than its longest word, at the cost of those that have most to give."""
    raised = [max(width, minimum) for width, minimum in zip(widths, least, strict=True)]
    excess = sum(raised) - room
    give = [width - minimum for width, minimum in zip(raised, least, strict=True)]
    if excess <= 0 or sum(give) <= 0:
        return [width * room / sum(raised) for width in raised]
    part = min(1.0, excess / sum(give))
    given = [width - slack * part for width, slack in zip(raised, give, strict=True)]
    return [width * room / sum(given) for width in given]
