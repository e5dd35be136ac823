"""What the speech engine found out, in its own words."""

from __future__ import annotations

from services.reporter.blocks import Finding, Findings
from services.reporter.clock import clock
from services.reporter.renderers.pdf.palette import LEFT, MEASURE, TINY, Look
from services.reporter.renderers.pdf.pen import Pen

GUTTER = 50.0
_LOOK, _LABEL = Look(9.2, 14.2), Look(9.2, 14.2, "strong")


def draw_findings(pen: Pen, block: Findings) -> None:
    """The subject and its findings, with their moments in the gutter where the dialogue has its own."""
    pen.need(8 + 3 * _LOOK.leading)
    pen.y -= 8
    with pen.tagged("H3"):
        pen.flow(LEFT, pen.lines(block.label, _LABEL, MEASURE), _LABEL, MEASURE)
    for finding in block.findings:
        _draw_finding(pen, finding)


def _draw_finding(pen: Pen, finding: Finding) -> None:
    indent = 0.0 if finding.start_ms is None else GUTTER
    lines = pen.lines(finding.text, _LOOK, MEASURE - indent)
    pen.need(_LOOK.leading * min(2, len(lines)))
    with pen.tagged("P"):
        if finding.start_ms is not None:
            pen.write(LEFT, pen.y - _LOOK.leading * 0.5 - _LOOK.size * 0.35, clock(finding.start_ms), TINY)
        pen.flow(LEFT + indent, lines, _LOOK, MEASURE - indent)
    pen.y -= 2
