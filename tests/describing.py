"""Reads the gateway's description, and compares what it says of documents with what the Python client takes them for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

Schema: TypeAlias = dict[str, Any]

OWN = {"etag"}
"""Fields that the client adds: they come in headers."""
SOURCES = {"upload_id", "audio_url"}
"""Of a job's request, but no wishes."""
OPEN = {"action", "features", "output_language", "permissions", "resource", "scopes"}
"""Enumerations of the gateway that the client takes as texts."""
NULL: Schema = {"type": "null"}


def followed(document: Schema, part: Schema) -> Schema:
    """The part of an OpenAPI document, or what it refers to, in the words of the reference where it has some."""
    if "$ref" not in part:
        return part
    kind, name = part["$ref"].split("/")[-2:]
    return {**document["components"][kind][name], **{key: value for key, value in part.items() if key != "$ref"}}


class Comparison:
    """A type of the client beside the gateway's schemas. A wish need not have all that can be wished for in all ways; what
    is answered must be read in full."""

    def __init__(self, theirs: Schema, kind: Any, *, wish: bool = False) -> None:
        [self._kind], self._ours = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
        self._theirs = theirs
        self._wish = wish
        self._seen: set[tuple[str | None, str | None]] = set()

    def of(self, name: str) -> Iterator[str]:
        """The differences from what the gateway calls by a name, a sentence each."""
        return self._compare(name, self._theirs[name], self._kind)

    def _compare(self, place: str, theirs: Schema, ours: Schema) -> Iterator[str]:
        names = (theirs.get("$ref"), ours.get("$ref"))
        if all(names) and names in self._seen:
            return
        self._seen.add(names)
        theirs, ours = _resolved(theirs, self._theirs), _resolved(ours, self._ours)
        if ours.keys() - {"default", "description"}:  # else the client takes anything
            yield from self._compare_resolved(place, theirs, ours)

    def _compare_resolved(self, place: str, theirs: Schema, ours: Schema) -> Iterator[str]:
        if len(_options(theirs)) > 1 or len(_options(ours)) > 1:
            yield from self._alternatives(place, _options(theirs), _options(ours))
        elif "properties" in theirs:
            yield from self._fields(place, theirs, ours)
        elif "enum" in theirs:
            yield from self._names(place, theirs, ours)
        elif theirs.get("type") != ours.get("type"):
            yield f"{place} is {theirs.get('type', theirs)}, and the client takes {ours.get('type', ours)}"
        for part in ("items", "additionalProperties"):
            if isinstance(theirs.get(part), dict) and isinstance(ours.get(part), dict):
                yield from self._compare(f"{place}[]", theirs[part], ours[part])

    def _alternatives(self, place: str, theirs: list[Schema], ours: list[Schema]) -> Iterator[str]:
        """Null, and one more."""
        if NULL in theirs and NULL not in ours and not self._wish:
            yield f"{place} may be null, and the client does not take that"
        [their_kind], [our_kind] = ([option for option in options if option != NULL] for options in (theirs, ours))
        yield from self._compare(place, their_kind, our_kind)

    def _fields(self, place: str, theirs: Schema, ours: Schema) -> Iterator[str]:
        there, here = theirs["properties"], ours.get("properties", {})
        for name in there.keys() - here.keys() - (SOURCES if self._wish else set()):
            yield f"{place}.{name} is not known to the client"
        for name in here.keys() - there.keys() - (set() if self._wish else OWN):
            yield f"{place}.{name} is not known to the gateway"
        required = set(theirs.get("required", ())) - set(ours.get("required", ()))
        yield from (f"{place}.{name} must be given" for name in sorted(required) if self._wish)
        for name in there.keys() & here.keys():
            yield from self._compare(f"{place}.{name}", there[name], here[name])

    def _names(self, place: str, theirs: Schema, ours: Schema) -> Iterator[str]:
        """Of an enumeration: the client knows them all, or takes any text."""
        free = self._wish or len(theirs["enum"]) == 1 or place.rpartition(".")[2].strip("[]") in OPEN
        missing = set(theirs["enum"]) - set(ours.get("enum", ()))
        if missing and not (free and ours.get("type") == "string"):
            yield f"{place}: {', '.join(sorted(missing))} is not known to the client"


def _resolved(schema: Schema, components: Schema) -> Schema:
    while "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    return schema


def _options(schema: Schema) -> list[Schema]:
    options: list[Schema] = schema.get("anyOf", [schema])
    if None in schema.get("enum", ()):
        return [{"enum": [value for value in schema["enum"] if value is not None]}, NULL]
    return options
