"""Loads the scenario templates and finds one by id; an unknown id is an error, never a default."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import msgspec

from shared.errors import JobError
from shared.schemas.solutions import Solution, SolutionFile

Solutions = Mapping[str, Solution]


def load_solutions() -> Solutions:
    """Every solution by its id."""
    text = (resources.files("shared") / "solutions.yaml").read_bytes()
    file = msgspec.yaml.decode(text, type=SolutionFile)
    return {solution.id: solution for solution in file.solutions}


def find(solutions: Solutions, solution_id: str) -> Solution:
    """The solution with this id; raises `JobError` `unknown_solution` that names those there are."""
    if solution_id not in solutions:
        known = ", ".join(sorted(solutions))
        raise JobError("unknown_solution", f"There is no solution {solution_id!r}; this installation has: {known}.")
    return solutions[solution_id]
