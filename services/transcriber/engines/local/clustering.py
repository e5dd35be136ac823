"""Which voices are the same person's: points on a sphere are grouped, first closely, then by the middles of the groups.

A single point is noisy, so points are only grouped with near ones; the middle of a group is not, so that groups are then
told apart by a finer measure. Long recordings are grouped by the hour first, which bounds memory and time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

NEAR = 0.6
"""Mean cosine distance up to which points are grouped."""
SAME = 0.45
"""Cosine distance of their middles up to which groups are one person."""
_FEWEST = 2
"""Points of a group that is taken for a person: a single one may be a cough, or a mixture of two people."""
_BLOCK = 3600
"""Points that are compared each with each: about an hour's, 50 MB."""
_NEARER, _ATTEMPTS = 0.95, 30
"""By how much, and how often, the distance is lowered to find as many people as there are said to be."""

Merge = tuple[float, int, int]


def find_speakers(points: Floats, *, at_least: int | None = None, at_most: int | None = None) -> Floats:
    """The middle of each speaker's points, a unit vector; as many as there seem to be, within the bounds if possible."""
    fewest = at_least or 1
    blocks = [points[start : start + _BLOCK] for start in range(0, len(points), _BLOCK)]
    groups = [_joined(_groups(block, fewest), fewest, None) for block in blocks]
    return _unit(_joined(np.concatenate(groups), fewest, at_most))


def _groups(points: Floats, at_least: int) -> Floats:
    """The sums of the points of each group; groups of a single point are left out where there are enough others."""
    merges = _average_linkage(points)
    for attempt in range(_ATTEMPTS):
        near = NEAR * _NEARER**attempt
        groups = _members([merge for merge in merges if merge[0] <= near], len(points))
        real = [group for group in groups if len(group) >= _FEWEST]
        if len(real) >= at_least:
            return _sums(points, real)
    near_enough = [merge for merge in merges if merge[0] <= NEAR]
    return _sums(points, _members(near_enough[: max(0, len(points) - at_least)], len(points)))


def _joined(sums: Floats, at_least: int, at_most: int | None) -> Floats:
    """Groups whose middles are near joined, the nearest first, and further ones while there are too many."""
    distances = _distances(_unit(sums))
    while len(sums) > at_least:
        first, second = sorted(divmod(int(distances.argmin()), len(sums)))
        if distances[first, second] > SAME and len(sums) <= (at_most or len(sums)):
            break
        sums[first] += sums[second]
        sums = np.delete(sums, second, axis=0)
        distances = np.delete(np.delete(distances, second, axis=0), second, axis=1)
        distances[first] = distances[:, first] = 1 - _unit(sums) @ _unit(sums)[first]
        distances[first, first] = np.inf
    return sums


def _average_linkage(points: Floats) -> list[Merge]:
    """Which groups to merge in which order, by their points' mean distance; the chain of nearest neighbours finds them."""
    distances, sizes = _distances(points), np.ones(len(points), dtype=np.float32)
    merges: list[Merge] = []
    chain: list[int] = []
    while len(merges) < len(points) - 1:
        if not chain:
            chain.append(int(sizes.argmax()))
        last = chain[-1]
        nearest = int(distances[last].argmin())
        if len(chain) > 1 and distances[last, chain[-2]] <= distances[last, nearest]:
            chain, kept = chain[:-2], chain[-2]
            merges.append((float(distances[last, kept]), kept, last))
            _merge(distances, sizes, kept, last)
        else:
            chain.append(nearest)
    return sorted(merges)


def _merge(distances: Floats, sizes: Floats, kept: int, gone: int) -> None:
    merged = (sizes[kept] * distances[kept] + sizes[gone] * distances[gone]) / (sizes[kept] + sizes[gone])
    distances[kept] = distances[:, kept] = merged
    distances[gone] = distances[:, gone] = np.inf
    sizes[kept] += sizes[gone]
    sizes[gone] = 0


def _members(merges: list[Merge], count: int) -> list[list[int]]:
    """The points of each group after some merges."""
    groups = {point: [point] for point in range(count)}
    for _, kept, gone in merges:
        groups[kept] += groups.pop(gone)
    return list(groups.values())


def _sums(points: Floats, groups: list[list[int]]) -> Floats:
    return np.stack([points[group].sum(axis=0) for group in groups])


def _distances(points: Floats) -> Floats:
    distances = 1 - points @ points.T
    np.fill_diagonal(distances, np.inf)
    return distances


def _unit(points: Floats) -> Floats:
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))
