"""Finds what somebody undertook or was asked to do, with who and until when as far as it was said."""

from __future__ import annotations

import re
from typing import assert_never

import msgspec

from services.reporter.analysis.extractive.commitments import ACCEPTANCE, HYPOTHETICAL, PROCEDURE, TURNS, Manner, Turn
from services.reporter.analysis.extractive.dates import Due, find_due
from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.extractive.names import Names, Person
from services.reporter.analysis.extractive.phrases import COURTESY, INVITATION, QUESTION
from services.reporter.analysis.words import length

_LEAST = 0.45
_SHORTEST, _LONGEST = 3, 60
_LEAST_WORDS = 2
"""That carry meaning: "I'll do that" says nothing on its own."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do."""

    number: int
    """Of its sentence."""
    begin: int
    end: int
    """The words of the sentence that make it one."""
    owner: Person | None
    due: Due | None
    confidence: float


class Actions:
    """The actions of one transcript."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._names = Names(material.brief.transcript.speakers)

    def find(self) -> list[Action]:
        """All of them, the surest first."""
        found = [action for number in range(len(self._material.sentences)) if (action := self._action(number))]
        return sorted(found, key=lambda action: (-action.confidence, action.number))

    def _action(self, number: int) -> Action | None:
        folded = self._material.folded[number]
        if not _SHORTEST <= length(folded) <= _LONGEST or len(set(self._material.words[number])) < _LEAST_WORDS:
            return None
        best: Action | None = None
        for turn in TURNS:
            for match in turn.phrase.finditer(folded):
                action = self._judge(number, turn, match)
                if action is not None and (best is None or action.confidence > best.confidence):
                    best = action
        return best if best is not None and best.confidence >= _LEAST else None

    def _judge(self, number: int, turn: Turn, match: re.Match[str]) -> Action | None:
        """How sure it is that the sentence asks for something or undertakes it in this way."""
        person = self._named(number, match) if turn.manner is Manner.NAMED else None
        if turn.manner is Manner.NAMED and person is None:
            return None
        folded = self._material.folded[number]
        due = find_due(folded)
        owner = person or self._owner(number, turn.manner)
        sure = turn.weight + (0 if due is None else 0.3 if due.limit else 0.15)
        sure += 0.1 if owner is not None and turn.manner in (Manner.NAMED, Manner.ADDRESSED) else 0
        sure += 0.1 if turn.manner is Manner.ADDRESSED and self._accepted(number) else 0
        sure -= self._against(number, folded, turn.manner)
        return Action(
            number=number,
            begin=match.start(),
            end=match.end(),
            owner=owner,
            due=due,
            confidence=round(min(0.95, max(0.0, sure)), 2),
        )

    def _against(self, number: int, folded: str, manner: Manner) -> float:
        """What speaks against it."""
        doubts = 0.0
        if HYPOTHETICAL.search(folded):
            doubts += 0.3
        if PROCEDURE.search(folded):
            doubts += 0.35
        if INVITATION.search(folded):
            doubts += 0.6
        if QUESTION.search(folded) and manner in (Manner.SELF, Manner.GROUP):
            doubts += 0.3
        if COURTESY.match(folded):
            doubts += 0.15
        if self._material.sentences[number].doubtful:
            doubts += 0.3
        return doubts

    def _owner(self, number: int, manner: Manner) -> Person | None:
        match manner:
            case Manner.SELF:
                return self._speaker(self._material.sentences[number].speaker_id)
            case Manner.ADDRESSED:
                return self._addressed(number)
            case Manner.GROUP | Manner.NAMED:
                return None
            case _:
                assert_never(manner)

    def _named(self, number: int, match: re.Match[str]) -> Person | None:
        """Whoever the phrase names, in the words of the sentence."""
        group = next(name for name, said in match.groupdict().items() if said)
        begin, end = match.span(group)
        return self._names.find(self._material.sentences[number].text[begin:end])

    def _speaker(self, speaker_id: str | None) -> Person | None:
        return None if speaker_id is None else Person("", speaker_id)

    def _addressed(self, number: int) -> Person | None:
        """Whoever answers that they will, or the other one of two."""
        speaker = self._material.sentences[number].speaker_id
        speakers = self._material.speakers
        if speaker is None:
            return None
        if len(speakers) == 2:
            return self._speaker(next(one for one in speakers if one != speaker))
        following = self._next(number)
        if following is not None and ACCEPTANCE.search(self._material.folded[following]):
            return self._speaker(self._material.sentences[following].speaker_id)
        return None

    def _accepted(self, number: int) -> bool:
        following = self._next(number)
        return following is not None and ACCEPTANCE.search(self._material.folded[following]) is not None

    def _next(self, number: int) -> int | None:
        """The next sentence, if somebody else says it."""
        sentences = self._material.sentences
        after = number + 1
        return after if after < len(sentences) and sentences[after].speaker_id != sentences[number].speaker_id else None
