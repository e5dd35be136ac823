"""CommonMark with tables and footnotes. What was spoken stays text: it can neither format the page nor carry HTML into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from services.reporter.blocks import (
    Block,
    Break,
    Bullets,
    Citation,
    Dialogue,
    Document,
    EvidenceEntry,
    EvidenceList,
    FactCards,
    Fields,
    Finding,
    Findings,
    Heading,
    Mark,
    Notice,
    Prose,
    Questions,
    Quotes,
    Statement,
    Table,
    TalkTime,
    Terms,
    Timeline,
    Turn,
)
from services.reporter.characters import in_a_row
from services.reporter.clock import clock, stamp
from services.reporter.labels import Labels
from services.reporter.renderers.markup import escape, line, running


def render(document: Document) -> str:
    """The document as Markdown."""
    details = " · ".join(filter(None, [document.kind, *(value for _, value in document.details)]))
    page = _Page(document)
    blocks = map(page.block, _evidence_last(document.blocks))
    return "\n\n".join([f"# {escape(document.title)}", f"*{escape(details)}*", *filter(None, blocks)]) + "\n"


def _evidence_last(blocks: Sequence[Block]) -> Sequence[Block]:
    """Footnotes are shown at the end of a page, wherever they are written: their heading has to stand there too."""
    for end, block in enumerate(blocks, start=1):
        if isinstance(block, EvidenceList):
            begin = max((place for place, one in enumerate(blocks[:end]) if isinstance(one, Heading)), default=end - 1)
            return [*blocks[:begin], *blocks[end:], *blocks[begin:end]]
    return blocks


class _Page:
    """Writes the blocks of one document. Citations are footnotes where it lists their words, and bare moments where not."""

    def __init__(self, document: Document) -> None:
        self._labels = document.labels
        lists = [block for block in document.blocks if isinstance(block, EvidenceList)]
        self._footnotes = {entry.number for block in lists for entry in block.entries}

    def block(self, block: Block) -> str:  # noqa: C901, PLR0911 -- a case for each block
        """Markdown of one block; of a page break, nothing."""
        match block:
            case Heading():
                return f"{'#' * (block.level + 1)} {escape(block.text)}"
            case FactCards():
                return _table([label for label, _ in block.facts], [[escape(value) for _, value in block.facts]])
            case Notice():
                return f"> **{escape(block.text)}**" if block.warning else f"> {line(block.text)}"
            case TalkTime():
                return _talk_time(block, self._labels)
            case Findings():
                return "\n\n".join([f"**{escape(block.label)}**", *map(_finding, block.findings)])
            case Dialogue():
                return "\n\n".join(map(_turn, block.turns))
            case Table():
                return self._rows(block)
            case EvidenceList():
                return "\n\n".join(map(self._footnote, block.entries))
            case Break():
                return ""
            case _:
                return self._section(block)

    def _section(  # noqa: PLR0911 -- a case for each format
        self, block: Prose | Bullets | Quotes | Timeline | Questions | Fields | Terms
    ) -> str:
        match block:
            case Prose():
                return in_a_row(self._cited(line(one.text), one) for one in block.statements)
            case Bullets():
                return "\n".join(map(self._bullet, block.statements))
            case Quotes():
                return "\n\n".join(map(self._quote, block.statements))
            case Timeline():
                return "\n".join(map(self._moment, block.statements))
            case Questions():
                return "\n\n".join(map(self._question, block.statements))
            case Fields():
                return "\n".join(map(self._field, block.statements))
            case Terms():
                return " · ".join(self._cited(line(one.text), one) for one in block.statements)
            case _:
                assert_never(block)

    def _bullet(self, statement: Statement) -> str:
        box = "[ ] " if statement.mark is Mark.ACTION else ""
        return f"- {box}{self._cited(line(statement.text), statement)}"

    def _quote(self, statement: Statement) -> str:
        by = f" — **{escape(statement.voice.name)}**" if statement.voice else ""
        return f"> {self._cited(self._in_quotes(statement.text) + by, statement)}"

    def _moment(self, statement: Statement) -> str:
        """The time of the first citation leads the line, since the course of the recording is what is read here."""
        first = statement.citations[:1]
        when = "".join(f"`{stamp(citation.start_ms)}`" for citation in first)
        headline = f"**{escape(statement.label)}**" if statement.label else ""
        written = " ".join(filter(None, [when, headline, running(statement.text)]))
        citations = [one for one in statement.citations if one.number in self._footnotes or one not in first]
        return f"- {_joined(written, self._citations(citations), _doubt(statement.doubt))}"

    def _question(self, statement: Statement) -> str:
        question = f"**{self._labels.question}{self._labels.colon}{escape(statement.label)}**" if statement.label else ""
        return "\n\n".join(filter(None, [question, self._cited(line(statement.text), statement)]))

    def _field(self, statement: Statement) -> str:
        named = f"**{escape(statement.label or '')}**{self._labels.colon}{running(statement.text)}"
        return f"- {self._cited(named, statement)}"

    def _rows(self, table: Table) -> str:
        """With a last column for what each row rests on, where any does."""
        cited = any(row.citations or row.doubt for row in table.rows)
        rows = []
        for row in table.rows:
            cells = [running(cell.voice.name if cell.voice else cell.text) for cell in row.cells]
            moments = " ".join(f"`{stamp(one.start_ms)}`{self._footnote_mark(one)}" for one in row.citations)
            rows.append([*cells, *([_joined(moments, _doubt(row.doubt))] if cited else [])])
        return _table([*map(escape, table.columns), *([self._labels.moment] if cited else [])], rows)

    def _cited(self, text: str, statement: Statement) -> str:
        """The text, what it rests on, and what speaks against it."""
        return in_a_row([text, _joined(self._citations(statement.citations), _doubt(statement.doubt))])

    def _citations(self, citations: Iterable[Citation]) -> str:
        return " ".join(self._footnote_mark(one) or f"`{stamp(one.start_ms)}`" for one in citations)

    def _footnote_mark(self, citation: Citation) -> str:
        return f"[^{citation.number}]" if citation.number in self._footnotes else ""

    def _footnote(self, entry: EvidenceEntry) -> str:
        name = f" **{escape(entry.voice.name)}**" if entry.voice else ""
        return f"[^{entry.number}]: `{stamp(entry.start_ms)}`{name} {self._in_quotes(entry.quote)}"

    def _in_quotes(self, text: str) -> str:
        return f"{self._labels.opening_quote}{running(text)}{self._labels.closing_quote}"


def _talk_time(block: TalkTime, labels: Labels) -> str:
    rows = [[escape(share.voice.name), clock(share.speech_ms), f"{share.share:.0%}"] for share in block.shares]
    return _table([labels.speaker_column, labels.talk_time, labels.share], rows)


def _turn(turn: Turn) -> str:
    paragraphs = [f"`{stamp(utterance.start_ms)}` {running(utterance.text)}" for utterance in turn.utterances]
    return "\n\n".join([f"**{escape(turn.voice.name)}**", *paragraphs] if turn.voice else paragraphs)


def _finding(finding: Finding) -> str:
    return line(finding.text) if finding.start_ms is None else f"`{stamp(finding.start_ms)}` {running(finding.text)}"


def _doubt(doubt: str | None) -> str:
    return f"*{escape(doubt)}*" if doubt else ""


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Of escaped cells."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])
