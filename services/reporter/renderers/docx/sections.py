"""A section's statements as paragraphs: each with the moments it rests on and, where it failed the check, with the reason."""

from __future__ import annotations

from services.reporter.blocks import (
    Bullets,
    Finding,
    Findings,
    Mark,
    Prose,
    Questions,
    Quotes,
    Statement,
    Terms,
    Timeline,
    Voice,
    doubts_of,
)
from services.reporter.characters import columns
from services.reporter.clock import clock
from services.reporter.renderers.docx.markup import coloured, is_right_to_left, line_break, paragraph, run, tabulator
from services.reporter.renderers.docx.references import References
from services.reporter.renderers.speaker_colours import speaker_colour

_BOLD = "<w:b/>"
_STYLES = {Mark.POINT: "ListBullet", Mark.DECISION: "Decision", Mark.ACTION: "Action", Mark.DOUBTED: "ListBullet"}


def prose(block: Prose, references: References) -> str:
    """One paragraph; between Chinese sentences stands no space. What speaks against some of them follows."""
    content, before = "", ""
    for statement in block.statements:
        content += run(" ") if before and columns(before[-1]) == 1 else ""
        content += _cited(statement, references)
        before = "" if statement.citations else statement.text
        if statement.citations:
            content += run(" ")
    return paragraph("Normal", content + _doubts(block), right_to_left=_runs_left(block.statements))


def bullets(block: Bullets, references: References) -> str:
    """A list; decisions and actions have signs of their own."""
    return "".join(
        paragraph(_STYLES[statement.mark], _said(statement, references), right_to_left=is_right_to_left(statement.text))
        for statement in block.statements
    )


def quotes(block: Quotes, references: References) -> str:
    """Each with who said it and when on a line below."""
    return "".join(_quote(statement, references) for statement in block.statements)


def timeline(block: Timeline, references: References) -> str:
    """The moment in a gutter, the headline in bold."""
    return "".join(paragraph("Moment", _moment(statement, references)) for statement in block.statements)


def questions(block: Questions, references: References) -> str:
    """The question above its answer."""
    parts = []
    for statement in block.statements:
        parts.append(paragraph("Question", run(statement.label or "")))
        parts.append(paragraph("Answer", _said(statement, references), right_to_left=is_right_to_left(statement.text)))
    return "".join(parts)


def terms(block: Terms, references: References) -> str:
    """All in one paragraph; what speaks against some of them follows."""
    terms = run("  ·  ").join(_cited(statement, references) for statement in block.statements)
    return paragraph("Normal", terms + _doubts(block))


def findings(block: Findings) -> str:
    """The subject in bold, a paragraph for each finding."""
    return paragraph("Question", run(block.label)) + "".join(map(_finding, block.findings))


def _finding(finding: Finding) -> str:
    if finding.start_ms is None:
        return paragraph("Normal", run(finding.text))
    return paragraph("Moment", run(clock(finding.start_ms), style="Time") + tabulator() + run(finding.text))


def _said(statement: Statement, references: References) -> str:
    return _cited(statement, references) + _doubt(statement)


def _cited(statement: Statement, references: References) -> str:
    """The text, whose it is, and what it rests on."""
    by = "" if statement.voice is None else run(" ") + _name(statement.voice)
    return run(statement.text) + by + references.moments(statement.citations, after=_name_or_text(statement))


def _name_or_text(statement: Statement) -> str:
    return statement.text if statement.voice is None else statement.voice.name


def _name(voice: Voice) -> str:
    return run(voice.name, properties=_BOLD + coloured(speaker_colour(voice.rank)))


def _doubt(statement: Statement) -> str:
    return line_break() + run(statement.doubt, style="Doubt") if statement.doubt else ""


def _doubts(block: Prose | Terms) -> str:
    """A line for each."""
    return "".join(line_break() + run(doubt, style="Doubt") for doubt in doubts_of(block))


def _quote(statement: Statement, references: References) -> str:
    content = run(statement.text)
    if statement.voice is not None or statement.citations:
        content += line_break()
    if statement.voice is not None:
        content += _name(statement.voice)
    content += references.moments(statement.citations, after=_name_or_text(statement)) + _doubt(statement)
    return paragraph("Quote", content, right_to_left=is_right_to_left(statement.text))


def _moment(statement: Statement, references: References) -> str:
    first, rest = statement.citations[:1], statement.citations[1:]
    content = "".join(references.moment(citation) for citation in first) + tabulator()
    if statement.label:
        content += run(statement.label, properties=_BOLD)
        content += line_break() if statement.text else ""
    return content + run(statement.text) + references.moments(rest, after=statement.text) + _doubt(statement)


def _runs_left(statements: tuple[Statement, ...]) -> bool:
    return bool(statements) and is_right_to_left(statements[0].text)
