"""Puts a statement on A4 pages, with ReportLab."""

from __future__ import annotations

import datetime as dt
import io
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from services.gateway.statements import Statement
from services.gateway.statements.fonts import font_of
from services.gateway.statements.labels import LABELS, Labels
from services.gateway.usage.months import Totals, by, total

_PLAIN, _BOLD = "Statement", "Statement-Bold"
_ONE_AT_A_TIME = threading.Lock()
"""ReportLab knows fonts by name, for the whole process; each statement has its own."""
_MARGIN = 20 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_RULE = colors.HexColor("#c8ccd4")
_SHADE = colors.HexColor("#f1f3f6")
_NONE = "–"
Cells = Sequence[Sequence[str]]


def render(statement: Statement) -> bytes:
    """The PDF."""
    page = _Page(statement)
    with _ONE_AT_A_TIME, _fonts_for(page.characters()):
        file = io.BytesIO()
        document = SimpleDocTemplate(
            file,
            pagesize=A4,
            leftMargin=_MARGIN,
            rightMargin=_MARGIN,
            topMargin=_MARGIN,
            bottomMargin=_MARGIN,
            title=f"{page.labels.title} {statement.month.name}",
            author="Audio2txt",
            subject=statement.tenant_name,
            lang=statement.language,
        )
        document.build(page.flowables(), canvasmaker=lambda *args, **options: _Numbered(page.labels, *args, **options))
    return file.getvalue()


@contextmanager
def _fonts_for(characters: Iterable[str]) -> Iterator[None]:
    """ReportLab keeps the first font of a name for ever, so ours are taken from it again."""
    fonts = [TTFont(name, font_of(characters, name=name, weight=weight)) for name, weight in ((_PLAIN, 400), (_BOLD, 650))]
    try:
        for font in fonts:
            pdfmetrics.registerFont(font)
        yield
    finally:
        for font in fonts:
            pdfmetrics._fonts.pop(font.fontName, None)  # noqa: SLF001 -- there is no other way
            pdfmetrics._dynFaceNames.pop(font.face.name, None)  # noqa: SLF001


class _Page:
    """The parts of one statement, from top to bottom."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self.labels = LABELS[statement.language]

    def characters(self) -> set[str]:
        """All that are to be shown."""
        texts = [self.labels.title, self.labels.nothing, *self.labels.notes, self.labels.page, self.labels.unpriced]
        for heading, cells in self._tables():
            texts += [heading, *(cell for row in cells for cell in row)]
        texts += [text for row in self._facts() for text in row]
        return set("".join(texts)) | set("0123456789 .,:;–")

    def flowables(self) -> list[Flowable]:
        """What is put on the pages."""
        statement, labels = self._statement, self.labels
        flowables: list[Flowable] = [_text(f"{labels.title} {statement.month.name}", size=18, bold=True), Spacer(0, 4 * mm)]
        facts = [[_text(name, size=9, bold=True), _text(value, size=9)] for name, value in self._facts()]
        flowables += [Table(facts, colWidths=(35 * mm, _WIDTH - 35 * mm), style=_FACTS_STYLE, hAlign="LEFT"), Spacer(0, 4 * mm)]
        if not statement.parts:
            flowables.append(_text(labels.nothing, size=10))
        for heading, cells in self._tables():
            flowables += [Spacer(0, 3 * mm), _text(heading, size=12, bold=True), Spacer(0, 1.5 * mm), _table(cells)]
        if unpriced := total(statement.parts).unpriced:
            flowables += [Spacer(0, 4 * mm), _text(labels.unpriced.format(count=f"{unpriced:,}"), size=8.5)]
        return [*flowables, Spacer(0, 4 * mm), *(_text(note, size=8.5) for note in labels.notes)]

    def _facts(self) -> Iterable[tuple[str, str]]:
        statement, labels = self._statement, self.labels
        last = statement.month.until.date() - dt.timedelta(days=1)
        return (
            (labels.tenant, statement.tenant_name),
            (labels.tenant_id, str(statement.tenant_id)),
            (labels.period, labels.period_is.format(first=statement.month.first.isoformat(), last=last.isoformat())),
            (labels.made, statement.made_at.astimezone(dt.UTC).strftime(labels.time_format)),
        )

    def _tables(self) -> Iterable[tuple[str, Cells]]:
        labels, parts = self.labels, self._statement.parts
        if not parts:
            return
        engines = by(lambda part: (part.kind, part.engine, part.model), parts)
        yield (
            labels.by_engine,
            [
                [labels.kind, labels.engine, labels.model, *self._sum_names()],
                *(
                    [labels.kinds[kind], engine or _NONE, model, *_sums(totals)]
                    for (kind, engine, model), totals in engines.items()
                ),
                [labels.total, "", "", *_sums(total(parts))],
            ],
        )
        solutions = dict(sorted(by(lambda part: part.solution, parts).items()))
        yield labels.by_solution, self._grouped(labels.solution, solutions)
        days = {day.isoformat(): totals for day, totals in by(lambda part: part.day, parts).items()}
        yield labels.by_day, self._grouped(labels.day, days)

    def _grouped(self, name: str, groups: Mapping[str, Totals]) -> Cells:
        rows = ([key, *_sums(totals)] for key, totals in groups.items())
        return [[name, *self._sum_names()], *rows, [self.labels.total, *_sums(total(self._statement.parts))]]

    def _sum_names(self) -> Sequence[str]:
        return self.labels.count, self.labels.audio, self.labels.tokens, self.labels.cost


class _Numbered(Canvas):  # type: ignore[misc]
    """Writes the number of each page below it, once it is known how many there are."""

    def __init__(self, labels: Labels, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._labels = labels
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 -- ReportLab's name
        """Keep the page until the end."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Number the pages, and write them."""
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self.setFont(_PLAIN, 8)
            self.drawCentredString(A4[0] / 2, 10 * mm, self._labels.page.format(page=number, pages=len(self._pages)))
            super().showPage()
        super().save()


