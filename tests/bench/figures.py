"""Tables of figures, the aims they are held against, and how both are shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import msgspec
from typing_extensions import override

Cell: TypeAlias = str | float | None


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure should be, and whether it was."""

    what: str
    value: float
    unit: str
    limit: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of its limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @override
    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        verdict = "met" if self.met else "MISSED"
        return f"{verdict}: {self.what} is {shown(self.value)} {self.unit}, aim {sign} {shown(self.limit)} {self.unit}"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table of one subject; `note` says what exactly was measured and compared."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    aims: tuple[Aim, ...] = ()

    @override
    def __str__(self) -> str:
        cells = [self.columns, *(tuple(shown(cell) for cell in row) for row in self.rows)]
        widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
        head, *body = (_line(row, widths) for row in cells)
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        parts = [f"## {self.title}", "\n".join([head, rule, *body]), "\n".join(f"* {aim}" for aim in self.aims), self.note]
        return "\n\n".join(part for part in parts if part)


def at_most(what: str, value: float, limit: float, unit: str) -> Aim:
    """An aim that small figures meet."""
    return Aim(what=what, value=value, unit=unit, limit=limit, at_least=False)


def at_least(what: str, value: float, limit: float, unit: str) -> Aim:
    """An aim that large figures meet."""
    return Aim(what=what, value=value, unit=unit, limit=limit, at_least=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def shown(cell: Cell) -> str:
    """A cell as text, with about three digits that mean something."""
    match cell:
        case None:
            return "–"
        case str():
            return cell
        case _ if abs(cell) >= 100 or cell == int(cell):
            return f"{cell:,.0f}"
        case _ if abs(cell) >= 10:
            return f"{cell:.1f}"
        case _:
            return f"{cell:.3f}" if abs(cell) < 0.1 else f"{cell:.2f}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (cell for cell in cells)
    padded = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
    return "| " + " | ".join(padded) + " |"
