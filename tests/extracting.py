"""How much of a reference's evidence a choice of sentences holds, and how well it covers what people wrote about a meeting."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import fmean

import msgspec

from services.reporter.analysis.claims import Brief, Source
from services.reporter.analysis.extractive import extract
from services.reporter.analysis.sentences import Sentence, split
from services.reporter.analysis.words import chinese_tokens, fold, length, stem
from shared.schemas.jobs import ArtifactFormat, ReportLanguage
from shared.schemas.solutions import Column, LocalisedTerms, LocalisedText, Role, Section, SectionKind, Solution
from tests.meetings import Answer, Meeting, turn_of

SEEDS = range(40)
_LEAST_GAIN = 0.05
_PRICE = 0.05
_EVIDENCE_EACH = 6


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """What a choice of sentences is worth; each from 0 to 1."""

    recall: float
    """Share of the evidence's words that were chosen."""
    precision: float
    """Share of the chosen sentences that are evidence."""
    parts: float | None
    """Share of the parts of the meeting of which at least one piece of evidence was chosen; null for an undivided one."""
    rouge1: float
    rouge2: float
    """F1 of words, and of pairs of words, with the summary of the meeting and those of its parts."""


def text(word: str) -> LocalisedText:
    """A word in all languages."""
    return {"zh-Hant": word, "en": word}


def section(
    kind: SectionKind,
    id_: str = "",
    *,
    cues: LocalisedTerms | None = None,
    columns: tuple[Column, ...] = (),
    roles: tuple[str, ...] = (),
    items: int = 8,
) -> Section:
    """A section of a kind, named after it unless told otherwise."""
    return Section(
        id=id_ or kind.value,
        title=text(kind),
        kind=kind,
        cues=cues or {},
        columns=columns,
        speaker_roles=roles,
        max_items=items,
    )


def scenario(*sections: Section, roles: tuple[Role, ...] = ()) -> Solution:
    """A scenario of these sections."""
    return Solution(
        id="only",
        version=1,
        title=text("t"),
        description=text("d"),
        artifacts=(ArtifactFormat.MARKDOWN,),
        sections=sections,
        roles=roles,
    )


def highlights(items: int) -> Solution:
    """A scenario of nothing but so many sentences on what a recording is about."""
    return scenario(section(SectionKind.POINTS, items=items))


