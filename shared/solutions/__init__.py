"""Loads the scenario templates and finds one by id or alias; an unknown id is an error, never a default."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import msgspec

from shared.errors import JobError
from shared.schemas.solutions import Solution, SolutionFile

Solutions = Mapping[str, Solution]


def load_solutions() -> Solutions:
    """Every solution by its id."""
    solutions: dict[str, Solution] = {}
    for file in sorted((resources.files("shared.solutions") / "scenarios").iterdir(), key=lambda path: path.name):
        for solution in msgspec.yaml.decode(file.read_bytes(), type=SolutionFile).solutions:
            solutions[solution.id] = solution
    return solutions


def find(solutions: Solutions, solution_id: str) -> Solution:
    """The solution with this id or alias; raises `JobError` `unknown_solution` that names those there are."""
    if solution_id in solutions:
        return solutions[solution_id]
    for solution in solutions.values():
        if solution_id in solution.aliases:
            return solution
    known = ", ".join(sorted(solutions))
    raise JobError("unknown_solution", f"There is no solution {solution_id!r}; this installation has: {known}.")
