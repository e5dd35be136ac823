"""Sentences as vectors of their words (TF-IDF), in numpy alone: how central one is, and how alike two are."""

from __future__ import annotations

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
        self._size = len(sentences)
        places: dict[str, int] = {}
        flat = [places.setdefault(word, len(places)) for words in sentences for word in words]
        rows = np.repeat(np.arange(self._size), [len(words) for words in sentences])
        uses, counts = np.unique(rows * max(1, len(places)) + np.array(flat, dtype=np.int64), return_counts=True)
        rows, columns = np.divmod(uses, max(1, len(places)))
        values = (1 + np.log(counts)) * self._weights(np.bincount(columns, minlength=len(places)))[columns]
        counted = values > 0
        words, places_of_words = np.unique(columns[counted], return_inverse=True)
        self._width = len(words)
        self._rows: Indices = rows[counted]
        self._columns: Indices = places_of_words
        squares = np.bincount(self._rows, values[counted] ** 2, minlength=self._size)
        self._values: Floats = values[counted] / np.sqrt(squares)[self._rows]

    def _weights(self, sentences: Indices) -> Floats:
        """The weight of each word, by the number of sentences that hold it; 0 for those that do not count."""
        few = self._size < _FEW
        counted = (sentences <= (self._size if few else _COMMON * self._size)) & (few | (sentences > 1))
        return np.where(counted, np.log((1 + self._size) / (0.5 + sentences)), 0.0)

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
