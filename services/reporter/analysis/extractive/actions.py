"""Finds what somebody undertook or was asked to do, with who and until when as far as it was said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import msgspec

from services.reporter.analysis.extractive.commitments import (
    ACCEPTANCE,
    HYPOTHETICAL,
    PROCEDURE,
    Manner,
    Way,
    find_ways,
    may_ask,
)
from services.reporter.analysis.extractive.dates import Due, find_due
from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.extractive.names import Names, Person
from services.reporter.analysis.extractive.phrases import COURTESY, INVITATION, QUESTION, Phrase
from services.reporter.analysis.words import length

_LEAST = 0.45
_SHORTEST, _LONGEST = 3, 60
_LEAST_WORDS = 2
"""That carry meaning: "I'll do that" says nothing on its own."""
_LOOK_BACK = 4
_PATIENCE = 3
"""Sentences."""
_FEW_WORDS = 5
_SHORT_REPLY = 8
_EVERYBODY = Phrase(
    r"\b(?:everyone|everybody|all of you|you all|you guys|each of you)\b", r"各位|大家|所有人|每個人|每位|同學們|你們"
)


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do."""

    number: int
    """Of its sentence."""
    owner: Person | None
    due: Due | None
    confidence: float
    context: int | None = None
    """The sentence before without which it says nothing: "I'll look into that"."""
    due_in: int | None = None
    """The sentence that says when it is due, where that is the answer to a request."""


class Actions:
    """The actions of one transcript."""

    def __init__(self, material: Material) -> None:
        self._material = material
        self._names = Names(material.brief.transcript.speakers)

    def find(self) -> list[Action]:
        """All of them, the surest first."""
        material = self._material
        fit = (material.lengths >= _SHORTEST) & (material.lengths <= _LONGEST)
        asking = [number for number in may_ask(material.folded, material.lines) if fit[number]]
        found = [
            action for number, ways in find_ways(material.folded, asking).items() if (action := self._action(number, ways))
        ]
        found = [action for action in found if not self._accepts(action, found)]
        told = {action.number for action in found}
        found = [msgspec.structs.replace(action, context=None) if action.context in told else action for action in found]
        return sorted(found, key=lambda action: (-action.confidence, action.number))

    def _action(self, number: int, ways: Sequence[Way]) -> Action | None:
        judged = (self._judge(number, way) for way in ways)
        best = max((action for action in judged if action), key=lambda action: action.confidence, default=None)
        if best is None or best.confidence < _LEAST:
            return None
        if len(set(self._material.words[number])) >= _LEAST_WORDS or self._material.lengths[number] > _SHORT_REPLY:
            return best
        context = self._context(number) if best.owner and best.owner.speaker_id else None
        return None if context is None else msgspec.structs.replace(best, context=context)

    def _accepts(self, action: Action, others: Sequence[Action]) -> bool:
        """Whether somebody only takes on what they were asked for just before."""
        sentence, folded = self._material.sentences[action.number], self._material.folded[action.number]
        return (
            length(sentence.text) <= _SHORT_REPLY
            and ACCEPTANCE.search(folded) is not None
            and any(
                0 < action.number - other.number <= _PATIENCE
                and other.owner is not None
                and other.owner.speaker_id == sentence.speaker_id
                for other in others
            )
        )

    def _judge(self, number: int, way: Way) -> Action | None:
        """How sure it is that the sentence asks for something or undertakes it in this way."""
        turn = way.turn
        person = None if way.who is None else self._named(number, way.who)
        if turn.manner is Manner.NAMED and person is None:
            return None
        folded = self._material.folded[number]
        asked = turn.manner in (Manner.NAMED, Manner.ADDRESSED)
        reply = self._reply(number) if asked else None
        due, due_in = find_due(folded), None
        if due is None and reply is not None and (due := find_due(self._material.folded[reply])):
            due_in = reply
        owner = person or self._owner(number, turn.manner)
        sure = turn.weight + (0 if due is None else 0.3 if due.limit else 0.15)
        sure += 0.1 if asked and owner is not None else 0
        sure += 0.1 if reply is not None else 0
        sure -= self._against(number, folded, turn.manner)
        return Action(number=number, owner=owner, due=due, due_in=due_in, confidence=round(min(0.95, max(0.0, sure)), 2))

    def _against(self, number: int, folded: str, manner: Manner) -> float:
        """What speaks against it."""
        against = [
            (HYPOTHETICAL.search(folded), 0.3),
            (PROCEDURE.search(folded), 0.35),
            (INVITATION.search(folded), 0.6),
            (QUESTION.search(folded) and manner in (Manner.SELF, Manner.GROUP), 0.3),
            (COURTESY.match(folded), 0.15),
            (self._material.sentences[number].doubtful, 0.3),
        ]
        return sum(weight for found, weight in against if found)

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

    def _named(self, number: int, who: tuple[int, int]) -> Person | None:
        """Whoever is named there, in the words of the sentence."""
        begin, end = who
        sentence = self._material.sentences[number]
        person = self._names.find(sentence.text[begin:end])
        return Person(person.name) if person and person.speaker_id == sentence.speaker_id else person  # Nobody calls himself.

    def _speaker(self, speaker_id: str | None) -> Person | None:
        return None if speaker_id is None else Person("", speaker_id)

    def _addressed(self, number: int) -> Person | None:
        """Whoever answers that they will, or the other one of two."""
        speaker, speakers = self._material.sentences[number].speaker_id, self._material.speakers
        if speaker is None:
            return None
        if len(speakers) == 2:
            return self._speaker(next(one for one in speakers if one != speaker))
        reply = None if _EVERYBODY.search(self._material.folded[number]) else self._reply(number)
        return None if reply is None else self._speaker(self._material.sentences[reply].speaker_id)

    def _reply(self, number: int) -> int | None:
        """The sentence in which somebody else takes on what they are asked for, right after it or a few words later."""
        sentences = self._material.sentences
        for after in range(number + 1, min(len(sentences), number + 1 + _PATIENCE)):
            if sentences[after].speaker_id != sentences[number].speaker_id:
                return after if ACCEPTANCE.search(self._material.folded[after]) else None
            if length(sentences[after].text) > _FEW_WORDS:
                return None
        return None

    def _context(self, number: int) -> int | None:
        """What somebody else said just before, if it says something."""
        sentences = self._material.sentences
        for before in range(number - 1, max(-1, number - 1 - _LOOK_BACK), -1):
            other = sentences[before].speaker_id != sentences[number].speaker_id
            if other and len(set(self._material.words[before])) >= _LEAST_WORDS:
                return before
        return None
