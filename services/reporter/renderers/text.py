"""Plain text: a line for each thing, long lines left to the editor. A moment is `[00:14:32]` wherever it stands, so that
searching for it leads from a statement to its words and on to the transcript."""

from __future__ import annotations

from collections.abc import Iterable
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
    TableRow,
    TalkTime,
    Terms,
    Timeline,
    Turn,
)
from services.reporter.characters import columns, in_a_row
from services.reporter.clock import clock, stamp
from services.reporter.labels import Labels


def render(document: Document) -> str:
    """The document as plain text."""
    details = " · ".join(filter(None, [document.kind, *(value for _, value in document.details)]))
    blocks = [_block(block, document.labels) for block in document.blocks]
    return "\n\n".join([_underlined(document.title, "="), details, *filter(None, blocks)]) + "\n"


def _block(block: Block, labels: Labels) -> str:  # noqa: C901, PLR0911 -- a case for each block
    match block:
        case Heading():
            return _underlined(block.text, "-") if block.level == 1 else block.text
        case FactCards():
            return "\n".join(f"{label}{labels.colon}{value}" for label, value in block.facts)
        case Notice():
            return f"! {block.text}" if block.warning else block.text
        case TalkTime():
            return "\n".join(
                labels.aside.format(
                    text=f"{share.voice.name}{labels.colon}{clock(share.speech_ms)}", remark=f"{share.share:.0%}"
                )
                for share in block.shares
            )
        case Findings():
            return "\n".join([block.label, *map(_finding, block.findings)])
        case Dialogue():
            return "\n\n".join(map(_turn, block.turns))
        case Table():
            return "\n".join(_row(row, block.columns, labels) for row in block.rows)
        case EvidenceList():
            return "\n".join(_entry(entry, labels) for entry in block.entries)
        case Break():
            return ""
        case _:
            return _section(block, labels)


def _section(  # noqa: PLR0911 -- a case for each format
    block: Prose | Bullets | Quotes | Timeline | Questions | Fields | Terms, labels: Labels
) -> str:
    match block:
        case Prose():
            return in_a_row(_cited(one.text, one) for one in block.statements)
        case Bullets():
            return "\n".join(
                f"- {'[ ] ' if one.mark is Mark.ACTION else ''}{_cited(one.text, one)}" for one in block.statements
            )
        case Quotes():
            return "\n".join(_quote(one, labels) for one in block.statements)
        case Timeline():
            return "\n".join(_moment(one, labels) for one in block.statements)
        case Questions():
            return "\n\n".join(_question(one, labels) for one in block.statements)
        case Fields():
            return "\n".join(_cited(f"{one.label}{labels.colon}{one.text}", one) for one in block.statements)
        case Terms():
            return " · ".join(_cited(one.text, one) for one in block.statements)
        case _:
            assert_never(block)


def _cited(text: str, statement: Statement) -> str:
    """The text, what it rests on, and what speaks against it."""
    return in_a_row([text, _joined(_moments(statement.citations), _doubt(statement.doubt))])


def _quote(statement: Statement, labels: Labels) -> str:
    by = f" — {statement.voice.name}" if statement.voice else ""
    return "- " + _cited(f"{labels.opening_quote}{statement.text}{labels.closing_quote}{by}", statement)


def _moment(statement: Statement, labels: Labels) -> str:
    """The time of the first citation leads the line, since the course of the recording is what is read here."""
    first, others = statement.citations[:1], statement.citations[1:]
    told = labels.colon.join(filter(None, [statement.label, statement.text]))
    return _joined(_moments(first), told, _moments(others), _doubt(statement.doubt))


def _question(statement: Statement, labels: Labels) -> str:
    question = f"{labels.question}{labels.colon}{statement.label}" if statement.label else ""
    answer = _cited(statement.text, statement)
    return "\n".join(filter(None, [question, f"{labels.answer}{labels.colon}{answer}" if answer else ""]))


def _row(row: TableRow, titles: tuple[str, ...], labels: Labels) -> str:
    """A line for each cell that says something: that holds at every width, in every script."""
    texts = [cell.voice.name if cell.voice else cell.text for cell in row.cells]
    lines = [f"{title}{labels.colon}{text}" for title, text in zip(titles, texts, strict=True) if text]
    return "- " + "\n  ".join(filter(None, [*lines, _joined(_moments(row.citations), _doubt(row.doubt))]))


def _entry(entry: EvidenceEntry, labels: Labels) -> str:
    name = f"{entry.voice.name}{labels.colon}" if entry.voice else ""
    return f"[{stamp(entry.start_ms)}] {name}{labels.opening_quote}{entry.quote}{labels.closing_quote}"


def _moments(citations: Iterable[Citation]) -> str:
    return " ".join(f"[{stamp(citation.start_ms)}]" for citation in citations)


def _doubt(doubt: str | None) -> str:
    """In brackets as wide as its full stop."""
    if not doubt:
        return ""
    return f"（{doubt}）" if columns(doubt[-1]) == 2 else f"({doubt})"


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))


def _turn(turn: Turn) -> str:
    lines = [f"[{stamp(utterance.start_ms)}] {utterance.text}" for utterance in turn.utterances]
    return "\n".join([turn.voice.name, *lines] if turn.voice else lines)


def _finding(finding: Finding) -> str:
    return finding.text if finding.start_ms is None else f"[{stamp(finding.start_ms)}] {finding.text}"


def _underlined(text: str, line: str) -> str:
    return f"{text}\n{line * columns(text)}"
