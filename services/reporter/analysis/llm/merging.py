"""Unites what the parts of a transcript brought: the same thing said in two of them is one fact with the evidence of both."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from services.reporter.analysis.claims import Claim, Source
from services.reporter.analysis.llm.answers import MOST_SOURCES
from services.reporter.analysis.words import chinese_tokens, content_words, fold

Claims: TypeAlias = Mapping[str, tuple[Claim, ...]]
"""By section."""

ALIKE = 0.7
"""Share of common words (Jaccard) from which two claims about one segment are one, if numbers and negations are the same."""

_TELLING = re.compile(r"\d+|\bno(?:t|ne|thing|body)?\b|n['’]t\b|\bnever\b|[不没未无别非零一二三四五六七八九十百千万亿两半]")
"""In a folded text: what makes another statement of one with the same words."""


def merged(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """The claims of one section in their order, each said once."""
    kept: list[Claim] = []
    words: list[_Words] = []
    by_segment: defaultdict[str, list[int]] = defaultdict(list)
    for claim in claims:
        said = _words(claim)
        near = {at for source in claim.sources for at in by_segment[source.segment_id]}
        twin = next((at for at in sorted(near) if said.alike(words[at])), None)
        if twin is None:
            twin = len(kept)
            kept.append(claim)
            words.append(said)
        else:
            kept[twin] = msgspec.structs.replace(kept[twin], sources=union([kept[twin], claim]))
        for source in claim.sources:
            by_segment[source.segment_id].append(twin)
    return tuple(kept)


def union(claims: Sequence[Claim]) -> tuple[Source, ...]:
    """The evidence of several claims, each source once, those that come first in each before the others."""
    rounds = max((len(claim.sources) for claim in claims), default=0)
    in_turn = (claim.sources[at] for at in range(rounds) for claim in claims if at < len(claim.sources))
    return tuple(dict.fromkeys(in_turn))[:MOST_SOURCES]


def vocabulary(text: str) -> frozenset[str]:
    """The words of a text that carry meaning."""
    folded = fold(text)
    return frozenset(content_words(folded, [word for word, _ in chinese_tokens(folded)]))


def cast(parts: Iterable[dict[str, str]]) -> dict[str, str]:
    """The role of each speaker that most parts agree on; of a tie, what was found first."""
    votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for roles in parts:
        for speaker, role in roles.items():
            votes[speaker][role] += 1
    return {speaker: counted.most_common(1)[0][0] for speaker, counted in votes.items()}


class _Words(msgspec.Struct, frozen=True):
    carrying: frozenset[str]
    telling: tuple[str, ...]

    def alike(self, other: _Words) -> bool:
        common, all_ = self.carrying & other.carrying, self.carrying | other.carrying
        return self.telling == other.telling and len(common) >= ALIKE * len(all_)


def _words(claim: Claim) -> _Words:
    said = fold(" ".join([claim.label or "", claim.text, *(cell.text for cell in claim.cells)])).lower()
    carrying = vocabulary(said) or frozenset([said])
    return _Words(carrying, tuple(sorted(_TELLING.findall(said))))
