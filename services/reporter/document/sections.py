"""The sections of a report: statements with their citations, numbered through the whole document."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable

from services.reporter.blocks import (
    Block,
    Bullets,
    Citation,
    EvidenceEntry,
    Fields,
    Heading,
    Mark,
    Notice,
    Prose,
    Questions,
    Quotes,
    SectionBlock,
    Statement,
    Table,
    TableCell,
    TableRow,
    Terms,
    Timeline,
    Voice,
)
from services.reporter.characters import clean, in_a_row, put_in
from services.reporter.labels import Labels, date_text
from shared.schemas.jobs import ReportMode
from shared.schemas.reports import Cell, Item, Reference, Section
from shared.schemas.solutions import EvidencePolicy, SectionFormat, SectionKind
from shared.schemas.transcripts import Transcript

SPEAKER = re.compile(r"\{(spk_[\w-]+)\}")
"""A speaker inside a text, by id."""

_MARKS = {SectionKind.DECISIONS: Mark.DECISION, SectionKind.ACTIONS: Mark.ACTION}


class Citations:
    """Numbers references in the order in which they are cited; one that is cited again keeps its number."""

    def __init__(self, transcript: Transcript, voices: dict[str, Voice]) -> None:
        self.voices = voices
        self._texts = {segment.id: segment.text for segment in transcript.segments}
        self._numbers: dict[Reference, int] = {}

    def of(self, references: Iterable[Reference]) -> tuple[Citation, ...]:
        """The citations of one statement."""
        return tuple(
            Citation(
                number=self._numbers.setdefault(one, len(self._numbers) + 1), segment_id=one.segment_id, start_ms=one.start_ms
            )
            for one in dict.fromkeys(references)
        )

    def entries(self) -> tuple[EvidenceEntry, ...]:
        """The words behind everything that was cited so far."""
        return tuple(
            EvidenceEntry(
                number=number,
                segment_id=one.segment_id,
                start_ms=one.start_ms,
                quote=clean(one.quote or self._texts.get(one.segment_id, "")),
                voice=self.voices.get(one.speaker_id or ""),
            )
            for one, number in self._numbers.items()
        )


def section_blocks(section: Section, mode: ReportMode | None, citations: Citations, labels: Labels) -> list[Block]:
    """A section under its heading; what could not be verified stands apart, under one of its own."""
    page = _Page(section, citations, labels)
    blocks: list[Block] = [Heading(text=clean(section.title))]
    if mode is ReportMode.EXTRACTIVE and section.kind in _MARKS and section.items:
        blocks.append(Notice(text=labels.candidates))
    if section.policy is EvidencePolicy.NONE and section.items and mode is not ReportMode.EXTRACTIVE:
        blocks.append(Notice(text=labels.not_checked))
    if section.items:
        blocks.append(page.set(section.items))
    else:
        blocks.append(Notice(text=clean(section.empty or labels.nothing_mentioned)))
    if section.unverified:
        blocks += [Heading(text=labels.unverified, level=2), Notice(text=labels.unverified_note, warning=True)]
        blocks.append(page.set_apart(section.unverified))
    if section.dropped:
        blocks.append(Notice(text=labels.left_out.format(count=section.dropped)))
    return blocks


class _Page:
    """Sets the statements of one section."""

    def __init__(self, section: Section, citations: Citations, labels: Labels) -> None:
        self._section = section
        self._citations = citations
        self._labels = labels

    def set(self, items: tuple[Item, ...]) -> SectionBlock:  # noqa: C901, PLR0911 -- a case for each format
        """The items in the section's format."""
        match self._section.format:
            case SectionFormat.PARAGRAPH:
                return Prose(statements=tuple(map(self._statement, items)))
            case SectionFormat.BULLETS:
                return Bullets(statements=tuple(map(self._statement, items)))
            case SectionFormat.QUOTES:
                return Quotes(statements=tuple(map(self._statement, items)))
            case SectionFormat.TIMELINE:
                return Timeline(statements=tuple(map(self._statement, sorted(items, key=_moment))))
            case SectionFormat.QA:
                return Questions(statements=tuple(map(self._statement, items)))
            case SectionFormat.TERMS:
                return Terms(statements=tuple(map(self._statement, items)))
            case SectionFormat.FIELDS:
                return Fields(statements=tuple(field for item in items for field in self._fields(item)))
            case SectionFormat.TABLE:
                return self._table(items)

    def set_apart(self, items: tuple[Item, ...]) -> SectionBlock:
        """As a plain list, since nothing of it is known to have been said; rows stay rows."""
        if self._section.format is SectionFormat.TABLE:
            return self._table(items)
        if self._section.format is SectionFormat.FIELDS:
            return Fields(statements=tuple(field for item in items for field in self._fields(item)))
        return Bullets(statements=tuple(map(self._in_one_line, items)))

    def _statement(self, item: Item) -> Statement:
        doubt = self._doubt(item)
        return Statement(
            text=self._named(item.text),
            citations=self._citations.of(item.refs),
            mark=Mark.DOUBTED if doubt else _MARKS.get(self._section.kind, Mark.POINT),
            voice=self._citations.voices.get(item.speaker_id or ""),
            label=self._named(item.label) if item.label else None,
            doubt=doubt,
        )

    def _in_one_line(self, item: Item) -> Statement:
        statement = self._statement(item)
        text = self._labels.colon.join(filter(None, [statement.label, statement.text]))
        return Statement(text=text, citations=statement.citations, mark=statement.mark, doubt=statement.doubt)

    def _fields(self, item: Item) -> list[Statement]:
        titles = {column.id: column.title for column in self._section.columns}
        citations, doubt = self._citations.of(item.refs), self._doubt(item)
        return [
            Statement(label=clean(titles[cell.column]), text=shown.text, citations=citations, doubt=doubt)
            for cell in item.cells
            if cell.column in titles and (shown := self._cell(cell)).text
        ]

    def _table(self, items: tuple[Item, ...]) -> Table:
        """Without the columns in which no row says anything."""
        filled = [{cell.column: shown for cell in item.cells if (shown := self._cell(cell)).text} for item in items]
        columns = [column for column in self._section.columns if any(column.id in cells for cells in filled)]
        rows = [
            TableRow(
                cells=tuple(cells.get(column.id, TableCell(text="")) for column in columns),
                citations=self._citations.of(item.refs),
                doubt=self._doubt(item),
            )
            for item, cells in zip(items, filled, strict=True)
        ]
        return Table(columns=tuple(clean(column.title) for column in columns), rows=tuple(rows))

    def _cell(self, cell: Cell) -> TableCell:
        if voice := self._citations.voices.get(cell.speaker_id or ""):
            return TableCell(text=voice.name, voice=voice)
        text = self._named(cell.text)
        if cell.date is None:
            return TableCell(text=text)
        day = date_text(self._labels, cell.date)
        if not text:
            return TableCell(text=day)
        return TableCell(text=text if _is_whole(text, cell.date) else self._labels.aside.format(text=text, remark=day))

    def _doubt(self, item: Item) -> str | None:
        return in_a_row(self._labels.doubts[doubt] for doubt in item.doubts) or None

    def _named(self, text: str) -> str:
        """The text with the speakers' names in the place of their ids."""
        voices = self._citations.voices
        named = clean(text)
        for id_ in dict.fromkeys(SPEAKER.findall(named)):
            named = put_in(named, f"{{{id_}}}", voices[id_].name if id_ in voices else self._labels.unknown_speaker)
        return named


def _is_whole(text: str, date: dt.date) -> bool:
    """Whether a day was said with its year, in a way that cannot be taken for another."""
    numbers = [int(number) for number in re.findall(r"[0-9]+", text)]
    return date.year in numbers and date.day in numbers and re.search(r"[0-9][-/.][0-9]", text) is None


def _moment(item: Item) -> int:
    """Items that refer to no moment come last."""
    return item.refs[0].start_ms if item.refs else 1 << 62
