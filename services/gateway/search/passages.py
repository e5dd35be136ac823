"""Cuts transcripts into passages, and passages that answer a question into hits. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from services.gateway.search.terms import Match, Question, tokens_of
from services.gateway.store.search import Passage, SegmentPlace

PASSAGE_LENGTH = 1000
"""Characters, about a minute of speech. All words of a question must stand in one passage."""
SNIPPET_LENGTH = 160


class Spoken(msgspec.Struct, gc=False):
    """The part of a segment that is searched."""

    id: str
    start_ms: int
    end_ms: int
    text: str


class SpokenText(msgspec.Struct):
    """The part of a transcript that is searched."""

    segments: tuple[Spoken, ...] = ()


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a snippet."""

    text: str
    match: bool = False


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A segment (or, without one, a title) in which words of the question stand, and what it looks like."""

    segment: SegmentPlace | None
    pieces: tuple[Piece, ...]


def title_passage(tenant_id: UUID, *names: str | None) -> Passage | None:
    """What a job is called, as a passage; null for a job that is called nothing."""
    text = "\n".join(dict.fromkeys(_line(name) for name in names if name))
    return Passage(place=0, text=text, segments=(), tokens=tokens_of(tenant_id, text)) if text else None


def passages_of(tenant_id: UUID, spoken: SpokenText) -> Iterator[Passage]:
    """What was said, passage by passage."""
    for number, group in enumerate(_groups(spoken.segments), start=1):
        text = "\n".join(_line(segment.text) for segment in group)
        segments = tuple(SegmentPlace(segment.id, segment.start_ms, segment.end_ms) for segment in group)
        yield Passage(place=-number, text=text, segments=segments, tokens=tokens_of(tenant_id, text))


def hits_of(passage: Passage, question: Question) -> list[Hit]:
    """Where the passage answers: its lines with the most of the question's terms. Empty where it only seemed to."""
    matches = question.matches(passage.text)
    lines = list(_lines(passage.text, matches))
    best = max((len(line.terms) for line in lines), default=0)
    return [
        Hit(segment=passage.segments[line.number] if passage.segments else None, pieces=tuple(line.pieces()))
        for line in lines
        if best and len(line.terms) == best
    ]


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One line of a passage, which is one segment, and the matches that begin in it."""

    number: int
    text: str
    matches: Sequence[tuple[int, int]]
    terms: frozenset[int]

    def pieces(self) -> Iterator[Piece]:
        """The line around its first match, with every match set apart."""
        first = self.matches[0][0]
        start = max(0, min(first - SNIPPET_LENGTH // 3, len(self.text) - SNIPPET_LENGTH))
        end = min(len(self.text), start + SNIPPET_LENGTH)
        if start:
            yield Piece(text="…")
        at = start
        for begin, stop in self.matches:
            if begin < at or begin >= end:
                continue
            if begin > at:
                yield Piece(text=self.text[at:begin])
            at = min(stop, max(end, begin + 1), len(self.text))
            yield Piece(text=self.text[begin:at], match=True)
        if at < end:
            yield Piece(text=self.text[at:end])
        if end < len(self.text):
            yield Piece(text="…")


def _lines(text: str, matches: Sequence[Match]) -> Iterator[_Line]:
    start = 0
    for number, line in enumerate(text.split("\n")):
        end = start + len(line)
        here = [match for match in matches if start <= match.start < end]
        if here:
            places = [(match.start - start, min(match.end, end) - start) for match in here]
            yield _Line(number=number, text=line, matches=places, terms=frozenset(match.term for match in here))
        start = end + 1


def _groups(segments: Sequence[Spoken]) -> Iterator[list[Spoken]]:
    group: list[Spoken] = []
    length = 0
    for segment in segments:
        if group and length + len(segment.text) > PASSAGE_LENGTH:
            yield group
            group, length = [], 0
        group.append(segment)
        length += len(segment.text)
    if group:
        yield group


def _line(text: str) -> str:
    """One line, of characters that the database can keep."""
    return text.replace("\n", " ").replace("\r", " ").replace("\0", " ")
