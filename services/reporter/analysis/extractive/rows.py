"""Fills the columns of a table with what a sentence says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from services.reporter.analysis.extractive.dates import Due
from services.reporter.analysis.extractive.names import Person
from services.reporter.analysis.extractive.phrases import Phrase
from services.reporter.analysis.words import is_stopword
from services.reporter.characters import clean
from shared.schemas.reports import Cell
from shared.schemas.solutions import Column, ColumnType

_REASON = Phrase(
    r"\b(?:because|since (?!\d)|as long as|provided (?:that )?|on condition|so that|due to|given that|in order to|unless|"
    r"subject to)\b",
    r"因為|由於|為了|前提是|條件是|只要|除非|考量到|考慮到|以便",
)
_URGENT = Phrase(
    r"\b(?:urgent(?:ly)?|asap|as soon as possible|(?:high|top|first) priority|immediately|right away|critical|at once|low "
    r"priority)\b",
    r"緊急|急件|很急|盡快|儘快|盡速|儘速|優先|第一優先|馬上|立刻|立即|最重要|不急",
)

_MORE = r"(?: (?!(?:and|or|but|that|which|who|because|in|of|by|for|to|when|if|as|is|at|on|with|from)\b)[\w'-]+){0,2}"
_DEFINED = Phrase(
    rf"^(?:the |an? )?([\w'-]+{_MORE}) (?:means|refers to|is defined as|stands for)\b",
    rf"\b(?:is|are|was|were) (?:called|known as|termed) (?:the |an? )?([\w'-]+{_MORE})",
    r"所謂的?([^，。、；：！？「」]{2,8}?)(?=[，、：]|是|就|指)",
    r"(?:稱為|稱作|稱之為|叫做|叫作|名為)「?([^，。、；：！？「」]{2,10}?)(?=[，。、；：！？」]|$)",
    r"是([^，。、；：！？「」是]{2,8})[，,](?:意思是|指的是|也就是)",
)


def fill(
    columns: Sequence[Column], texts: Sequence[str], *, owner: Person | None = None, due: Due | None = None, said: str = ""
) -> tuple[Cell, ...]:
    """The cells of one row: columns of text take `texts` in order, those that are left stay empty; people and days go where
    they belong. `said` is the text in which `due` has its place."""
    left = iter(texts)
    cells = []
    for column in columns:
        match column.type:
            case ColumnType.TEXT:
                cells.append(Cell(column=column.id, text=next(left, "")))
            case ColumnType.SPEAKER:
                cells.append(_person(column.id, owner))
            case ColumnType.DATE:
                cells.append(_date(column.id, due, said))
            case _:
                assert_never(column.type)
    return tuple(cells)


def text_columns(columns: Sequence[Column]) -> int:
    """How many columns take text."""
    return sum(1 for column in columns if column.type is ColumnType.TEXT)


def has_date(columns: Sequence[Column]) -> bool:
    """Whether a row needs a day."""
    return any(column.type is ColumnType.DATE for column in columns)


def reason(text: str, folded: str) -> str:
    """What a sentence gives as its reason or condition, in its own words; empty for none."""
    match = _REASON.search(folded)
    return "" if match is None else text[match.start() :].strip(" ,，.。")


def defined(text: str, folded: str) -> str:
    """The term that a sentence explains or names, in its own words; empty for none."""
    match = _DEFINED.search(folded)
    if match is None or match.lastindex is None:
        return ""
    term = text[slice(*match.span(match.lastindex))]
    return "" if is_stopword(term.split()[0].lower()) else term


def urgency(text: str, folded: str) -> str:
    """The words by which something is called urgent or important; empty for none."""
    match = _URGENT.search(folded)
    return "" if match is None else text[slice(*match.span())]


def _person(column: str, owner: Person | None) -> Cell:
    if owner is None:
        return Cell(column=column)
    return Cell(column=column, text=clean(owner.name), speaker_id=owner.speaker_id)


def _date(column: str, due: Due | None, said: str) -> Cell:
    if due is None:
        return Cell(column=column)
    return Cell(column=column, text=clean(said[due.begin : due.end]), date=due.date)
