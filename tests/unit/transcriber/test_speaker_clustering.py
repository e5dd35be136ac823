"""Points of one person are one group, however many there are; what is known about the number of people is heeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from services.transcriber.engines.local.clustering import find_speakers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

CLEAR = 0.7
NOISY = 1.1
"""How far points lie from their person's middle, which is 1 from the centre."""


def _people(count: int) -> Floats:
    return _unit(np.random.default_rng(1).standard_normal((count, 192)))


def _points(people: Floats, count: int, *, scatter: float = CLEAR, seed: int = 2) -> Floats:
    """Points of people who speak in turn."""
    noise = np.random.default_rng(seed).standard_normal((count, 192)) / np.sqrt(192)
    return _unit(people[np.arange(count) % len(people)] + scatter * noise)


def _unit(points: NDArray[np.float64] | Floats) -> Floats:
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), dtype=np.float32)


def _same(found: Floats, people: Floats) -> bool:
    """Whether every person was found, and nobody else."""
    likeness = found @ people.T
    return len(found) == len(people) and set(likeness.argmax(axis=1).tolist()) == set(range(len(people)))


@pytest.mark.parametrize("scatter", [CLEAR, NOISY])
@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_as_many_are_found_as_there_are(count: int, scatter: float) -> None:
    """In clear recordings and in noisy ones."""
    people = _people(count)
    assert _same(find_speakers(_points(people, 40 * count, scatter=scatter)), people)


def test_a_single_strange_sound_is_nobody() -> None:
    """A cough, or a piece in which two people are mixed."""
    people = _people(3)
    points = np.concatenate([_points(people[:2], 20), people[2:]])
    assert _same(find_speakers(points), people[:2])


def test_long_recordings_are_grouped_by_the_hour_and_put_together() -> None:
    """Somebody who speaks in every hour is one person, somebody who comes late is another."""
    people = _people(3)
    points = np.concatenate([_points(people[:2], 4_000), _points(people, 4_000, seed=3)])
    assert _same(find_speakers(points), people)


def test_no_more_than_are_expected() -> None:
    """Whoever is most alike becomes one."""
    assert len(find_speakers(_points(_people(5), 100), at_most=3)) == 3


def test_no_fewer_than_are_expected() -> None:
    """Even where all sound alike."""
    assert len(find_speakers(_points(_people(1), 60), at_least=2)) == 2


@pytest.mark.parametrize("count", [1, 2])
def test_a_few_points_are_enough(count: int) -> None:
    """A recording of one or two sentences."""
    people = _people(count)
    assert _same(find_speakers(_points(people, count)), people)
