"""Reads solutions from files and puts those of the operator beside those that come with Audio2txt."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import msgspec

from shared.errors import ConfigurationError
from shared.schemas.solutions import Solution, SolutionFile
from shared.solutions.conformity import wrong_values
from shared.solutions.rules import broken_rules
from shared.solutions.source import KeyPath, Mistake, Source, parse

Solutions = Mapping[str, Solution]
"""Every solution by its id."""


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A solution and where it stands."""

    solution: Solution
    source: Source
    path: KeyPath
    shipped: bool

    def mistake(self, path: KeyPath, message: str) -> Mistake:
        """Something wrong at a place inside it."""
        return self.source.mistake((*self.path, *path), message)


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What some files hold, and everything wrong with them."""

    solutions: Solutions
    mistakes: tuple[Mistake, ...] = ()


def files_of(own: str | None) -> list[Path]:
    """The files meant by a setting: one file, or every `*.yaml` of a folder. Raises `ConfigurationError`."""
    if own is None:
        return []
    path = Path(own).expanduser()
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml"))
    if not found:
        raise ConfigurationError(f"{path} holds no *.yaml file; put your solutions there, or name another.")
    return found


def examine(files: Iterable[Path]) -> Examined:
    """The shipped solutions with those of these files, as far as they are right. Raises `ConfigurationError` for a file
    that cannot be opened."""
    mistakes: list[Mistake] = []
    own: list[Placed] = []
    for file in files:
        placed, wrong = _read(str(file), _bytes_of(file), shipped=False)
        own += placed
        mistakes += wrong
    there = _shipped()
    together = {placed.solution.id: placed for placed in (*there, *own)}
    mistakes += [*_ambiguous_ids(there, own), *_ambiguous_aliases(tuple(together.values()))]
    solutions = {id_: placed.solution for id_, placed in together.items()}
    return Examined(solutions=solutions, mistakes=tuple(mistakes))


@functools.cache
def _shipped() -> tuple[Placed, ...]:
    """The solutions that come with Audio2txt, by id. Raises `ConfigurationError` where the installation is damaged."""
    solutions: list[Placed] = []
    mistakes: list[Mistake] = []
    for file in (resources.files("shared.solutions") / "scenarios").iterdir():
        placed, wrong = _read(file.name, file.read_bytes(), shipped=True)
        solutions += placed
        mistakes += wrong
    if mistakes or not solutions:
        raise ConfigurationError(
            f"The shipped solutions are damaged; install Audio2txt again: {'; '.join(map(str, mistakes))}."
        )
    return tuple(sorted(solutions, key=lambda placed: placed.solution.id))


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror or error}.") from None


def _read(name: str, data: bytes, *, shipped: bool) -> tuple[list[Placed], list[Mistake]]:
    """The solutions of one file that are right by themselves, and what is wrong with the others."""
    document = parse(name, data)
    mistakes = list(document.mistakes)
    if document.value is not None:
        mistakes += [document.mistake(path, message) for path, message in wrong_values(document.value, SolutionFile)]
    placed = []
    for place, solution in _well_typed(document.value):
        wrong = [document.mistake(path, message) for path, message in broken_rules(solution, ("solutions", place))]
        if not wrong:
            placed.append(Placed(solution=solution, source=document, path=("solutions", place), shipped=shipped))
        mistakes += wrong
    return placed, sorted(mistakes, key=lambda mistake: mistake.line)


def _well_typed(document: object) -> Iterator[tuple[int, Solution]]:
    values = document.get("solutions") if isinstance(document, dict) else None
    for place, value in enumerate(values if isinstance(values, list) else ()):
        try:
            yield place, msgspec.convert(value, Solution)
        except msgspec.ValidationError:
            continue


def _ambiguous_ids(there: Sequence[Placed], own: Sequence[Placed]) -> Iterator[Mistake]:
    """Solutions of the operator that neither are new nor replace a shipped one."""
    known = {placed.solution.id: placed.solution for placed in there}
    seen: dict[str, Placed] = {}
    for placed in own:
        solution = placed.solution
        if (earlier := seen.setdefault(solution.id, placed)) is not placed:
            where = f"{earlier.source.name}:{earlier.source.line(earlier.path)}"
            yield placed.mistake(("id",), f"`{solution.id}` is defined in {where} already; choose another id")
        elif (old := known.get(solution.id)) is not None and old.version >= solution.version:
            shipped = f"`{solution.id}` comes with Audio2txt in version {old.version}"
            yield placed.mistake(("version",), f"{shipped}; give a higher one to replace it, or choose another id")


def _ambiguous_aliases(solutions: Sequence[Placed]) -> Iterator[Mistake]:
    """Aliases that are the id or an alias of another solution; of two, the operator's is blamed."""
    ids = {placed.solution.id: placed for placed in solutions}
    aliases: dict[str, Placed] = {}
    for placed in solutions:
        for place, alias in enumerate(placed.solution.aliases):
            if (other := ids.get(alias)) is not None:
                yield _of_the_operator(placed, ("aliases", place), other, f"`{alias}` is both an id and an alias; rename it")
            elif (other := aliases.setdefault(alias, placed)) is not placed:
                yield placed.mistake(("aliases", place), f"`{alias}` is an alias of `{other.solution.id}` already; rename it")


def _of_the_operator(alias: Placed, place: KeyPath, named: Placed, message: str) -> Mistake:
    return named.mistake(("id",), message) if alias.shipped else alias.mistake(place, message)
