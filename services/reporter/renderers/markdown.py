"""CommonMark with tables. Whatever was spoken stays text: it can neither format the page nor carry HTML into it."""

from __future__ import annotations

import re
from typing import assert_never

from services.reporter.blocks import Block, Dialogue, Document, FactCards, Finding, Findings, Heading, Notice, TalkTime, Turn
from services.reporter.characters import LINK
from services.reporter.clock import clock, stamp
from services.reporter.labels import Labels

_SPECIAL = re.compile(r"[\\`*_\[\]<>#|~]")
"""Characters that mean something anywhere in a line."""

_ENTITY = re.compile(r"&(?=\w+;)")


def render(document: Document) -> str:
    """The document as Markdown."""
    details = " · ".join(filter(None, [document.kind, *(value for _, value in document.details)]))
    parts = [f"# {_escape(document.title)}", f"*{_escape(details)}*"]
    parts += [_block(block, document.labels) for block in document.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Block, labels: Labels) -> str:
    match block:
        case Heading():
            return f"## {_escape(block.text)}"
        case FactCards():
            return _table([label for label, _ in block.facts], [[value for _, value in block.facts]])
        case Notice():
            return f"> **{_escape(block.text)}**" if block.warning else f"> {_escape(block.text)}"
        case TalkTime():
            rows = [[share.voice.name, clock(share.speech_ms), f"{share.share:.0%}"] for share in block.shares]
            return _table([labels.speaker_column, labels.talk_time, labels.share], rows)
        case Findings():
            return "\n\n".join([f"**{_escape(block.label)}**", *map(_finding, block.findings)])
        case Dialogue():
            return "\n\n".join(map(_turn, block.turns))
        case _:
            assert_never(block)


def _turn(turn: Turn) -> str:
    paragraphs = [f"`{stamp(utterance.start_ms)}` {_running(utterance.text)}" for utterance in turn.utterances]
    return "\n\n".join([f"**{_escape(turn.voice.name)}**", *paragraphs] if turn.voice else paragraphs)


def _finding(finding: Finding) -> str:
    text = _running(finding.text)
    return text if finding.start_ms is None else f"`{stamp(finding.start_ms)}` {text}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_escape(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _running(text: str) -> str:
    """Escape all but web addresses, which become links to themselves."""
    if "://" not in text:
        return _escape(text)
    pieces, end = [], 0
    for link in LINK.finditer(text):
        pieces += [_escape(text[end : link.start()]), f"<{link.group()}>"]
        end = link.end()
    return "".join([*pieces, _escape(text[end:])])


def _escape(text: str) -> str:
    escaped = _SPECIAL.sub(r"\\\g<0>", text) if _SPECIAL.search(text) else text
    return _ENTITY.sub(r"\\&", escaped) if "&" in escaped else escaped
