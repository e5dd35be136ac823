"""What the API's description says of conditional requests, for all routes alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

HEADERS: Mapping[str, Schema] = {
    "ETag": {"description": "Changes with what is shown; for If-None-Match and If-Match.", "schema": {"type": "string"}}
}
RESPONSES: Mapping[str, Schema] = {
    "NotModified": {
        "description": "Not changed since If-None-Match.",
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"} for name in ("ETag", "X-Request-Id", "RateLimit-Policy", "RateLimit")
        }
        | {"Link": {"description": "Of a list: the next page.", "schema": {"type": "string"}}},
    }
}
PARAMETERS: Mapping[str, Schema] = {
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "ETag of what you have; unchanged is 304.",
        "schema": {"type": "string"},
    }
}
"""For the description's components."""

ETAG: Schema = {"$ref": "#/components/headers/ETag"}
NOT_MODIFIED: Schema = {"$ref": "#/components/responses/NotModified"}
IF_NONE_MATCH: Schema = {"$ref": "#/components/parameters/If-None-Match"}


def with_conditions(described: Schema) -> Schema:
    """The operation of a GET whose answers can be kept: with the header, and with the answer without a body."""
    if not any(parameter.get("name") == "If-None-Match" for parameter in described["parameters"]):
        described["parameters"].append(IF_NONE_MATCH)
    answers = described["responses"]
    answers["200"]["headers"].setdefault("ETag", ETAG)
    described["responses"] = dict(sorted({"304": NOT_MODIFIED, **answers}.items()))
    return described
