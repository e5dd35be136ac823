"""Writes every section of a report out of sentences of the transcript; pure and deterministic."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from services.reporter.analysis.claims import Brief, Claim, Draft
from services.reporter.analysis.extractive.actions import Action, Actions
from services.reporter.analysis.extractive.dates import find_due
from services.reporter.analysis.extractive.decisions import find_decisions
from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.extractive.names import Person
from services.reporter.analysis.extractive.outline import find_chapters
from services.reporter.analysis.extractive.points import choose
from services.reporter.analysis.extractive.questions import find_questions
from services.reporter.analysis.extractive.quotes import find_quotes
from services.reporter.analysis.extractive.roles import find_roles
from services.reporter.analysis.extractive.rows import fill
from services.reporter.analysis.extractive.terms import Terms
from services.reporter.analysis.extractive.vectors import Floats
from services.reporter.analysis.words import is_chinese
from shared.schemas.jobs import ReportMode
from shared.schemas.solutions import Section, SectionKind

ROLES_UNKNOWN = "roles_unknown"
"""The note of a report in which sections for certain roles hold what anybody said."""

# Sections whose sentences can be told by their wording choose first, then those that need the most telling ones.
_ORDER = (
    SectionKind.ACTIONS,
    SectionKind.DECISIONS,
    SectionKind.QUESTIONS,
    SectionKind.OVERVIEW,
    SectionKind.POINTS,
    SectionKind.QUOTES,
    SectionKind.OUTLINE,
    SectionKind.KEYWORDS,
)


def extract(brief: Brief) -> Draft:
    """The report on a transcript, made of the transcript's own sentences; no sentence stands in two sections."""
    return _Writer(brief).draft()


class _Writer:
    """One report."""

    def __init__(self, brief: Brief) -> None:
        self._solution = brief.solution
        self._material = Material(brief)
        self._roles = find_roles(self._material) if self._solution.roles else ()
        self._used: set[int] = set()
        self._notes: dict[str, None] = {}
        self._writers: dict[SectionKind, Callable[[Section], list[Claim]]] = {
            SectionKind.OVERVIEW: self._points,
            SectionKind.POINTS: self._points,
            SectionKind.ACTIONS: self._actions,
            SectionKind.DECISIONS: self._decisions,
            SectionKind.QUESTIONS: self._questions,
            SectionKind.QUOTES: self._quotes,
            SectionKind.OUTLINE: self._outline,
            SectionKind.KEYWORDS: self._keywords,
        }

    def draft(self) -> Draft:
        sections = sorted(self._solution.sections, key=_precedence)
        claims = {section.id: tuple(self._write(section)) for section in sections}
        return Draft(
            mode=ReportMode.EXTRACTIVE,
            claims={section.id: claims[section.id] for section in self._solution.sections},
            roles=self._roles,
            notes=tuple(self._notes),
        )

    def _write(self, section: Section) -> list[Claim]:
        return self._writers[section.kind](section) if self._material.sentences else []

    def _points(self, section: Section) -> list[Claim]:
        chosen = choose(self._material, section, self._allowed(section))
        return [self._row(section, number) for number in self._take(chosen)]

    def _actions(self, section: Section) -> list[Claim]:
        allowed = self._allowed(section)
        found = [action for action in Actions(self._material).find() if allowed[action.number]]
        chosen = sorted(found[: section.max_items], key=lambda action: action.number)
        self._take(action.number for action in chosen)
        return [self._action(section, action) for action in chosen]

    def _action(self, section: Section, action: Action) -> Claim:
        said = self._material.sentences[action.number].text
        cells = fill(section.columns, said, owner=action.owner, due=action.due, said=said)
        return self._material.claim(action.number, cells=cells, confidence=action.confidence)

    def _decisions(self, section: Section) -> list[Claim]:
        allowed = self._allowed(section)
        found = [one for one in find_decisions(self._material) if allowed[one[0]]][: section.max_items]
        self._take(number for number, _ in found)
        return [self._row(section, number, confidence=sure) for number, sure in sorted(found)]

    def _questions(self, section: Section) -> list[Claim]:
        allowed = self._allowed(section)
        claims: list[tuple[int, Claim]] = []
        for one in find_questions(self._material):
            if len(claims) == section.max_items:
                break
            if all(allowed[number] and number not in self._used for number in (one.question, *one.answer)):
                self._take([one.question, *one.answer])
                claims.append((one.question, self._material.answer(one.question, one.answer)))
        return [claim for _, claim in sorted(claims, key=lambda pair: pair[0])]

    def _quotes(self, section: Section) -> list[Claim]:
        allowed = self._allowed(section)
        found = [number for number, _ in find_quotes(self._material) if allowed[number]][: section.max_items]
        return [self._material.claim(number, attributed=True) for number in sorted(self._take(found))]

    def _outline(self, section: Section) -> list[Claim]:
        claims = []
        separator = "、" if is_chinese(" ".join(self._material.folded[:50])) else ", "
        for chapter in find_chapters(self._material, section.max_items):
            key = next((number for number in chapter.telling if number not in self._used), None)
            if key is not None:
                self._take([key])
                claims.append(self._material.claim(key, label=separator.join(chapter.terms) or None))
        return claims

    def _keywords(self, section: Section) -> list[Claim]:
        terms = Terms(self._material)
        ranked = terms.ranked() or terms.ranked(least=1)
        return [self._material.term(term.text, term.sentences) for term in ranked[: section.max_items]]

    def _row(self, section: Section, number: int, *, confidence: float | None = None) -> Claim:
        sentence = self._material.sentences[number]
        cells = fill(
            section.columns,
            sentence.text,
            owner=None if sentence.speaker_id is None else Person("", sentence.speaker_id),
            due=find_due(self._material.folded[number]),
            said=sentence.text,
        )
        return self._material.claim(number, cells=cells, confidence=confidence)

    def _take(self, numbers: Iterable[int]) -> list[int]:
        taken = list(numbers)
        self._used.update(taken)
        return taken

    def _allowed(self, section: Section) -> Floats:
        """1 for each sentence that the section may have: not taken yet, and said by its roles where those are known."""
        allowed = np.ones(len(self._material.sentences), dtype=np.float64)
        allowed[sorted(self._used)] = 0
        if section.speaker_roles:
            speakers = {role.speaker_id for role in self._roles if role.role in section.speaker_roles}
            if not speakers:
                self._notes[ROLES_UNKNOWN] = None
            else:
                said = [one.speaker_id in speakers for one in self._material.sentences]
                allowed *= np.array(said, dtype=np.float64)
        return allowed


def _precedence(section: Section) -> tuple[int, bool]:
    return _ORDER.index(section.kind), not section.cues
