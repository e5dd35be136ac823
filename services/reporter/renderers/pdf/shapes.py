"""Paths and signs as the page's language draws them."""

from __future__ import annotations

from services.reporter.renderers.pdf.palette import Colour

_BEND = 0.4477
"""Where the control points of a quarter circle lie, from its corner."""


def rectangle(x: float, y: float, width: float, height: float, radius: float = 0.0) -> str:
    """The path of a rectangle, with round corners where `radius` is not 0."""
    radius = min(radius, width / 2, height / 2)
    if radius <= 0:
        return f"{x:.2f} {y:.2f} {width:.2f} {height:.2f} re"
    bend = radius * _BEND
    left, left_bend, left_arc = (f"{x + inset:.2f}" for inset in (0, bend, radius))
    right, right_bend, right_arc = (f"{x + width - inset:.2f}" for inset in (0, bend, radius))
    foot, foot_bend, foot_arc = (f"{y + inset:.2f}" for inset in (0, bend, radius))
    top, top_bend, top_arc = (f"{y + height - inset:.2f}" for inset in (0, bend, radius))
    return (
        f"{left_arc} {foot} m {right_arc} {foot} l {right_bend} {foot} {right} {foot_bend} {right} {foot_arc} c "
        f"{right} {top_arc} l {right} {top_bend} {right_bend} {top} {right_arc} {top} c "
        f"{left_arc} {top} l {left_bend} {top} {left} {top_bend} {left} {top_arc} c "
        f"{left} {foot_arc} l {left} {foot_bend} {left_bend} {foot} {left_arc} {foot} c h"
    )


def filled(path: str, colour: Colour) -> str:
    """A filled path."""
    return f"{colour} rg {path} f"


def stroked(path: str, colour: Colour, width: float) -> str:
    """A line with round ends and corners."""
    return f"{colour} RG {width:g} w 1 J 1 j {path} S"


def line(*points: tuple[float, float]) -> str:
    """The path through some points."""
    return " ".join(f"{x:.2f} {y:.2f} {'l' if number else 'm'}" for number, (x, y) in enumerate(points))
