"""Examples of values, made from what their schemas say: examples of the fields, else defaults, else what the type allows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_REFERENCE = "#/components/schemas/"
_BY_FORMAT = {
    "uuid": "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a",
    "date-time": "2026-11-22T09:30:00Z",
    "date": "2026-11-22",
}
_TEXTS = ("text", "1.25", "0" * 64)
"""One of them is what a pattern wants, or its field needs an example of its own."""
_BY_TYPE: Mapping[str, Any] = {"string": "text", "integer": 1, "number": 0.5, "boolean": False, "null": None}


class Examples:
    """Makes them; `components` are the named schemas."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self._components = components

    def of(self, schema: Schema, *, required_only: bool = False, _within: tuple[str, ...] = ()) -> Any:
        """One value that the schema allows; of objects every field, or with `required_only` those that must be there and, when
        there are none, the first that has an example of its own."""
        match schema:
            case {"examples": [first, *_]} | {"enum": [first, *_]}:
                return first
            case {"$ref": str(reference)}:
                return self._named(reference.removeprefix(_REFERENCE), required_only, _within)
            case {"anyOf": [first, *_]}:
                return self.of(first, required_only=required_only, _within=_within)
            case {"type": "object"}:
                return self._object(schema, required_only, _within)
            case {"type": "array"}:
                return self._array(schema, required_only, _within)
            case _:
                return _BY_FORMAT.get(schema.get("format", ""), _plain(schema))

    def _named(self, name: str, required_only: bool, within: tuple[str, ...]) -> Any:
        """Null inside itself, or there would be no end."""
        if name in within:
            return None
        return self.of(self._components[name], required_only=required_only, _within=(*within, name))

    def _object(self, schema: Schema, required_only: bool, within: tuple[str, ...]) -> dict[str, Any]:
        fields: Mapping[str, Schema] = schema.get("properties", {})
        names = schema.get("required", []) or [name for name, field in fields.items() if "examples" in field][:1]
        shown = {name: field for name, field in fields.items() if name in names or not required_only}
        return {name: self.of(field, required_only=required_only, _within=within) for name, field in shown.items()}

    def _array(self, schema: Schema, required_only: bool, within: tuple[str, ...]) -> list[Any]:
        items = schema.get("items", schema.get("prefixItems"))
        match items:
            case dict():
                value = self.of(items, required_only=required_only, _within=within)
                return [] if value is None else [value]
            case list():
                return [self.of(item, required_only=required_only, _within=within) for item in items]
            case _:
                return []


def _plain(schema: Schema) -> Any:
    if "default" in schema:
        return schema["default"]
    if "pattern" in schema:
        return next((text for text in _TEXTS if re.search(schema["pattern"], text)), "")
    value = _BY_TYPE.get(schema.get("type", "null"))
    return max(value, schema["minimum"]) if "minimum" in schema and value is not None else value
