"""Small signs that say what sort of statement stands beside them. They repeat in shape what colour says."""

from __future__ import annotations

from typing import assert_never

from services.reporter.blocks import Mark
from services.reporter.renderers.pdf import palette
from services.reporter.renderers.pdf.pen import Pen
from services.reporter.renderers.pdf.shapes import line, rectangle

_CENTRE = 3.5
"""Above the baseline."""


def draw_mark(pen: Pen, x: float, baseline: float, mark: Mark) -> None:
    """A sign centred at `x` on a line of text."""
    y = baseline + _CENTRE
    match mark:
        case Mark.POINT:
            pen.dot(x, y, 2, palette.ACCENT)
        case Mark.DECISION:
            pen.dot(x, y, 5.2, palette.GREEN)
            pen.stroke(line((x - 2.3, y - 0.1), (x - 0.5, y - 1.8), (x + 2.5, y + 1.8)), palette.WHITE, 1.2)
        case Mark.ACTION:
            pen.stroke(rectangle(x - 4.2, y - 4.2, 8.4, 8.4, 2), palette.ACCENT, 1.1)
            pen.stroke(line((x - 1.8, y), (x + 1.8, y)), palette.ACCENT, 1.1)
            pen.stroke(line((x + 0.3, y + 1.6), (x + 1.9, y), (x + 0.3, y - 1.6)), palette.ACCENT, 1.1)
        case Mark.DOUBTED:
            draw_warning_sign(pen, x, baseline)
        case _:
            assert_never(mark)


def draw_warning_sign(pen: Pen, x: float, baseline: float, size: float = 5.2) -> None:
    """A triangle with an exclamation mark."""
    y = baseline + _CENTRE - 0.4
    triangle = line((x, y + size), (x + size * 1.05, y - size * 0.72), (x - size * 1.05, y - size * 0.72)) + " h"
    pen.sheet.shapes.append(f"{palette.AMBER_BRIGHT} rg {palette.AMBER_BRIGHT} RG 1 j 1.2 w {triangle} B")
    pen.stroke(line((x, y + size * 0.42), (x, y)), palette.WHITE, 1.2)
    pen.dot(x, y - size * 0.4, 0.75, palette.WHITE)
