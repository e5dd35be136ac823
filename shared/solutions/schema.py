"""The JSON Schema of solutions files, by which editors complete and check them while they are written."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.schemas.solutions import REPORT_LANGUAGES, SolutionFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> bytes:
    """The schema as a file, indented."""
    described = msgspec.json.schema(SolutionFile)
    whole = {"$schema": DIALECT, **_by_language(described)}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def _by_language(node: Any) -> Any:
    """The schema with the languages spelled out: every free object of ours is one text or number a language, and needs all."""
    match node:
        case {"type": "object", "additionalProperties": dict(part), **rest}:
            inner = _by_language(part)
            properties = {"properties": dict.fromkeys(REPORT_LANGUAGES, inner), "additionalProperties": False}
            required = {} if part.get("type") == "array" else {"required": list(REPORT_LANGUAGES)}
            return {"type": "object", **rest, **properties, **required}
        case dict():
            return {key: _by_language(value) for key, value in node.items()}
        case list():
            return [_by_language(value) for value in node]
        case _:
            return node
