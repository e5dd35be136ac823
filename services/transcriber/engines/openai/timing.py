"""Times for the words of a text whose server tells none, or tells those of other words: spread out, or matched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from services.transcriber.engines.openai.messages import Span
from shared.schemas.transcripts import Word, WordSource
from shared.words import letters_of, separator


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A word as the server times it; its text may lack the punctuation."""

    text: str
    start_ms: int
    end_ms: int


def spread(texts: Sequence[str], spans: Sequence[Span]) -> list[Word]:
    """The words one after the other over the stretches of speech, each as long as its letters."""
    return [
        _word(texts, index, span, WordSource.INTERPOLATED)
        for index, span in enumerate(_shares(list(map(_weight, texts)), spans))
    ]


def align(texts: Sequence[str], timed: Sequence[Timed], within: Span) -> list[Word]:
    """The words with the times of those that have the same letters; what has no counterpart is interpolated between them."""
    spans = _matched(texts, timed)
    words: list[Word] = []
    while len(words) < len(texts):
        first = len(words)
        if (span := spans[first]) is not None:
            words.append(_word(texts, first, span, WordSource.ASR))
            continue
        end = next((index for index in range(first, len(texts)) if spans[index] is not None), len(texts))
        following = spans[end] if end < len(texts) else None
        start_ms = words[-1].e if words and words[-1].e is not None else within[0]
        gap = (start_ms, max(start_ms, within[1] if following is None else following[0]))
        shares = _shares([_weight(text) for text in texts[first:end]], [gap])
        words += [_word(texts, first + index, share, WordSource.INTERPOLATED) for index, share in enumerate(shares)]
    return words


def _shares(weights: Sequence[int], spans: Sequence[Span]) -> Iterator[Span]:
    """For each weight its part of the spans; a part that would cross a pause lies on the side of its middle."""
    total_ms, total = sum(end - start for start, end in spans), sum(weights)
    left, (start, end), before, done = list(spans[1:]), spans[0], 0, 0
    for weight in weights:
        first, last = done * total_ms / total, (done + weight) * total_ms / total
        while left and (first + last) / 2 >= before + end - start:
            before += end - start
            start, end = left.pop(0)
        yield (max(start, round(start + first - before)), min(end, round(start + last - before)))
        done += weight


def _matched(texts: Sequence[str], timed: Sequence[Timed]) -> list[Span | None]:
    """For each text the times of its letters, as far as they are found."""
    ours = [(letter, index) for index, text in enumerate(texts) for letter in letters_of(text)]
    theirs = [(letter, span) for word in timed for letter, span in _timed_letters(word)]
    spans: list[Span | None] = [None] * len(texts)
    matcher = SequenceMatcher(None, [letter for letter, _ in ours], [letter for letter, _ in theirs], autojunk=False)
    for at, other, size in matcher.get_matching_blocks():
        for step in range(size):
            index, (start, end) = ours[at + step][1], theirs[other + step][1]
            known = spans[index]
            spans[index] = (start, end) if known is None else (known[0], end)
    return spans


def _timed_letters(word: Timed) -> Iterator[tuple[str, Span]]:
    letters = letters_of(word.text)
    step = (word.end_ms - word.start_ms) / max(1, len(letters))
    for index, letter in enumerate(letters):
        yield letter, (round(word.start_ms + index * step), round(word.start_ms + (index + 1) * step))


def _weight(text: str) -> int:
    return max(1, len(letters_of(text)))


def _word(texts: Sequence[str], index: int, span: Span, source: WordSource) -> Word:
    before = texts[index - 1] if index else ""
    return Word(t=texts[index], s=span[0], e=max(span), sep=separator(before, texts[index]), src=source)
