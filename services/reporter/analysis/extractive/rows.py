"""Fills the columns of a table with what a sentence says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from services.reporter.analysis.extractive.dates import Due
from services.reporter.analysis.extractive.names import Person
from services.reporter.characters import clean
from shared.schemas.reports import Cell
from shared.schemas.solutions import Column, ColumnType


def fill(
    columns: Sequence[Column], text: str, *, owner: Person | None = None, due: Due | None = None, said: str = ""
) -> tuple[Cell, ...]:
    """The cells of one row: the first column of text takes `text`, others stay empty; people and dates go where they belong.
    `said` is the text in which `due` has its place."""
    cells = []
    free = True
    for column in columns:
        match column.type:
            case ColumnType.TEXT:
                cells.append(Cell(column=column.id, text=text if free else ""))
                free = False
            case ColumnType.SPEAKER:
                cells.append(_person(column.id, owner))
            case ColumnType.DATE:
                cells.append(_date(column.id, due, said))
            case _:
                assert_never(column.type)
    return tuple(cells)


def _person(column: str, owner: Person | None) -> Cell:
    if owner is None:
        return Cell(column=column)
    return Cell(column=column, text=clean(owner.name), speaker_id=owner.speaker_id)


def _date(column: str, due: Due | None, said: str) -> Cell:
    if due is None:
        return Cell(column=column)
    return Cell(column=column, text=clean(said[due.begin : due.end]), date=due.date)
