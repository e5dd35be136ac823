"""Writes a document's blocks as WordprocessingML, one after the other."""

from __future__ import annotations

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
from services.reporter.renderers.docx import sections, speech, tables
from services.reporter.renderers.docx.markup import is_right_to_left, paragraph, run
from services.reporter.renderers.docx.references import References


def write_body(document: Document) -> str:
    """The content of the main part, without the body's own tags."""
    references = References(document)
    parts = _title(document)
    for before, block in zip((None, *document.blocks), document.blocks, strict=False):
        if isinstance(block, Notice):
            parts.append(_notice(block, keep=isinstance(before, Heading)))
        else:
            parts.append(_block(block, document, references))
    return "".join(parts)


def _notice(block: Notice, *, keep: bool) -> str:
    return paragraph("Warning" if block.warning else "Notice", run(block.text), keep=keep)


def _title(document: Document) -> list[str]:
    details = " · ".join(value for _, value in document.details)
    kind = [paragraph("Kind", run(document.kind))] if document.kind else []
    title = paragraph("Title", run(document.title), right_to_left=is_right_to_left(document.title))
    return [*kind, title, paragraph("Subtitle", run(details))]


def _block(block: Block, document: Document, references: References) -> str:  # noqa: C901, PLR0911, PLR0912 -- a case a block
    labels = document.labels
    match block:
        case Heading():
            return paragraph(f"Heading{block.level}", run(block.text))
        case FactCards():
            return tables.fact_cards(block)
        case Notice():
            return _notice(block, keep=False)
        case TalkTime():
            return tables.talk_time(block, labels)
        case Findings():
            return sections.findings(block)
        case Dialogue():
            return speech.dialogue(block, references)
        case Prose():
            return sections.prose(block, references)
        case Bullets():
            return sections.bullets(block, references)
        case Quotes():
            return sections.quotes(block, references)
        case Timeline():
            return sections.timeline(block, references)
        case Questions():
            return sections.questions(block, references)
        case Fields():
            return tables.fields(block, references)
        case Terms():
            return sections.terms(block, references)
        case Table():
            return tables.table_of(block, labels, references)
        case EvidenceList():
            return tables.evidence(block, labels, references)
        case Break():
            return ""  # Whether much of the page is free, only Word knows.
        case _:
            assert_never(block)
