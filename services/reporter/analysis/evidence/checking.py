"""Checks single claims against the words that they say they rest on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from services.reporter.analysis.claims import Brief, Claim, Source
from services.reporter.analysis.evidence.contradictions import contradicted
from services.reporter.analysis.evidence.figures import Counted, Figures, count
from services.reporter.analysis.evidence.names import SPEAKER, Names
from services.reporter.analysis.evidence.negation import contradicts
from services.reporter.analysis.evidence.overlap import comparable, little_in_common
from services.reporter.analysis.matching import Passages, letters, long_enough, plain
from services.reporter.analysis.words import fold
from shared.schemas.reports import Cell, Doubt, Reference
from shared.schemas.solutions import ColumnType, Section, SectionFormat, SectionKind

Roles: TypeAlias = Mapping[str, str]
"""The part that each speaker plays, by the speaker's id."""

_READABLE = ("zh", "yue", "cmn", "en", "")
"""Languages whose words and negations are known here; none given is judged by its script."""

_ADDRESSED = re.compile(r"\b(?:you|your|yours|please)\b|[你您请]|麻烦|拜托", re.IGNORECASE)
_CLAUSE_END = re.compile(r"(?<=[.!?,;:])\s|(?<=[。！？，；：\n—])")


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """A claim as it may be shown, with the moments it rests on and whatever speaks against it."""

    claim: Claim
    references: tuple[Reference, ...]
    doubts: tuple[Doubt, ...]
    verbatim: bool
    """It says nothing but what was said, word for word."""
    across_languages: bool = False
    """Its wording could not be compared with what was said."""