class Reference:
    """One meeting with the sentences that bear out what people wrote about it."""

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        self.transcript = meeting.transcript()
        self.sentences = split(self.transcript.segments)
        self.lengths = [length(sentence.text) for sentence in self.sentences]
        self._words = [_words(sentence.text) for sentence in self.sentences]
        self._evidence = [self._bearing_out(answer) for answer in meeting.answers] or [self._marked()]
        self._written = [word for text in (meeting.summary, *(one.text for one in meeting.answers)) for word in _words(text)]

    def extracted(self, solution: Solution) -> list[int]:
        """The numbers of the sentences that a report after this scenario quotes."""
        language: ReportLanguage = "en" if self.meeting.language == "en" else "zh-Hant"
        draft = extract(Brief(solution=solution, transcript=self.transcript, language=language))
        quoted = [source for claims in draft.claims.values() for claim in claims for source in claim.sources]
        return [number for number, sentence in enumerate(self.sentences) if _quoted(sentence, quoted)]

    def lead(self, words: int) -> list[int]:
        """The first sentences, up to so many words."""
        return self._within(range(len(self.sentences)), words)

    def at_random(self, words: int, seed: int) -> list[int]:
        """Sentences drawn by lot, up to so many words."""
        order = list(range(len(self.sentences)))
        random.Random(seed).shuffle(order)
        return self._within(order, words)

    def length(self, chosen: Iterable[int]) -> int:
        """How long some sentences are together."""
        return sum(self.lengths[number] for number in chosen)

    def score(self, chosen: Iterable[int]) -> Score:
        """What the chosen sentences are worth."""
        found = set(chosen)
        wanted = set().union(*self._evidence)
        said = [word for number in sorted(found) for word in self._words[number]]
        return Score(
            recall=self.length(wanted & found) / self.length(wanted),
            precision=len(wanted & found) / max(1, len(found)),
            parts=sum(1 for one in self._evidence if one & found) / len(self._evidence) if self.meeting.answers else None,
            rouge1=_f1(said, self._written),
            rouge2=_f1(_pairs(said), _pairs(self._written)),
        )

    def _marked(self) -> set[int]:
        """The sentences of which at least half was marked as important."""
        words = {turn: iter(self.meeting.important(turn)) for turn in range(len(self.meeting.turns))}
        marked = set()
        for number, sentence in enumerate(self.sentences):
            flags = [
                flag
                for source in sentence.sources
                for _, (_, flag) in zip(source.quote.split(), words[turn_of(source.segment_id)], strict=False)
            ]
            if flags and sum(flags) >= len(flags) / 2:
                marked.add(number)
        return marked

    def _bearing_out(self, answer: Answer) -> set[int]:
        """The sentences inside the answer's spans that together say most of it: the greedy oracle by which the sentences of
        extractive summaries are labelled (Nallapati, Zhai and Zhou 2017)."""
        wanted = Counter(_words(answer.text))
        turns = {turn for first, last in answer.spans for turn in range(first, last + 1)}
        inside = [n for n, one in enumerate(self.sentences) if turn_of(one.sources[0].segment_id) in turns]
        chosen: set[int] = set()
        covered: Counter[str] = Counter()
        while len(chosen) < _EVIDENCE_EACH:
            left = wanted - covered
            gains = {n: _gain(left, self._words[n]) / sum(wanted.values()) for n in inside if n not in chosen}
            best = max(gains, key=lambda number: (gains[number], -number), default=None)
            if best is None or gains[best] < _LEAST_GAIN:
                break
            chosen.add(best)
            covered |= Counter(self._words[best]) & wanted
        return chosen

    def _within(self, order: Iterable[int], words: int) -> list[int]:
        chosen, used = [], 0
        for number in order:
            if self.lengths[number] and used + self.lengths[number] <= words * 1.05:
                chosen.append(number)
                used += self.lengths[number]
        return chosen


def mean(scores: Sequence[Score]) -> Score:
    """The mean of each figure, of those that have it."""
    parts = [one.parts for one in scores if one.parts is not None]
    return Score(
        recall=fmean(one.recall for one in scores),
        precision=fmean(one.precision for one in scores),
        parts=fmean(parts) if parts else None,
        rouge1=fmean(one.rouge1 for one in scores),
        rouge2=fmean(one.rouge2 for one in scores),
    )


def _gain(left: Counter[str], words: Sequence[str]) -> float:
    """How many of the words that are left a sentence says, less a little for its length."""
    return sum((left & Counter(words)).values()) - _PRICE * len(words)


def _quoted(sentence: Sentence, quoted: Iterable[Source]) -> bool:
    return any(
        one.segment_id == source.segment_id and (one.quote in source.quote or source.quote in one.quote)
        for one in quoted
        for source in sentence.sources
    )


def _words(text: str) -> list[str]:
    """All words, Chinese ones cut; grammar's words count, as ROUGE counts them."""
    folded = fold(text)
    words = [word for word, _ in chinese_tokens(folded)] or re.findall(r"[\w'-]+", folded)
    return [stem(word.lower()) if word.isascii() else word for word in words if any(char.isalnum() for char in word)]


def _pairs(words: Sequence[str]) -> list[str]:
    return [f"{first} {second}" for first, second in pairwise(words)]


def _f1(said: Sequence[str], written: Sequence[str]) -> float:
    common = sum((Counter(said) & Counter(written)).values())
    return 2 * common / (len(said) + len(written)) if said and written else 0.0
