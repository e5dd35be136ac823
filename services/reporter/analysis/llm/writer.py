"""Writes a report with a language model: in one reading where the transcript fits, else from the facts of all its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.reporter.analysis.claims import Brief, Draft
from services.reporter.analysis.llm.answers import Reader, Told
from services.reporter.analysis.llm.editing import Editor
from services.reporter.analysis.llm.interview import UNREADABLE, Interview, Steps
from services.reporter.analysis.llm.lines import Line, numbered, parts, total
from services.reporter.analysis.llm.merging import Claims, cast, merged
from services.reporter.analysis.llm.prompts import Prompts
from services.reporter.analysis.llm.repairing import Check, Repairs
from services.reporter.chats import Terms
from shared.schemas.jobs import ReportMode
from shared.schemas.reports import SpeakerRole, Usage

SHARE_OF_CONTEXT = 0.6
"""Most of the context that a prompt is planned to fill: estimates err, and models read the middle of long prompts badly."""

PART_TOKENS = 8000
"""Size of a part, where the transcript must be read in parts."""

LEAST_ROOM = 500
"""Tokens of transcript that must fit beside the rules for a reading to make sense."""

FACTS_OF_A_PART = 1000
"""Tokens of facts that a part is expected to bring, for which the budget must still have room at the end."""

PART_MISSING = "llm_part_missing"
CONTEXT_TOO_SMALL = "llm_context_too_small"


class Impossible(Exception):
    """No language model writes this report; `notes` says why, as codes for `Report.notes`, `usage` what that cost."""

    def __init__(self, notes: tuple[str, ...], usage: Usage | None = None) -> None:
        super().__init__(", ".join(notes))
        self.notes = notes
        self.usage = usage


class Writer:
    """Writes one report. `check` tells which claims cannot be verified."""

    def __init__(self, brief: Brief, terms: Terms, check: Check) -> None:
        self._brief = brief
        self._check = check
        self._model = terms.model
        self._room = min(int(terms.context_tokens * SHARE_OF_CONTEXT), terms.context_tokens - terms.max_output_tokens)
        self._lines = numbered(brief.transcript)
        self._prompts = Prompts(brief, terms)
        self._reader = Reader(brief)
        self._interview = Interview(self._prompts, terms)
        self._repairs = Repairs(
            solution=brief.solution,
            interview=self._interview,
            prompts=self._prompts,
            reader=self._reader,
            lines=self._lines,
            check=check,
        )
        self._editor = Editor(
            brief=brief, interview=self._interview, prompts=self._prompts, reader=self._reader, room=self._room
        )

    def draft(self) -> Steps[Draft]:
        """The report, unchecked. Raises `Impossible` when the model says nothing at all."""
        if self._prompts.whole(()).tokens + total(self._lines) <= self._room:
            return (yield from self._in_one_reading())
        return (yield from self._in_parts())

    def _in_one_reading(self) -> Steps[Draft]:
        [told] = yield from self._interview.ask([self._prompts.whole(self._lines)], self._reader.told)
        if told is None:
            raise Impossible(self._interview.notes, self._interview.usage)
        self._note_unread([told])
        claims = yield from self._repairs.corrected(told.claims, told.roles)
        return self._draft(claims, told.roles)

    def _in_parts(self) -> Steps[Draft]:
        room = min(PART_TOKENS, self._room - self._prompts.part((), 1, 1).tokens)
        if room < LEAST_ROOM:
            raise Impossible((CONTEXT_TOO_SMALL,))
        cut = parts(self._lines, room)
        later = min(self._room, self._prompts.facts((), final=True).tokens + FACTS_OF_A_PART * len(cut))
        prompts = [self._prompts.part(part, number, len(cut)) for number, part in enumerate(cut, 1)]
        answers = yield from self._interview.ask(prompts, self._reader.told, reserve=later)
        heard = [told for told in answers if told is not None]
        if not heard:
            raise Impossible(self._interview.notes, self._interview.usage)
        self._note_unread(heard)
        roles = cast(told.roles for told in heard)
        ids = [section.id for section in self._brief.solution.sections]
        collected = {id_: merged(claim for told in heard for claim in told.claims[id_]) for id_ in ids}
        facts = yield from self._repairs.corrected(collected, roles, reserve=later)
        claims = yield from self._from_facts(facts, roles)
        return self._draft(claims, roles, unread=self._unread(cut, answers))

    def _from_facts(self, facts: Claims, roles: Mapping[str, str]) -> Steps[Claims]:
        """The report from the facts that were verified; the others stand in it as they are, and are shown for what they are."""
        doubts = self._check(facts, roles)
        sound, doubtful = (
            {id_: tuple(one for one, why in zip(facts[id_], doubts[id_], strict=True) if bool(why) is bad) for id_ in facts}
            for bad in (False, True)
        )
        written = yield from self._editor.written(sound)
        return {id_: (*written[id_], *doubtful[id_]) for id_ in facts}

    def _note_unread(self, heard: Sequence[Told]) -> None:
        if any(told.unread for told in heard):
            self._interview.note(UNREADABLE)

    def _unread(self, cut: Sequence[tuple[Line, ...]], answers: Sequence[Told | None]) -> tuple[str, ...]:
        """The segments that no part which was answered holds."""
        read = {line.segment_id for part, told in zip(cut, answers, strict=True) if told is not None for line in part}
        unread = dict.fromkeys(line.segment_id for line in self._lines if line.segment_id not in read)
        if unread:
            self._interview.note(PART_MISSING)
        return tuple(unread)

    def _draft(self, claims: Claims, roles: Mapping[str, str], *, unread: tuple[str, ...] = ()) -> Draft:
        titles = {role.id: role.label[self._brief.language] for role in self._brief.solution.roles}
        return Draft(
            mode=ReportMode.LLM,
            claims=dict(claims),
            roles=tuple(
                SpeakerRole(speaker_id=speaker, role=role, title=titles[role], source="llm") for speaker, role in roles.items()
            ),
            notes=self._interview.notes,
            model=self._model,
            usage=self._interview.usage,
            unread=unread,
        )