class Verifier:
    """Checks claims about one recording. What it has looked up is kept, so that a repeat is cheap."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._passages = Passages(brief.transcript)
        self._names = Names(brief)
        self._counted: dict[str, Counted] = {}
        self._given = [brief.title or "", *brief.inputs.values()]
        self._readable = (brief.transcript.language or "").lower().partition("-")[0] in _READABLE

    def speaks(self, speaker_id: str) -> bool:
        """Whether there is such a speaker."""
        return self._names.speaks(speaker_id)

    def doubts(self, claims: Mapping[str, Sequence[Claim]], roles: Roles) -> dict[str, tuple[tuple[Doubt, ...], ...]]:
        """Why each claim could not be verified, by section; none where it was."""
        examined = self.examine(claims, roles)
        return {section_id: tuple(one.doubts for one in found) for section_id, found in examined.items()}

    def examine(self, claims: Mapping[str, Sequence[Claim]], roles: Roles) -> dict[str, tuple[Examined, ...]]:
        """Check each claim by itself, then those that pass against each other."""
        sections = {section.id: section for section in self._brief.solution.sections}
        found = {id_: [self._examine(sections[id_], claim, roles) for claim in listed] for id_, listed in claims.items()}
        sound = [(id_, place) for id_, listed in found.items() for place, one in enumerate(listed) if not one.doubts]
        for at in contradicted([(sections[id_], found[id_][place].claim) for id_, place in sound]):
            id_, place = sound[at]
            one = found[id_][place]
            if not one.verbatim or any(cell.speaker_id for cell in one.claim.cells):
                found[id_][place] = msgspec.structs.replace(one, doubts=(Doubt.CONTRADICTION,))
        return {id_: tuple(listed) for id_, listed in found.items()}

    def _examine(self, section: Section, claim: Claim, roles: Roles) -> Examined:
        references, doubts = self._references(claim.sources)
        if section.kind is SectionKind.QUOTES or section.format is SectionFormat.QUOTES:
            claim, lost = self._quoted(claim, references)
            doubts += lost
        claim = self._repaired(section, claim, references)
        texts = list(_texts(claim))
        verbatim = self._is_verbatim(texts, references)
        doubts += self._strangers(section, claim)
        doubts += _role_doubts(section, references, roles, verbatim=verbatim)
        across = False
        doubts += self._owner(section, claim, references)
        if references and not verbatim:
            across = self._check_wording(texts, references, doubts)
        return Examined(
            claim=claim,
            references=references,
            doubts=tuple(dict.fromkeys(doubts)),
            verbatim=verbatim,
            across_languages=across,
        )

    def _references(self, sources: Sequence[Source]) -> tuple[tuple[Reference, ...], list[Doubt]]:
        """Where the sources really stand. A passage that does not hold its quotation is referred to without one."""
        found: list[Reference] = []
        doubts = [] if sources else [Doubt.NO_REFERENCE]
        for source in sources:
            segment = self._passages.segment(source.segment_id)
            if segment is None:
                doubts.append(Doubt.UNKNOWN_SEGMENT)
                continue
            reference = self._passages.find(source)
            if reference is None:
                doubts.append(Doubt.QUOTE_NOT_FOUND if letters(source.quote) else Doubt.QUOTE_TOO_SHORT)
                reference = Reference(
                    segment_id=segment.id, start_ms=segment.start_ms, end_ms=segment.end_ms, speaker_id=segment.speaker_id
                )
            found.append(reference)
        return tuple(dict.fromkeys(found)), doubts

    def _quoted(self, claim: Claim, references: Iterable[Reference]) -> tuple[Claim, list[Doubt]]:
        """A quotation in the words that were really said, by whoever said them."""
        for reference in references:
            if found := self._passages.find(Source(segment_id=reference.segment_id, quote=claim.text)):
                return msgspec.structs.replace(claim, text=found.quote or "", speaker_id=found.speaker_id), []
        return msgspec.structs.replace(claim, speaker_id=None), [Doubt.QUOTE_NOT_FOUND]

    def _repaired(self, section: Section, claim: Claim, references: Sequence[Reference]) -> Claim:
        """With the template's cells alone, and no day that was not named."""
        given = {cell.column: cell for cell in claim.cells}
        dated = any(cell.date is not None for cell in claim.cells)
        said = self._figures(references) if dated else None
        cells = []
        for column in section.columns:
            cell = given.get(column.id, Cell(column=column.id))
            if cell.speaker_id is None and column.type is ColumnType.SPEAKER and (id_ := SPEAKER.fullmatch(cell.text.strip())):
                cell = Cell(column=cell.column, speaker_id=id_[1])
            if cell.date is not None and said is not None and not said.names_day(cell.date):
                cell = msgspec.structs.replace(cell, date=None)
            cells.append(cell)
        return msgspec.structs.replace(claim, cells=tuple(cells))

    def _strangers(self, section: Section, claim: Claim) -> list[Doubt]:
        """Whether everybody who is named speaks or is mentioned."""
        types = {column.id: column.type for column in section.columns}
        spoken = [cell.speaker_id for cell in claim.cells if cell.speaker_id] + ([claim.speaker_id] if claim.speaker_id else [])
        somebody = [cell.text for cell in claim.cells if cell.text and types.get(cell.column) is ColumnType.SPEAKER]
        known = (
            all(map(self._names.speaks, spoken))
            and all(map(self._names.mentions, somebody))
            and not any(map(self._names.strange, _texts(claim)))
        )
        return [] if known else [Doubt.UNKNOWN_SPEAKER]

    def _owner(self, section: Section, claim: Claim, references: Sequence[Reference]) -> list[Doubt]:
        """Whether a row names somebody other than those who speak or are spoken of in the words it rests on."""
        speaking = {reference.speaker_id for reference in references}
        types = {column.id: column.type for column in section.columns}
        for cell in claim.cells:
            if (
                not references
                or types.get(cell.column) is not ColumnType.SPEAKER
                or not cell.speaker_id
                or cell.speaker_id in speaking
            ):
                continue
            asked = any(_ADDRESSED.search(fold(self._clauses(one))) for one in references)
            if self.speaks(cell.speaker_id) and not asked and not self._names.is_named(cell.speaker_id, self._near(references)):
                return [Doubt.WRONG_PERSON]
        return []

    def _check_wording(self, texts: Sequence[str], references: Sequence[Reference], doubts: list[Doubt]) -> bool:
        """Add doubts about numbers, negations and subject; tells whether the wording could not be compared."""
        proven = Doubt.QUOTE_NOT_FOUND in doubts or any(long_enough(one.quote or "") for one in references)
        if not proven and not self._is_alike(texts, references):
            doubts.append(Doubt.QUOTE_TOO_SHORT)
        figures = self._figures(references)
        doubts += [doubt for text in texts for doubt in figures.doubts(self._count(SPEAKER.sub(" ", text)))]
        statement = SPEAKER.sub(" ", " ".join(texts))
        clauses = " ".join(map(self._clauses, references))
        if self._readable and contradicts(statement, clauses):
            doubts.append(Doubt.NEGATION)
        if not self._readable or not comparable(statement, clauses):
            return True
        alone = self._count(statement).keys.isdisjoint(self._count(clauses).keys)
        if alone and little_in_common(statement, clauses, self._near(references)):
            doubts.append(Doubt.LITTLE_IN_COMMON)
        return False

    def _figures(self, references: Iterable[Reference]) -> Figures:
        """What was said there, and what the customer filled in."""
        return Figures(map(self._count, [*self._given, *self._said(references)]))

    def _count(self, text: str) -> Counted:
        if text not in self._counted:
            self._counted[text] = count(text)
        return self._counted[text]

    def _said(self, references: Iterable[Reference]) -> list[str]:
        """The segments that references stand in, and what they quote across their borders."""
        said = []
        for reference in references:
            segment = self._passages.segment(reference.segment_id)
            quote = reference.quote
            said += [segment.text] if segment is not None else []
            said += [quote] if quote and (segment is None or quote not in segment.text) else []
        return said

    def _near(self, references: Iterable[Reference]) -> str:
        """The segments that references stand in, and those beside them."""
        return " ".join(segment.text for one in references for segment in self._passages.near(one.segment_id))

    def _clauses(self, reference: Reference) -> str:
        """The whole clauses that a reference quotes from: what was cut off may turn the meaning round."""
        segment = self._passages.segment(reference.segment_id)
        quote = reference.quote
        if segment is None or quote is None or quote not in segment.text:
            return quote or (segment.text if segment else "")
        begin = segment.text.index(quote)
        ends = [end.end() for end in _CLAUSE_END.finditer(segment.text)]
        first = max((end for end in ends if end <= begin), default=0)
        last = min((end for end in ends if end >= begin + len(quote)), default=len(segment.text))
        return segment.text[first:last]

    def _is_verbatim(self, texts: Iterable[str], references: Sequence[Reference]) -> bool:
        """Whether every text stands in the cited words as it is, apart from spaces, case and script."""
        quotes = [one.quote for one in references]
        if not references or None in quotes:
            return False
        said = [plain(" ".join(filter(None, quotes))), *map(plain, self._said(references))]
        return all(any(plain(text) in one for one in said) for text in texts)

    def _is_alike(self, texts: Iterable[str], references: Sequence[Reference]) -> bool:
        """Whether every text was said, apart from punctuation."""
        said = letters(" ".join(self._said(references)))
        return all(letters(text) in said for text in texts)


def _role_doubts(section: Section, references: Iterable[Reference], roles: Roles, *, verbatim: bool) -> list[Doubt]:
    """Whether those who are cited play the part that the section asks for. Where nobody is known to, the words themselves are
    as true as ever, and the report says that the parts are unknown."""
    if not section.speaker_roles or all(roles.get(one.speaker_id or "") in section.speaker_roles for one in references):
        return []
    if any(role in section.speaker_roles for role in roles.values()):
        return [Doubt.WRONG_ROLE]
    return [] if verbatim else [Doubt.ROLE_UNKNOWN]


def _texts(claim: Claim) -> Iterator[str]:
    """Everything that a claim says in words."""
    yield from filter(None, [claim.text, claim.label])
    yield from (cell.text for cell in claim.cells if cell.text)
