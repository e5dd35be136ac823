"""Divides a recording into chapters where its words change (after TextTiling, Hearst 1997)."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np

from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.extractive.terms import Terms
from services.reporter.analysis.extractive.vectors import Floats

_BLOCK_WORDS = (6, 24)
_BLOCKS, _MOST_BLOCKS = 40, 300
"""A block, the unit that is compared, has as many words that count as make so many blocks of the whole, within bounds."""
_WINDOW = 4
"""Blocks on either side of a gap."""
_CHAPTER_BLOCKS = 6
"""A chapter is about this long at least."""
_LABEL_TERMS = 3
_LEAST_QUALITY = 0.25
"""Of the sentence that stands for its chapter."""


class Chapter(msgspec.Struct, frozen=True):
    """A stretch of sentences, by their numbers, with the terms that set it apart and its sentences by how telling they are."""

    sentences: range
    terms: tuple[str, ...]
    telling: tuple[int, ...]


def find_chapters(material: Material, most: int) -> list[Chapter]:
    """At most `most` chapters, in order, that cover the whole recording; none where it does not fall into several."""
    inner = _boundaries(material, most)
    if not inner:
        return []
    terms = Terms(material)
    bounds = [0, *inner, len(material.sentences)]
    return [_chapter(material, terms, range(begin, end)) for begin, end in pairwise(bounds)]


def _chapter(material: Material, terms: Terms, sentences: range) -> Chapter:
    inside = np.zeros(len(material.sentences), dtype=np.float64)
    inside[sentences.start : sentences.stop] = material.quality[sentences.start : sentences.stop] + 0.05
    likeness = material.vectors.likeness(material.vectors.centroid(inside))
    early = np.linspace(1.15, 0.85, len(material.sentences[sentences.start : sentences.stop]))
    part = slice(sentences.start, sentences.stop)
    scores = (likeness[part] + 0.3 * material.centrality[part]) * material.quality[part] * early
    order = np.argsort(-np.round(scores, 9), kind="stable")
    names = tuple(term.text for term in terms.ranked(sentences)[:_LABEL_TERMS])
    telling = (sentences.start + int(place) for place in order)
    return Chapter(sentences, names, tuple(number for number in telling if material.quality[number] >= _LEAST_QUALITY))


def _boundaries(material: Material, most: int) -> list[int]:
    """The numbers of the sentences at which a new chapter begins."""
    starts = _blocks(material)
    chapters = min(most, round(len(starts) / _CHAPTER_BLOCKS))
    if chapters < 2:
        return []
    depths = _depths(_cohesion(material, starts))
    chosen: list[int] = []
    nearest = max(2, len(starts) // (2 * chapters))
    for gap in np.argsort(-np.round(depths, 9), kind="stable"):
        if len(chosen) == chapters - 1:
            break
        place = int(gap) + 1
        if all(abs(place - other) >= nearest for other in (0, len(starts), *chosen)):
            chosen.append(place)
    return sorted({_turn_start(material, starts[place]) for place in chosen} - {0})


def _blocks(material: Material) -> list[int]:
    """Where each block begins: about as many words in each."""
    total = sum(map(len, material.words))
    size = max(min(_BLOCK_WORDS[1], max(_BLOCK_WORDS[0], total // _BLOCKS)), total // _MOST_BLOCKS)
    starts, words = [0], 0
    for number, sentence in enumerate(material.words):
        if words >= size:
            starts.append(number)
            words = 0
        words += len(sentence)
    return starts


def _cohesion(material: Material, starts: list[int]) -> Floats:
    """How alike the blocks before and after each gap between two blocks are."""
    block_of = np.zeros(len(material.sentences), dtype=np.int64)
    block_of[starts[1:]] = 1
    rows = material.vectors.blocks(np.cumsum(block_of), len(starts))
    sums = np.vstack([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    cohesion = np.zeros(len(starts) - 1)
    for gap in range(1, len(starts)):
        before = sums[gap] - sums[max(0, gap - _WINDOW)]
        after = sums[min(len(starts), gap + _WINDOW)] - sums[gap]
        norms = float(np.linalg.norm(before) * np.linalg.norm(after))
        cohesion[gap - 1] = float(before @ after) / norms if norms else 0.0
    return cohesion


def _depths(cohesion: Floats) -> Floats:
    """How far each gap lies below the peaks on both sides of it."""
    depths = np.zeros(len(cohesion))
    for gap, value in enumerate(cohesion):
        left = right = value
        for other in cohesion[gap::-1]:
            if other < left:
                break
            left = other
        for other in cohesion[gap:]:
            if other < right:
                break
            right = other
        depths[gap] = left + right - 2 * value
    return depths


def _turn_start(material: Material, number: int) -> int:
    """The nearest sentence within two at which somebody takes the floor; else the sentence itself."""
    sentences = material.sentences
    for distance in (0, 1, -1, 2, -2):
        place = number + distance
        if 0 < place < len(sentences) and sentences[place].speaker_id != sentences[place - 1].speaker_id:
            return place
    return number
