"""What is wrong with a value, in words: the decoder's message, with what the schema would have taken in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

Schema = Mapping[str, Any]

_TEMPLATE = "#/components/schemas/{name}"
_KINDS: Mapping[str, str] = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "uuid": "a UUID",
    "datetime": "a time",
}
_BOUNDS: Mapping[str, str] = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_PARTS: Mapping[str, str] = {"str": "characters", "array": "entries", "object": "entries"}
_MOST_SHOWN = 60


class Form:
    """What a type takes, as JSON schema."""

    def __init__(self, schema: Schema, components: Mapping[str, Schema] | None = None) -> None:
        self._schema = schema
        self._components = components or {}

    def at(self, steps: Sequence[str | int]) -> list[Schema]:
        """The schemas of the value there; several where it may be of several kinds."""
        found = list(self._kinds([self._schema]))
        for step in steps:
            found = list(self._kinds(inner for schema in found for inner in _inside(schema, step)))
        return found

    def _kinds(self, schemas: Iterable[Schema]) -> Iterator[Schema]:
        for schema in schemas:
            if "$ref" in schema:
                yield from self._kinds([self._components[str(schema["$ref"]).rpartition("/")[2]]])
            elif "anyOf" in schema:
                yield from self._kinds(schema["anyOf"])
            else:
                yield schema


@cache
def form_of(kind: Any) -> Form:
    """Of a type that bodies are decoded as."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template=_TEMPLATE)
    return Form(schema, components)


def explained(message: str, form: Form, steps: Sequence[str | int] = ()) -> str:
    """The message in words, as one sentence."""
    here = form.at(steps)
    for pattern, tell in _WORDS:
        if match := pattern.fullmatch(message):
            return tell(match, here if pattern is not _UNKNOWN else form.at(steps[:-1]))
    return f"{message}."


def _inside(schema: Schema, step: str | int) -> Iterator[Schema]:
    if isinstance(step, int):
        items = schema.get("items")
        if isinstance(items, Mapping):
            yield items
    elif step in schema.get("properties", {}):
        yield schema["properties"][step]
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield schema["additionalProperties"]


def _choice(match: re.Match[str], here: Sequence[Schema]) -> str:
    known = [str(value) for schema in here for value in schema.get("enum", ())]
    return f"{match[1]} is none of those there are{_list(known)}."


def _unknown(match: re.Match[str], around: Sequence[Schema]) -> str:
    fields = [name for schema in around for name in schema.get("properties", ())]
    return f"There is no field {match[1]} here{_list(fields)}."


def _missing(match: re.Match[str], _: Sequence[Schema]) -> str:
    return f"The field {match[1]} is missing."


def _form(_: re.Match[str], here: Sequence[Schema]) -> str:
    for schema in here:
        if words := _alternatives(schema.get("pattern", "")):
            return f"It is none of those there are{_list(words)}."
        if examples := schema.get("examples"):
            return f"It has another form; write it as in {examples[0]}."
    return "It has another form than is wanted; see the documentation."


def _kind(match: re.Match[str], _: Sequence[Schema]) -> str:
    return f"Expected {_named(match[1])}, got {_named(match[2])}."


def _bound(match: re.Match[str], _: Sequence[Schema]) -> str:
    return f"Expected {_BOUNDS[match[1]]} {match[2]}."


def _length(match: re.Match[str], _: Sequence[Schema]) -> str:
    return f"Expected {_BOUNDS[match[2]]} {match[3]} {_PARTS.get(match[1], 'of them')}."


def _uuid(_: re.Match[str], __: Sequence[Schema]) -> str:
    return "Expected a UUID, as in 0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a."


def _time(_: re.Match[str], __: Sequence[Schema]) -> str:
    return "Expected a time with its zone, as in 2026-11-22T09:30:00Z."


_UNKNOWN = re.compile(r"Object contains unknown field (`.+`)", re.DOTALL)
_WORDS = (
    (re.compile(r"Invalid (?:enum )?value (.+)", re.DOTALL), _choice),
    (_UNKNOWN, _unknown),
    (re.compile(r"Object missing required field (`.+`)"), _missing),
    (re.compile(r"Expected `str` matching regex .+", re.DOTALL), _form),
    (re.compile(r"Expected `([^`]+)`, got `([^`]+)`"), _kind),
    (re.compile(r"Expected `([^`]+)` of length (>=|<=) (\d+)"), _length),
    (re.compile(r"Expected `[^`]+` (>=|<=|>|<) (\S+)"), _bound),
    (re.compile(r"Invalid UUID"), _uuid),
    (re.compile(r"Invalid RFC3339 encoded datetime|Expected `datetime` with a timezone component"), _time),
)


def _named(kinds: str) -> str:
    return " or ".join(_KINDS.get(kind, kind) for kind in kinds.split(" | "))


def _list(names: Iterable[str]) -> str:
    known = list(dict.fromkeys(names))
    if not known:
        return ""
    more = ", …" if len(known) > _MOST_SHOWN else ""
    return f": {', '.join(known[:_MOST_SHOWN])}{more}"


def _alternatives(pattern: str) -> list[str]:
    """The words of a pattern that is nothing but a choice among some."""
    match = re.fullmatch(r"\^\((.+)\)\$", pattern)
    words = [] if match is None else [re.sub(r"\\(.)", r"\1", word) for word in match[1].split("|")]
    return words if all(re.fullmatch(r"[\w.*-]+", word) for word in words) else []
