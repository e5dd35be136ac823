"""Reads YAML so that every value remembers its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import yaml
from typing_extensions import override

KeyPath = tuple[str | int, ...]
"""Keys and places from the top of a document to a value."""

LARGEST_BYTES = 1024 * 1024
_MOST_VALUES = 50_000
"""More than any file of that size holds, unless aliases multiply it."""

_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong in a file."""

    file: str
    line: int
    path: str
    message: str
    """What is wrong, and what to do."""

    @override
    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}: {where}{self.message}"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A document as plain values, and where each stands."""

    name: str
    value: object
    lines: dict[KeyPath, int]
    mistakes: tuple[Mistake, ...] = ()
    """What is wrong with it as YAML."""

    def mistake(self, path: KeyPath, message: str) -> Mistake:
        """Something wrong with a value, or with what is missing there."""
        return Mistake(file=self.name, line=self.line(path), path=path_text(path), message=message)

    def line(self, path: KeyPath) -> int:
        """The line of a value, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def path_text(path: KeyPath) -> str:
    """`solutions[2].sections[0].title`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def parse(name: str, data: bytes) -> Source:
    """The document; whatever is wrong with it as YAML is kept as its mistakes."""
    reading = _Reading(name)
    try:
        value = reading.value(_compose(data), ())
    except _Unreadable as error:
        mistake = Mistake(file=name, line=error.line, path="", message=str(error))
        return Source(name=name, value=None, lines={}, mistakes=(mistake,))
    return Source(name=name, value=value, lines=reading.lines, mistakes=tuple(reading.mistakes))


class _Unreadable(Exception):
    """The file is no YAML document that we read."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _compose(data: bytes) -> yaml.Node:
    if len(data) > LARGEST_BYTES:
        raise _Unreadable(1, f"the file is larger than {LARGEST_BYTES:,} bytes; split it into several")
    try:
        node = yaml.compose(data.decode("utf-8-sig"), Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise _Unreadable(data[: error.start].count(b"\n") + 1, "this is not UTF-8; save the file as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(filter(None, (error.context, error.problem)))
        raise _Unreadable(1 if mark is None else mark.line + 1, f"this is not YAML: {problem}") from None
    except yaml.YAMLError as error:
        raise _Unreadable(1, f"this is not YAML: {' '.join(str(error).split())}") from None
    if node is None:
        raise _Unreadable(1, "the file is empty; begin it with `schema: audio2txt.solutions/1`")
    return node


@dataclass
class _Reading:
    """Builds plain values from YAML's nodes."""

    name: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    _scalars: yaml.constructor.SafeConstructor = field(default_factory=yaml.constructor.SafeConstructor)
    _open: list[yaml.Node] = field(default_factory=list)

    def value(self, node: yaml.Node, path: KeyPath) -> object:
        """What a node stands for."""
        self.lines.setdefault(path, _line(node))
        if len(self.lines) > _MOST_VALUES or node in self._open:
            raise _Unreadable(_line(node), "an alias multiplies the file or holds itself; write the values out")
        self._open.append(node)
        try:
            match node:
                case yaml.MappingNode():
                    return {key: self.value(value, (*path, key)) for key, value in self._pairs(node, path)}
                case yaml.SequenceNode():
                    return [self.value(item, (*path, place)) for place, item in enumerate(node.value)]
                case _:
                    return self._scalar(node, path)
        finally:
            self._open.pop()

    def _pairs(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, yaml.Node]]:
        keys: set[str] = set()
        for key, value in node.value:
            if key.tag not in (_TEXT, _MERGE):
                self._wrong(path, key, f"the key {str(key.value)[:40]!r} is not text; put it in quotes")
                continue
            if key.value in keys:
                self._wrong((*path, key.value), key, "this key stands here a second time; keep one of them")
            keys.add(key.value)
            self.lines[(*path, key.value)] = _line(key)
            yield key.value, value

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        try:
            return self._scalars.construct_object(node)
        except (yaml.constructor.ConstructorError, ValueError):
            self._wrong(path, node, f"{str(node.value)[:40]!r} cannot be read; put it in quotes")
            return None

    def _wrong(self, path: KeyPath, node: yaml.Node, message: str) -> None:
        self.mistakes.append(Mistake(file=self.name, line=_line(node), path=path_text(path), message=message))


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1
