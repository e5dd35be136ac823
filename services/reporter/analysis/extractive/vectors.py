"""Sentences as vectors of their words (TF-IDF), in numpy alone: how central one is, and how alike two are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

_COMMON = 0.25
"""A word in a larger share of all sentences says nothing."""
_FEW = 40
"""With fewer sentences no word counts as common, and words that occur once count too."""


class Vectors:
    """One row of unit length for each sentence; an empty row where it has no word that counts."""

    def __init__(self, sentences: Sequence[Sequence[str]]) -> None:
        self.weights = _weights(sentences)
        places = {word: place for place, word in enumerate(self.weights)}
        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        for number, words in enumerate(sentences):
            counts = Counter(word for word in words if word in places)
            entries = {word: (1 + math.log(count)) * self.weights[word] for word, count in counts.items()}
            norm = math.sqrt(sum(value * value for value in entries.values())) or 1.0
            rows += [number] * len(entries)
            columns += [places[word] for word in entries]
            values += [value / norm for value in entries.values()]
        self._rows: Indices = np.array(rows, dtype=np.int64)
        self._columns: Indices = np.array(columns, dtype=np.int64)
        self._values: Floats = np.array(values, dtype=np.float64)
        self._size = len(sentences)
        self._width = len(places)

    def centroid(self, importance: Floats) -> Floats:
        """What the sentences have in common, each counting as much as it is important."""
        mean: Floats = np.bincount(self._columns, self._values * importance[self._rows], minlength=self._width).astype(
            np.float64
        )
        return mean / np.float64(float(np.linalg.norm(mean)) or 1.0)

    def likeness(self, to: Floats) -> Floats:
        """The cosine of each sentence and a vector of unit length."""
        likeness: Floats = np.bincount(self._rows, self._values * to[self._columns], minlength=self._size).astype(np.float64)
        return likeness

    def dense(self, numbers: Sequence[int]) -> Floats:
        """The rows of some sentences, with the columns that they need."""
        places = np.full(self._size, -1, dtype=np.int64)
        places[list(numbers)] = np.arange(len(numbers))
        chosen = places[self._rows] >= 0
        columns, dense_columns = np.unique(self._columns[chosen], return_inverse=True)
        dense = np.zeros((len(numbers), len(columns)), dtype=np.float64)
        dense[places[self._rows[chosen]], dense_columns] = self._values[chosen]
        return dense

    def blocks(self, block_of: Indices, count: int) -> Floats:
        """The sums of the rows of each of `count` blocks, at unit length; `block_of` gives each sentence's."""
        flat = block_of[self._rows] * max(1, self._width) + self._columns
        sums = np.bincount(flat, self._values, minlength=count * max(1, self._width)).reshape(count, -1)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return sums / np.where(norms == 0, 1.0, norms)


def _weights(sentences: Sequence[Sequence[str]]) -> dict[str, float]:
    """The weight of each word that counts."""
    occurrences: Counter[str] = Counter()
    for words in sentences:
        occurrences.update(dict.fromkeys(words, 1))
    total = len(sentences)
    few = total < _FEW
    most = total if few else _COMMON * total
    return {
        word: math.log((1 + total) / (0.5 + count))
        for word, count in occurrences.items()
        if count <= most and (few or count > 1)
    }


def diverse(rows: Floats, scores: Sequence[float], count: int, *, balance: float = 0.8) -> list[int]:
    """The places of the best `count` rows, each unlike those before it (maximal marginal relevance, Carbonell and Goldstein
    1998); `balance` is the weight of the score against the likeness."""
    if not len(scores):
        return []
    top = max(scores) or 1.0
    gain = np.array(scores, dtype=np.float64) / top * balance
    likeness = np.zeros(len(scores))
    left = np.ones(len(scores), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < count and left.any():
        value = np.where(left, np.round(gain - (1 - balance) * likeness, 9), -np.inf)
        best = int(np.argmax(value))
        chosen.append(best)
        left[best] = False
        likeness = np.maximum(likeness, rows @ rows[best])
    return chosen
