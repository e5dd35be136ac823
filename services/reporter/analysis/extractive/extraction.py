"""Writes every section of a report out of sentences of the transcript; pure and deterministic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np

from services.reporter.analysis.claims import Brief, Claim, Draft
from services.reporter.analysis.extractive.actions import Action, Actions
from services.reporter.analysis.extractive.dates import clause, find_moment
from services.reporter.analysis.extractive.decisions import find_decisions
from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.extractive.names import Person
from services.reporter.analysis.extractive.outline import find_chapters
from services.reporter.analysis.extractive.points import belongs, choose
from services.reporter.analysis.extractive.questions import find_questions
from services.reporter.analysis.extractive.quotes import find_quotes
from services.reporter.analysis.extractive.roles import find_roles
from services.reporter.analysis.extractive.rows import defined, fill, has_date, reason, text_columns, urgency
from services.reporter.analysis.extractive.terms import Term, Terms
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
    """The report on a transcript, made of its own sentences. No sentence stands in two sections, save that outlines
    and tables of days, which are ways into the recording, may name it again."""
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
        sections = sorted(self._solution.sections, key=self._precedence)
        claims = {section.id: tuple(self._write(section)) for section in sections}
        return Draft(
            mode=ReportMode.EXTRACTIVE,
            claims={section.id: claims[section.id] for section in self._solution.sections},
            roles=self._roles,
            notes=tuple(self._notes),
        )

    def _precedence(self, section: Section) -> tuple[int, bool, int]:
        """Which section chooses before which: of those with cues, the ones that match the fewest sentences."""
        cued = section.kind is SectionKind.POINTS and any(section.cues.values())
        matching = int(np.count_nonzero(self._material.matches(section.cues))) if cued else 0
        return _ORDER.index(section.kind), not cued, matching

    def _write(self, section: Section) -> list[Claim]:
        return self._writers[section.kind](section) if self._material.sentences else []

    def _points(self, section: Section) -> list[Claim]:
        if section.kind is SectionKind.POINTS and has_date(section.columns):
            return self._moments(section)
        allowed = self._allowed(section) * belongs(self._material, section, self._rivals(section))
        return [self._row(section, number) for number in self._take(choose(self._material, section, allowed))]

    def _moments(self, section: Section) -> list[Claim]:
        """A table of days: an index, which may name a sentence that stands elsewhere too, and quotes only the clause."""
        material, spoken = self._material, self._spoken_by(section)
        matches = material.matches(section.cues)
        found = [
            (number, due) for number, folded in enumerate(material.folded) if (due := find_moment(folded)) and spoken[number]
        ]
        told = [(matches[number] + due.exact, number) for number, due in found if not material.sentences[number].doubtful]
        best = sorted((one for one in told if one[0] > 0), key=lambda one: (-one[0], one[1]))[: section.max_items]
        return [self._moment(section, number) for number in sorted(number for _, number in best)]

    def _moment(self, section: Section, number: int) -> Claim:
        sentence = self._material.sentences[number]
        due = find_moment(self._material.folded[number])
        assert due is not None
        text = clause(sentence.text, due)
        cells = fill(section.columns, (text,), due=due, said=sentence.text)
        return self._material.claim(number, text=text, cells=cells)

    def _rivals(self, section: Section) -> list[Section]:
        """The other sections that look for statements by their cues."""
        rivals = [other for other in self._solution.sections if other.kind is SectionKind.POINTS and other.cues]
        return (
            [other for other in rivals if other.id != section.id and not has_date(other.columns)] if section in rivals else []
        )

    def _actions(self, section: Section) -> list[Claim]:
        allowed = self._allowed(section)
        found = [action for action in Actions(self._material).find() if allowed[action.number]]
        chosen = sorted(found[: section.max_items], key=lambda action: action.number)
        self._take(action.number for action in chosen)
        return [self._action(section, action) for action in chosen]

    def _action(self, section: Section, action: Action) -> Claim:
        sentences = self._material.sentences
        said = sentences[action.number].text
        before = None if action.context is None else sentences[action.context].text
        task = said if before is None else f"{before} – {said}"
        due_said = said if action.due_in is None else sentences[action.due_in].text
        texts = (task, urgency(said, self._material.folded[action.number]))
        cells = fill(section.columns, texts, owner=action.owner, due=action.due, said=due_said)
        also = [number for number in (action.context, action.due_in) if number is not None]
        return self._material.claim(action.number, text=task, cells=cells, also=also, confidence=action.confidence)

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
        found = [number for number, _ in find_quotes(self._material, section.cues) if allowed[number]][: section.max_items]
        return [self._material.claim(number, attributed=True) for number in sorted(self._take(found))]

    def _outline(self, section: Section) -> list[Claim]:
        """An index too: a chapter of which everything stands elsewhere is still named."""
        claims = []
        separator = "、" if is_chinese(" ".join(self._material.folded[:50])) else ", "
        for chapter in find_chapters(self._material, section.max_items):
            key = next((number for number in chapter.telling if number not in self._used), next(iter(chapter.telling), None))
            if key is not None:
                self._take([key])
                claims.append(self._material.claim(key, label=separator.join(chapter.terms) or None))
        return claims

    def _keywords(self, section: Section) -> list[Claim]:
        ranked = self._terms or Terms(self._material).ranked(least=1)
        return [self._material.term(term.text, term.sentences) for term in ranked[: section.max_items]]

    def _row(self, section: Section, number: int, *, confidence: float | None = None) -> Claim:
        sentence, folded = self._material.sentences[number], self._material.folded[number]
        cells = fill(
            section.columns,
            self._texts(section, number),
            owner=None if sentence.speaker_id is None else Person("", sentence.speaker_id),
            due=find_moment(folded),
            said=sentence.text,
        )
        return self._material.claim(number, cells=cells, confidence=confidence)

    def _texts(self, section: Section, number: int) -> tuple[str, ...]:
        """What stands in the columns of text: the sentence, after a decision its reason, else before it the term that it
        explains or is about."""
        text = self._material.sentences[number].text
        if text_columns(section.columns) < 2:
            return (text,)
        if section.kind is SectionKind.DECISIONS:
            return (text, reason(text, self._material.folded[number]))
        term = next((term.text for term in self._terms if number in term.sentences), "")
        return (defined(text, self._material.folded[number]) or term, text)

    @cached_property
    def _terms(self) -> list[Term]:
        return Terms(self._material).ranked()

    def _take(self, numbers: Iterable[int]) -> list[int]:
        taken = list(numbers)
        self._used.update(taken)
        return taken

    def _allowed(self, section: Section) -> Floats:
        """1 for each sentence that the section may have: not taken yet, and said by its roles where those are known."""
        allowed = self._spoken_by(section)
        allowed[sorted(self._used)] = 0
        return allowed

    def _spoken_by(self, section: Section) -> Floats:
        """1 for each sentence that the section's roles said; everybody's where those are not known."""
        speakers = {role.speaker_id for role in self._roles if role.role in section.speaker_roles}
        if section.speaker_roles and not speakers:
            self._notes[ROLES_UNKNOWN] = None
        spoken = [not speakers or one.speaker_id in speakers for one in self._material.sentences]
        return np.array(spoken, dtype=np.float64)
