"""Words as sentences and paragraphs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from services.sandbox.assemblyai.speech import Word, confidence_of, joined

_ENDS = (".", "?", "!", "。", "？", "！", "…")
_CLOSING = "\"'”’」』)）"
_SENTENCES_A_PARAGRAPH = 4


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence of one speaker."""

    text: str
    start: int
    end: int
    confidence: float
    words: list[Word]
    speaker: str | None
    channel: str | UnsetType = UNSET


class Paragraph(msgspec.Struct, frozen=True, kw_only=True):
    """A few sentences of one speaker."""

    text: str
    start: int
    end: int
    confidence: float
    words: list[Word]


def sentences(words: Sequence[Word]) -> list[Sentence]:
    """Every word is in one of them."""
    result: list[Sentence] = []
    run: list[Word] = []
    for number, word in enumerate(words):
        run.append(word)
        last = number + 1 == len(words)
        if last or ends_sentence(word) or words[number + 1].speaker != word.speaker:
            result.append(_sentence(run))
            run = []
    return result


def paragraphs(words: Sequence[Word]) -> list[Paragraph]:
    """Every sentence is in one of them."""
    result: list[Paragraph] = []
    run: list[Sentence] = []
    for sentence in sentences(words):
        if run and (len(run) == _SENTENCES_A_PARAGRAPH or run[-1].speaker != sentence.speaker):
            result.append(_paragraph(run))
            run = []
        run.append(sentence)
    return [*result, _paragraph(run)] if run else result


def ends_sentence(word: Word) -> bool:
    """Whether it is the last of a sentence, as far as its punctuation tells."""
    return word.text.rstrip(_CLOSING).endswith(_ENDS)


def _sentence(words: list[Word]) -> Sentence:
    return Sentence(
        text=joined(word.text for word in words),
        start=words[0].start,
        end=words[-1].end,
        confidence=confidence_of(words),
        words=words,
        speaker=words[0].speaker,
        channel=words[0].channel,
    )


def _paragraph(run: list[Sentence]) -> Paragraph:
    words = [word for sentence in run for word in sentence.words]
    return Paragraph(
        text=joined(sentence.text for sentence in run),
        start=run[0].start,
        end=run[-1].end,
        confidence=confidence_of(words),
        words=words,
    )
