"""The scenario templates of an installation: those that come with Audio2txt and the operator's own.

An unknown id is an error, never a default; a file with a mistake keeps the process from starting, with the mistake's place.
"""

from __future__ import annotations

from shared.errors import ConfigurationError, JobError
from shared.schemas.solutions import Solution
from shared.solutions.files import Examined, Solutions, examine, files_of
from shared.solutions.source import Mistake

__all__ = ["Examined", "Mistake", "Solutions", "examine", "files_of", "find", "load_solutions"]


def load_solutions(own: str | None = None) -> Solutions:
    """The shipped solutions and those in `own`, the file or folder of `AUDIO2TXT_SOLUTIONS`, which add to the shipped ones,
    and replace one by its id and a higher version. Raises `ConfigurationError` that lists every mistake with file, line and
    key."""
    try:
        examined = examine(files_of(own))
    except ConfigurationError as error:
        raise ConfigurationError(f"AUDIO2TXT_SOLUTIONS: {error}") from None
    if examined.mistakes:
        lines = "".join(f"\n  {mistake}" for mistake in examined.mistakes)
        raise ConfigurationError(f"AUDIO2TXT_SOLUTIONS has {len(examined.mistakes)} mistake(s):{lines}")
    return examined.solutions


def find(solutions: Solutions, name: str) -> Solution:
    """The solution with this id or alias; raises `JobError` `unknown_solution` that names those there are."""
    if name in solutions:
        return solutions[name]
    for solution in solutions.values():
        if name in solution.aliases:
            return solution
    known = ", ".join(sorted(solutions))
    raise JobError("unknown_solution", f"There is no solution {name!r}; this installation has: {known}.")
