"""Finds statements of one report that say different things of the same matter."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import msgspec

from services.reporter.analysis.claims import Claim
from services.reporter.analysis.evidence.dates import Key
from services.reporter.analysis.evidence.figures import count
from services.reporter.analysis.evidence.overlap import alike, words_of
from services.reporter.analysis.matching import letters
from shared.schemas.reports import Cell
from shared.schemas.solutions import ColumnType, Section

_LEAST_WORDS = 2


class _Matter(msgspec.Struct, frozen=True):
    """What a claim speaks of, and what it says of it, as far as code can compare that."""

    words: frozenset[str]
    figures: frozenset[Key]
    owners: frozenset[str]


def contradicted(claims: Sequence[tuple[Section, Claim]]) -> set[int]:
    """The places of claims that give another number, day or person for what a second one says in nearly the same words."""
    matters = [_matter(section, claim) for section, claim in claims]
    found: set[int] = set()
    for one, other in combinations(range(len(matters)), 2):
        if alike(matters[one].words, matters[other].words) and _differ(matters[one], matters[other]):
            found |= {one, other}
    return found


def _matter(section: Section, claim: Claim) -> _Matter:
    types = {column.id: column.type for column in section.columns}
    texts = [claim.text, claim.label or ""]
    texts += [cell.text for cell in claim.cells if types.get(cell.column) is ColumnType.TEXT]
    dated = [cell.text for cell in claim.cells if types.get(cell.column) is ColumnType.DATE]
    owners = frozenset(
        _owner(cell) for cell in claim.cells if types.get(cell.column) is ColumnType.SPEAKER and (cell.text or cell.speaker_id)
    )
    words = words_of(" ".join(texts))
    return _Matter(
        words if len(words) >= _LEAST_WORDS else frozenset(), count(" ".join(filter(None, [*texts, *dated]))).keys, owners
    )


def _owner(cell: Cell) -> str:
    return cell.speaker_id or letters(cell.text)


def _differ(one: _Matter, other: _Matter) -> bool:
    figures = one.figures and other.figures and one.figures.isdisjoint(other.figures)
    owners = one.owners and other.owners and one.owners.isdisjoint(other.owners)
    return bool(figures or owners)
