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
    right, top = x + width, y + height
    return (
        f"{x + radius:.2f} {y:.2f} m {right - radius:.2f} {y:.2f} l "
        f"{right - bend:.2f} {y:.2f} {right:.2f} {y + bend:.2f} {right:.2f} {y + radius:.2f} c "
        f"{right:.2f} {top - radius:.2f} l "
        f"{right:.2f} {top - bend:.2f} {right - bend:.2f} {top:.2f} {right - radius:.2f} {top:.2f} c "
        f"{x + radius:.2f} {top:.2f} l "
        f"{x + bend:.2f} {top:.2f} {x:.2f} {top - bend:.2f} {x:.2f} {top - radius:.2f} c "
        f"{x:.2f} {y + radius:.2f} l "
        f"{x:.2f} {y + bend:.2f} {x + bend:.2f} {y:.2f} {x + radius:.2f} {y:.2f} c h"
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
