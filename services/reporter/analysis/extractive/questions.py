"""Finds what was asked and what somebody else answered."""

from __future__ import annotations

import msgspec

from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.extractive.phrases import COURTESY, QUESTION, Phrase
from services.reporter.analysis.words import length

_SHORTEST_QUESTION, _LONGEST_QUESTION = 5, 48
_SHORTEST_ANSWER = 5
_LOOK_AHEAD = 8
"""Sentences after the question among which its answer begins."""
_ASIDES = 2
"""Sentences that the asker may add."""
_PATIENCE_MS = 90_000
_SHORT_ANSWER = 14
"""An answer below this length takes the next sentence with it."""

_ASKING = Phrase(
    r"\b(?:what|why|how|when|where|which|who|whose|whether|is there|are there|do you|does|did|can we|could we|should|have "
    r"you|would it|will)\b",
    r"什麼|怎麼|為什麼|為何|如何|哪|誰|多少|幾|是否|有沒有|能不能|可不可以|會不會|是不是|要不要|嗎",
)
_ASKED_FOR = Phrase(r"(?:請問|想問|問一下|請教)[^。]*(?:什麼|哪|如何|怎麼|怎樣|多少|是否|誰|為何)")
"""A question in all but its mark."""
_PRAISE = Phrase(
    r"^(?:that's|it's|what) (?:an? )?(?:very |really )?(?:good|great|interesting|excellent) question\W*$",
    r"^[^，。]{0,4}(?:這個)?問題(?:問得)?(?:非常|很)好[。，]?$",
)
_RHETORIC = Phrase(
    r"(?:right|okay|ok|yeah|you know|isn't it|don't you think|doesn't it|aren't they|huh|can you hear me|any (?:other "
    r")?questions|does that make sense|your name|how are you)\W*$",
    r"(?:對吧|對不對|是不是|是吧|好不好|好嗎|可以嗎|行嗎|行不行|聽得到嗎|你說呢|怎麼辦呢|知道嗎|沒有問題吧)\W*$",
)


class Answered(msgspec.Struct, frozen=True):
    """A question and the sentences that answer it, by their numbers."""

    question: int
    answer: tuple[int, ...]
    worth: float
    """From 0 to 1."""


def find_questions(material: Material) -> list[Answered]:
    """Questions that were answered, the most telling first."""
    found: list[Answered] = []
    for number in range(len(material.sentences)):
        if (worth := _worth(material, number)) and (answer := _answer(material, number)):
            told = float(max(material.centrality[one] for one in answer))
            fit = float(max(material.quality[one] for one in answer))
            found.append(Answered(number, answer, round(worth * (0.3 + told) * (0.3 + fit), 9)))
    return sorted(found, key=lambda one: (-one.worth, one.question))


def _worth(material: Material, number: int) -> float:
    folded, sentence = material.folded[number], material.sentences[number]
    size = float(material.lengths[number])
    if (
        not _SHORTEST_QUESTION <= size <= _LONGEST_QUESTION
        or sentence.doubtful
        or not (QUESTION.search(folded) or _ASKED_FOR.search(folded))
    ):
        return 0.0
    if _RHETORIC.search(folded) or len(material.words[number]) < 2:
        return 0.0
    asks = 1.0 if _ASKING.search(folded) else 0.5
    return asks * (0.4 + float(material.centrality[number])) * min(1.0, size / 9)


def _answer(material: Material, question: int) -> tuple[int, ...]:
    """The first sentences of substance that somebody else says, unless the asker goes on to something else first."""
    asked = material.sentences[question]
    asides = 0
    last = min(len(material.sentences), question + 1 + _LOOK_AHEAD)
    for number in range(question + 1, last):
        sentence = material.sentences[number]
        if sentence.start_ms - asked.end_ms > _PATIENCE_MS:
            return ()
        if sentence.speaker_id == asked.speaker_id:
            asides += 1
            if asides > _ASIDES:
                return ()
        elif length(sentence.text) >= _SHORTEST_ANSWER and not _polite(material.folded[number]):
            if QUESTION.search(material.folded[number]) or sentence.doubtful:
                return ()
            return (number, *_rest(material, number))
    return ()


def _polite(folded: str) -> bool:
    """Thanks for the question, and the like."""
    return COURTESY.match(folded) is not None or _PRAISE.match(folded) is not None


def _rest(material: Material, number: int) -> tuple[int, ...]:
    """The next sentence too, where the first says little."""
    sentence, after = material.sentences[number], number + 1
    if length(sentence.text) >= _SHORT_ANSWER or after >= len(material.sentences):
        return ()
    following = material.sentences[after]
    goes_on = following.whole and following.speaker_id == sentence.speaker_id and not QUESTION.search(material.folded[after])
    return (after,) if goes_on and length(following.text) >= _SHORTEST_ANSWER else ()
