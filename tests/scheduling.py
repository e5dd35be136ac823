"""The order of the tests where several workers share them. xdist gives each an equal run of the list, and whoever is done
takes over the end of another's: so each begins with what takes long, and ends with what is short."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

WEIGHTS = {"chaos": 20.0, "e2e": 4.0, "integration": 1.0, "contract": 0.5}
"""About how long a test takes, by its folder, in this order. Those of other folders are short."""
ROOT = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Arrange what was collected."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        items[:] = arranged(items, [_folder(item) for item in items], workers)


def arranged(items: Sequence[T], folders: Sequence[str], workers: int) -> list[T]:
    """For each worker a run of neighbours that take long, all of about the same weight, filled up with short ones."""
    long = [item for kind in WEIGHTS for item, folder in zip(items, folders, strict=True) if folder == kind]
    weights = [weight for kind, weight in WEIGHTS.items() for folder in folders if folder == kind]
    short = iter([item for item, folder in zip(items, folders, strict=True) if folder not in WEIGHTS])
    shares: list[list[T]] = [[] for _ in range(workers)]
    before, total = 0.0, sum(weights)
    for item, weight in zip(long, weights, strict=True):
        shares[int(before * workers / total)].append(item)
        before += weight
    runs = pairwise(len(items) * worker // workers for worker in range(workers + 1))
    filled = [
        [*share, *islice(short, max(0, end - begin - len(share)))] for share, (begin, end) in zip(shares, runs, strict=True)
    ]
    return [*chain.from_iterable(filled), *short]


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).parts[0] if item.path.is_relative_to(ROOT) else ""
