"""How a route may refuse: the answers from 400 upwards, each with its codes, and an example of every code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from services.gateway.codes import MEANINGS, Code
from services.gateway.permissions import Permission
from services.gateway.problems import MEDIA_TYPE, FieldError, Problem, ProblemDocument

Schema = dict[str, Any]

REQUEST_ID = "req_0198c2de8b1c7d3e9f5a2b6c4d8e0f1a"
ALWAYS: Sequence[Code] = ("invalid_query",)
WITH_KEY: Sequence[Code] = (
    "unauthorized",
    "sign_in_failed",
    "forbidden",
    "rate_limited",
    "too_many_attempts",
    "unavailable",
    "busy",
)
WITH_COOKIE: Sequence[Code] = ("csrf_failed", "unsupported_media_type")
WITHOUT_IF_MATCH: Sequence[Code] = ("precondition_refused",)
WITH_ID: Sequence[Code] = ("not_found",)
WITH_JSON: Sequence[Code] = (
    "invalid_json",
    "invalid_request",
    "unsupported_media_type",
    "content_encoding_refused",
    "too_large",
    "upload_stalled",
)
"""Codes of all routes; of those for whoever has a key or signs in; of those among them that change something, which takes more
with a cookie; of those that change something without looking at If-Match; of those with an id in their path; of those that read
JSON."""

_HEADERS: Mapping[str, str] = {
    "Retry-After": "Seconds to wait.",
    "WWW-Authenticate": "How to authenticate.",
    "Content-Range": "`bytes */` and the size of the file.",
    "Upload-Offset": "How many bytes are stored.",
    "Tus-Version": "The version that is spoken.",
    "Allow": "The methods that there are.",
}
_POINTED: Mapping[str, tuple[FieldError, ...]] = {
    "invalid_query": (FieldError(pointer="limit", message="Expected at most 100."),),
    "invalid_request": (FieldError(pointer="/language", message="Expected a text, got a whole number."),),
}


def refusals(codes: Iterable[Code], texts: Mapping[int, str], *, headers: Schema) -> dict[str, Schema]:
    """The answers by status, in the route's own words where `texts` has some. `headers` are those of every answer.

    A code with more than one status is meant with those that have a text, or else with its last one.
    """
    by_status: dict[int, list[Code]] = {}
    for code in dict.fromkeys(codes):
        statuses = MEANINGS[code].statuses
        for status in [status for status in statuses if status in texts] or statuses[-1:]:
            by_status.setdefault(status, []).append(code)
    return {str(status): _answer(status, by_status[status], texts.get(status), headers) for status in sorted(by_status)}


def examples() -> dict[str, Schema]:
    """An example of every code, for the description's components."""
    return {code: {"summary": meaning.what, "value": _example(cast("Code", code))} for code, meaning in MEANINGS.items()}


def _answer(status: int, codes: Sequence[Code], text: str | None, usual: Schema) -> Schema:
    own = sorted({name for code in codes for name in MEANINGS[code].headers})
    headers = usual | {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in own}
    narrowed = {"properties": {"status": {"const": status}, "code": {"enum": list(codes)}}}
    return {
        "description": text or " ".join(MEANINGS[code].what for code in codes),
        "headers": headers,
        "content": {
            MEDIA_TYPE: {
                "schema": {"allOf": [{"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}, narrowed]},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }


def _example(code: Code) -> Any:
    meaning = MEANINGS[code]
    problem = Problem(
        meaning.statuses[-1],
        code,
        f"{meaning.what} {meaning.remedy}",
        errors=_POINTED.get(code, ()),
        permission=Permission.JOBS_WRITE if code == "forbidden" else None,
    )
    return msgspec.to_builtins(problem.document(REQUEST_ID))
