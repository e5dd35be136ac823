"""Which worker is given which test."""

from __future__ import annotations

from collections import Counter

from tests.scheduling import WEIGHTS, arranged

FOLDERS = ["chaos"] * 2 + ["contract"] * 8 + ["e2e"] * 10 + ["integration"] * 40 + ["unit"] * 100


def test_every_worker_begins_with_as_much_that_takes_long_and_ends_with_what_is_short() -> None:
    """Every test is there once; the equal runs that xdist makes of the list weigh about the same, long ones first."""
    names = [f"{folder}-{place}" for place, folder in enumerate(FOLDERS)]
    order = arranged(names, FOLDERS, 3)
    assert Counter(order) == Counter(names)
    runs = [[name.partition("-")[0] for name in order[begin : begin + 53]] for begin in (0, 53, 106)]
    weights = [sum(WEIGHTS.get(kind, 0.0) for kind in run) for run in runs]
    assert max(weights) - min(weights) <= max(WEIGHTS.values())
    for run in runs:
        short = run.index("unit")
        assert set(run[short:]) == {"unit"}
    assert order[0].startswith("chaos")


def test_with_more_long_tests_than_fit_none_is_left_out() -> None:
    """Where everything is light or everything is long, every test still runs once."""
    for folders in (["unit"] * 7, ["integration"] * 7, ["chaos", *["contract"] * 30]):
        names = list(range(len(folders)))
        assert sorted(arranged(names, folders, 3)) == names
