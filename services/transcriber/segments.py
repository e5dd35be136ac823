"""Words become segments: one to three sentences of one speaker, cut at sentence ends and pauses. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import msgspec

from services.transcriber.engines import Passage
from shared.schemas.transcripts import Segment, SegmentFlag, Word, render_words

SHORTEST_WORD_MS = 40
LONGEST_SEGMENT_MS = 30_000
FULL_SEGMENT_MS = 15_000
"""No further sentence is added when the segment would become longer than this."""
MOST_SENTENCES = 3
NEW_SEGMENT_PAUSE_MS = 800
"""After a pause like this a sentence starts a new segment."""
BREAK_PAUSE_MS = 2_000
"""A pause like this ends a sentence even without a full stop."""
LOW_CONFIDENCE = 0.5
MOST_REPEATS = 2
"""A sentence said more often than this in a row is taken for an engine going in circles."""

_ENDS = tuple(".?!。？！…")
_CLAUSE_ENDS = tuple(",;:，；：、—")
_UNSPOKEN = re.compile(r"[^\w ]|_")
_CLOSERS = "\"'”’」』）)]»"
_ABBREVIATIONS = frozenset(["mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "no.", "e.g.", "i.e.", "jr.", "sr."])

Sentence = list[Word]


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """Consecutive passages that differ in nothing."""

    speaker: str | None
    language: str | None
    flags: frozenset[SegmentFlag]
    words: list[Word]


def build_segments(passages: Sequence[Passage], speaker_ids: dict[str, str]) -> tuple[Segment, ...]:
    """Every word of the passages, in their order, in segments with the ids `s000001`, `s000002`, …"""
    groups = [(turn, group) for turn in _turns(passages) for group in _grouped(_sentences(turn.words))]
    repeated = _repeated([sentence for _, group in groups for sentence in group])
    segments, seen = [], 0
    for number, (turn, group) in enumerate(groups, start=1):
        circular = any(repeated[seen : seen + len(group)])
        seen += len(group)
        speaker_id = None if turn.speaker is None else speaker_ids[turn.speaker]
        segments.append(_segment(f"s{number:06}", turn, group, speaker_id, circular=circular))
    return tuple(segments)


def mend_times(words: Sequence[Word], end_ms: int) -> list[Word]:
    """The same words in order: none starts before the one before it, or is shorter than 40 ms, or ends after the recording."""
    mended, earliest = [], 0
    for word in words:
        assert word.s is not None
        assert word.e is not None
        if earliest <= word.s and word.s + SHORTEST_WORD_MS <= word.e <= end_ms:
            mended.append(word)
            earliest = word.s
            continue
        start = max(word.s, earliest)
        end = max(word.e, start + SHORTEST_WORD_MS)
        start, end = min(start, end_ms), min(end, end_ms)
        mended.append(word if (start, end) == (word.s, word.e) else msgspec.structs.replace(word, s=start, e=end))
        # Whoever overlaps in earnest keeps its times; only the minimum pushes the next word away.
        earliest = end if end > word.e else start
    return mended


def _turns(passages: Sequence[Passage]) -> Iterator[_Turn]:
    for (speaker, language, flags), group in groupby(passages, key=lambda one: (one.speaker, one.language, one.flags)):
        words = [word for passage in group for word in passage.words]
        if words:
            yield _Turn(speaker=speaker, language=language, flags=flags, words=words)


def _sentences(words: Sequence[Word]) -> Iterator[Sentence]:
    sentence: Sentence = []
    for word, following in zip(words, [*words[1:], None], strict=True):
        sentence.append(word)
        if following is None or _ends_sentence(word) or _pause(word, following) >= BREAK_PAUSE_MS:
            yield from _bounded(sentence)
            sentence = []


def _bounded(sentence: Sentence) -> Iterator[Sentence]:
    """The sentence, cut at its clauses or pauses where it is longer than a segment may be."""
    while _length(sentence) > LONGEST_SEGMENT_MS and len(sentence) > 1:
        at = _cut(sentence)
        yield sentence[:at]
        sentence = sentence[at:]
    yield sentence


def _cut(sentence: Sentence) -> int:
    """Before which word to cut: after the last clause that fits in a segment, or at the longest pause."""
    fits = next((index for index in range(1, len(sentence)) if _length(sentence[: index + 1]) > LONGEST_SEGMENT_MS), 1)
    clauses = [index for index in range(fits, fits // 2, -1) if _core(sentence[index - 1]).endswith(_CLAUSE_ENDS)]
    if clauses:
        return clauses[0]
    return max(range(max(1, fits // 2), fits + 1), key=lambda index: _pause(sentence[index - 1], sentence[index]))


def _grouped(sentences: Iterator[Sentence]) -> Iterator[list[Sentence]]:
    group: list[Sentence] = []
    for sentence in sentences:
        if group and not _fits(group, sentence):
            yield group
            group = []
        group.append(sentence)
    if group:
        yield group


def _fits(group: list[Sentence], sentence: Sentence) -> bool:
    return (
        len(group) < MOST_SENTENCES
        and _pause(group[-1][-1], sentence[0]) < NEW_SEGMENT_PAUSE_MS
        and _end(sentence) - _start(group[0]) <= FULL_SEGMENT_MS
    )


def _segment(segment_id: str, turn: _Turn, group: list[Sentence], speaker_id: str | None, *, circular: bool) -> Segment:
    words = [word for sentence in group for word in sentence]
    if words[0].sep:
        words[0] = msgspec.structs.replace(words[0], sep="")
    confidence = mean_confidence(words)
    flags = set(turn.flags)
    if circular:
        flags.add(SegmentFlag.REPEATED)
    if confidence is not None and confidence < LOW_CONFIDENCE:
        flags.add(SegmentFlag.LOW_CONFIDENCE)
    return Segment(
        id=segment_id,
        start_ms=_start(words),
        end_ms=max(word.e or 0 for word in words),
        text=render_words(words),
        speaker_id=speaker_id,
        language=turn.language,
        confidence=confidence,
        words=tuple(words),
        flags=tuple(sorted(flags)),
    )


def mean_confidence(words: Sequence[Word]) -> float | None:
    """The mean over the words that have one."""
    known = [word.c for word in words if word.c is not None]
    return round(sum(known) / len(known), 4) if known else None


def _repeated(sentences: Sequence[Sentence]) -> list[bool]:
    """For each sentence, whether it belongs to a row of more equal ones than people say."""
    flags: list[bool] = []
    for text, row in groupby(sentences, key=_spoken):
        count = len(list(row))
        flags += [count > MOST_REPEATS and len(text) >= len("yes yes")] * count
    return flags


def _spoken(sentence: Sentence) -> str:
    return _UNSPOKEN.sub("", render_words(sentence).casefold()).strip()


def _ends_sentence(word: Word) -> bool:
    if word.t[-1:].isalnum():
        return False
    core = _core(word)
    return core.endswith(_ENDS) and core.casefold() not in _ABBREVIATIONS


def _core(word: Word) -> str:
    return word.t.rstrip(_CLOSERS)


def _pause(before: Word, after: Word) -> int:
    return (after.s or 0) - (before.e or 0)


def _start(words: Sequence[Word]) -> int:
    return words[0].s or 0


def _end(words: Sequence[Word]) -> int:
    return words[-1].e or 0


def _length(words: Sequence[Word]) -> int:
    return _end(words) - _start(words)
