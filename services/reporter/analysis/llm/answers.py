"""Makes claims of what models answer. Whatever cannot be read is left out and counted; whether it is true is not asked here."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import msgspec

from services.reporter.analysis.claims import Brief, Claim, Source
from services.reporter.analysis.llm.reading import Unreadable
from services.reporter.analysis.llm.script import Traditional
from services.reporter.characters import clean
from shared.schemas.reports import Cell
from shared.schemas.solutions import Section, SectionFormat

T = TypeVar("T")

MOST_SOURCES = 6
_LONGEST_TEXT = 2000
_LONGEST_QUOTE = 400


class _Evidence(msgspec.Struct):
    seg: int | str | None = None
    quote: str | None = None


class _Cell(msgspec.Struct):
    text: str | None = None
    speaker: str | None = None
    date: str | None = None


class _Statement(msgspec.Struct):
    """One statement, of whatever form; lenient, for not every server enforces the schema."""

    text: str | None = None
    label: str | None = None
    speaker: str | None = None
    field: str | None = None
    cells: dict[str, _Cell | str | None] = {}
    evidence: list[_Evidence] | None = None
    facts: list[int | str] | None = None


class _Part(msgspec.Struct):
    id: str
    role: str


class _Answer(msgspec.Struct):
    sections: dict[str, list[object] | None]
    speakers: list[object] | None = None


class _RepairedCell(msgspec.Struct):
    column: str
    text: str | None = None


class _Repair(msgspec.Struct):
    number: int
    withdrawn: bool = False
    text: str | None = None
    cells: list[_RepairedCell] | None = None
    evidence: list[_Evidence] | None = None


class Told(msgspec.Struct, frozen=True):
    """What an answer says, by section."""

    claims: dict[str, tuple[Claim, ...]]
    roles: dict[str, str] = {}
    """Role by speaker."""
    facts: dict[str, tuple[tuple[int, ...], ...]] = {}
    """The numbers of the facts that each claim names, where it names facts."""
    unread: int = 0
    """Statements that could not be read."""


class Repair(msgspec.Struct, frozen=True):
    """A statement in its new wording; null when the model withdraws it."""

    number: int
    claim: Claim | None


class Reader:
    """Reads answers about one recording."""

    def __init__(self, brief: Brief) -> None:
        self._solution = brief.solution
        self._segments = {number: segment.id for number, segment in enumerate(brief.transcript.segments, 1)}
        self._speakers = {speaker.id for speaker in brief.transcript.speakers}
        said = (segment.text for segment in brief.transcript.segments)
        self._script = Traditional(said) if brief.language == "zh-Hant" else None
        self._bare = re.compile(rf"(?<![\w{{])(?:{'|'.join(map(re.escape, self._speakers)) or '(?!)'})(?![\w}}])")

    def told(self, content: Mapping[str, object]) -> Told:
        """Sections and roles. Raises `Unreadable` when there are no sections at all."""
        ids = {section.id for section in self._solution.sections}
        if "sections" not in content and ids & content.keys():
            content = {"sections": {id_: listed for id_, listed in content.items() if id_ in ids}}
        try:
            answer = msgspec.convert(content, _Answer, strict=False)
        except msgspec.ValidationError:
            raise Unreadable from None
        claims: dict[str, tuple[Claim, ...]] = {}
        facts: dict[str, tuple[tuple[int, ...], ...]] = {}
        unread = 0
        for section in self._solution.sections:
            found = list(_converted(answer.sections.get(section.id) or [], _Statement))
            readable = [statement for statement in found if statement is not None]
            unread += len(found) - len(readable)
            told = [(claim, statement) for statement in readable if (claim := self._claim(section, statement)) is not None]
            claims[section.id] = tuple(claim for claim, _ in told)
            facts[section.id] = tuple(_numbers(statement.facts or ()) for _, statement in told)
        return Told(claims=claims, roles=self._roles(answer.speakers or []), facts=facts, unread=unread)

    def repairs(self, content: Mapping[str, object], before: Sequence[Claim]) -> list[Repair]:
        """New wordings of numbered claims. Raises `Unreadable` when there are none."""
        listed = content.get("repairs")
        if not isinstance(listed, list):
            raise Unreadable
        return [
            Repair(repair.number, self._repaired(before[repair.number - 1], repair))
            for repair in _converted(listed, _Repair)
            if repair is not None and 1 <= repair.number <= len(before)
        ]

    def _claim(self, section: Section, statement: _Statement) -> Claim | None:
        """Null for a statement that says nothing."""
        cells = self._cells(section, statement)
        text = self._text(statement.text) or next((cell.text for cell in cells if cell.text), "")
        if not text:
            return None
        return Claim(
            text=text,
            sources=self._sources(statement.evidence or ()),
            label=self._text(statement.label) or None,
            cells=cells,
            speaker_id=self._speaker(statement.speaker),
        )

    def _repaired(self, claim: Claim, repair: _Repair) -> Claim | None:
        sources = self._sources(repair.evidence or ())
        if repair.withdrawn or not sources:
            return None
        given = {cell.column: cell.text for cell in repair.cells or ()}
        cells = tuple(self._cell(cell.column, given[cell.column]) if cell.column in given else cell for cell in claim.cells)
        return msgspec.structs.replace(claim, text=self._text(repair.text) or claim.text, cells=cells, sources=sources)

    def _cells(self, section: Section, statement: _Statement) -> tuple[Cell, ...]:
        match section.format:
            case SectionFormat.TABLE:
                return tuple(self._cell(column.id, statement.cells.get(column.id)) for column in section.columns)
            case SectionFormat.FIELDS:
                return tuple(
                    self._cell(column.id, statement.text) for column in section.columns if column.id == statement.field
                )
            case _:
                return ()

    def _cell(self, column: str, value: _Cell | str | None) -> Cell:
        cell = value if isinstance(value, _Cell) else _Cell(text=value)
        text = self._text(cell.text)
        speaker = self._speaker(cell.speaker) or self._speaker(text)
        return Cell(column=column, text="" if speaker else text, speaker_id=speaker, date=_date(cell.date))

    def _text(self, text: str | None) -> str:
        """Clean, in the report's script, and with braces around speakers' ids that have none."""
        named = self._bare.sub(lambda match: f"{{{match[0]}}}", clean(text or "")[:_LONGEST_TEXT])
        return named if self._script is None else self._script.written(named)

    def _speaker(self, text: str | None) -> str | None:
        """The speaker that a text is the id of."""
        id_ = (text or "").strip().strip("{}")
        return id_ if id_ in self._speakers else None

    def _sources(self, evidence: Iterable[_Evidence]) -> tuple[Source, ...]:
        found = {
            Source(segment_id=self._segment(one.seg), quote=clean(one.quote or "")[:_LONGEST_QUOTE]): None
            for one in evidence
            if one.seg is not None
        }
        return tuple(found)[:MOST_SOURCES]

    def _segment(self, given: int | str | None) -> str:
        """The id of a segment by its number; something that is no id where there is none."""
        digits = str(given).strip().lstrip("sS[").rstrip("]")
        number = int(digits) if digits.isdecimal() and len(digits) < 9 else 0
        return self._segments.get(number, f"#{clean(str(given))[:20]}")

    def _roles(self, listed: list[object]) -> dict[str, str]:
        known = {role.id for role in self._solution.roles}
        parts = {(part.id.strip("{}"), part.role) for part in _converted(listed, _Part) if part is not None}
        return {speaker: role for speaker, role in sorted(parts) if speaker in self._speakers and role in known}


def _converted(listed: Iterable[object], kind: type[T]) -> Iterator[T | None]:
    """Each as what it should be; null for one that is not."""
    for one in listed:
        try:
            yield msgspec.convert(one, kind, strict=False)
        except msgspec.ValidationError:
            yield None


def _numbers(listed: Iterable[int | str]) -> tuple[int, ...]:
    """Fact numbers, given as `3`, "3" or "f3"."""
    texts = (str(one).strip().lstrip("fF[").rstrip("]") for one in listed)
    return tuple(dict.fromkeys(int(text) for text in texts if text.isdecimal() and len(text) < 9))


def _date(text: str | None) -> dt.date | None:
    with suppress(ValueError):
        return dt.date.fromisoformat((text or "").strip())
    return None