_FACTS_STYLE = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), 1)]
_TABLE_STYLE = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, _RULE),
    ("BACKGROUND", (0, 0), (-1, 0), _SHADE),
    ("LINEABOVE", (0, -1), (-1, -1), 0.8, colors.black),
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
]
_SUM_WIDTHS = (14 * mm, 25 * mm, 21 * mm, 31 * mm)
_NAME_SHARES: Mapping[int, Sequence[float]] = {1: (1.0,), 3: (0.34, 0.26, 0.4)}
"""How the rest of the width is divided among so many names."""


def _table(cells: Cells) -> Table:
    """The first row is repeated on each page; the last four columns are sums."""
    names = len(cells[0]) - len(_SUM_WIDTHS)
    widths = (*((_WIDTH - sum(_SUM_WIDTHS)) * share for share in _NAME_SHARES[names]), *_SUM_WIDTHS)
    last = len(cells) - 1
    rows = [
        [_text(cell, size=8, bold=place in (0, last), right=column >= names) for column, cell in enumerate(row)]
        for place, row in enumerate(cells)
    ]
    return Table(rows, colWidths=widths, repeatRows=1, style=_TABLE_STYLE)


def _text(text: str, *, size: float, bold: bool = False, right: bool = False) -> Paragraph:
    style = ParagraphStyle(
        "statement",
        fontName=_BOLD if bold else _PLAIN,
        fontSize=size,
        leading=size * 1.35,
        wordWrap="CJK",
        **({"alignment": TA_RIGHT} if right else {}),
    )
    return Paragraph(escape(text).replace("\n", "<br/>"), style)


def _sums(totals: Totals) -> list[str]:
    minutes, seconds = divmod(round(totals.audio_ms / 1000), 60)
    audio = f"{minutes // 60:,}:{minutes % 60:02}:{seconds:02}" if totals.audio_ms else _NONE
    tokens = f"{totals.tokens:,}" if totals.tokens else _NONE
    return [f"{totals.transcriptions + totals.reports:,}", audio, tokens, _costs(totals.costs)]


def _costs(costs: Mapping[str, Decimal]) -> str:
    """Every currency in a line of its own, with all its decimals: the sums are those of the table."""
    return "\n".join(f"{currency} {amount:,f}" for currency, amount in sorted(costs.items())) or _NONE
