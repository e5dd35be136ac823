"""Chooses the sentences that say most about the whole, or about a section's subject."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.reporter.analysis.extractive.material import Material
from services.reporter.analysis.extractive.vectors import Floats, diverse
from shared.schemas.solutions import Section, SectionKind

_CANDIDATES = 400
_LEAST_QUALITY = 0.3
_LEAST_WORDS = 6
_LEAST_SHARE = 0.25
_LEAST_SHARE_OF_SUBJECT = 0.33
"""Of the best sentence's worth: what is much worse is left out, sooner where a subject was looked for."""
_NEARLY = 0.7
_LEAST_CUE = 0.25
"""A match below this, such as one cue that stands in every other sentence, is none."""


def choose(material: Material, section: Section, allowed: Floats) -> list[int]:
    """At most `max_items` sentences, in order of time; `allowed` is 0 for those that must not be taken."""
    fit = (material.quality >= _LEAST_QUALITY) & (material.lengths >= _LEAST_WORDS)
    worth = np.where(fit, _worth(material, section), np.float64(0)) * allowed
    share = _LEAST_SHARE if section.kind is SectionKind.OVERVIEW or not section.cues else _LEAST_SHARE_OF_SUBJECT
    least = max(1e-9, share * float(worth.max(initial=0)))
    order = np.argsort(-np.round(worth, 9), kind="stable")[:_CANDIDATES]
    candidates = [int(number) for number in order if worth[number] >= least]
    if not candidates:
        return []
    rows = material.vectors.dense(candidates)
    chosen = diverse(rows, [float(worth[number]) for number in candidates], section.max_items)
    return sorted(candidates[place] for place in chosen)


def belongs(material: Material, section: Section, others: Sequence[Section]) -> Floats:
    """1 for each sentence that no other section's cues match much better."""
    if not others:
        return np.ones(len(material.sentences), dtype=np.float64)
    theirs = np.max([material.matches(other.cues) for other in others], axis=0)
    belonging: Floats = (material.matches(section.cues) >= _NEARLY * theirs).astype(np.float64)
    return belonging


def _worth(material: Material, section: Section) -> Floats:
    if not any(section.cues.values()):
        return material.telling
    matches = material.matches(section.cues)
    if section.kind is SectionKind.OVERVIEW:  # What the recording is about is never nothing.
        return material.telling * (1 + 0.5 * np.minimum(matches, 1.5))
    about = material.vectors.likeness(material.vectors.centroid(matches * material.quality))
    worth: Floats = (0.6 * np.minimum(matches, 2.0) + 0.6 * about + 0.6 * material.centrality) * material.quality
    return np.where(matches >= _LEAST_CUE, worth, np.float64(0))
