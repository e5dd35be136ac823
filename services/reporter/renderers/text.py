"""Plain text: a line for each thing, long lines left to the editor."""

from __future__ import annotations

from typing import assert_never

from services.reporter.blocks import Block, Dialogue, Document, FactCards, Finding, Findings, Heading, Notice, TalkTime, Turn
from services.reporter.characters import columns
from services.reporter.clock import clock, stamp
from services.reporter.labels import Labels


def render(document: Document) -> str:
    """The document as plain text."""
    details = " · ".join(filter(None, [document.kind, *(value for _, value in document.details)]))
    parts = [_underlined(document.title, "="), details, *(_block(block, document.labels) for block in document.blocks)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block, labels: Labels) -> str:
    match block:
        case Heading():
            return _underlined(block.text, "-")
        case FactCards():
            return "\n".join(f"{label}{labels.colon}{value}" for label, value in block.facts)
        case Notice():
            return f"! {block.text}" if block.warning else block.text
        case TalkTime():
            return "\n".join(
                f"{share.voice.name}{labels.colon}{clock(share.speech_ms)} ({share.share:.0%})" for share in block.shares
            )
        case Findings():
            return "\n".join([block.label, *map(_finding, block.findings)])
        case Dialogue():
            return "\n\n".join(map(_turn, block.turns))
        case _:
            assert_never(block)


def _turn(turn: Turn) -> str:
    lines = [f"[{stamp(utterance.start_ms)}] {utterance.text}" for utterance in turn.utterances]
    return "\n".join([turn.voice.name, *lines] if turn.voice else lines)


def _finding(finding: Finding) -> str:
    return finding.text if finding.start_ms is None else f"[{stamp(finding.start_ms)}] {finding.text}"


def _underlined(text: str, line: str) -> str:
    return f"{text}\n{line * columns(text)}"
