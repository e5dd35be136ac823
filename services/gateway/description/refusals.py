"""How a route may refuse: the answers from 400 upwards, each with its codes, and an example of every code."""

from __future__ import annotations

from collections import Counter
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

HEADERS: Mapping[str, Schema] = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in {
        "Retry-After": "Seconds to wait.",
        "WWW-Authenticate": "How to authenticate.",
        "Content-Range": "`bytes */` and the size of the file.",
        "Upload-Offset": "How many bytes are stored.",
        "Tus-Version": "The version that is spoken.",
        "Allow": "The methods that there are.",
    }.items()
}
"""Of refusals, for the description's components."""

_POINTED: Mapping[str, tuple[FieldError, ...]] = {
    "invalid_query": (FieldError(pointer="limit", message="Expected at most 100."),),
    "invalid_request": (FieldError(pointer="/language", message="Expected a text, got a whole number."),),
}


class Refusals:
    """The answers from 400 upwards of all routes. Those that several of them have stand once, in the description's components.

    `routes` are the codes of each, and in its own words when it answers with which status; `headers` are those of every answer.
    """

    def __init__(self, routes: Iterable[tuple[Iterable[Code], Mapping[int, str]]], *, headers: Schema) -> None:
        self._headers = headers
        uses = Counter(refusal for codes, texts in routes for refusal in _by_status(codes, texts).items())
        self._shared = {refusal: _name(*refusal) for refusal, count in uses.items() if count > 1}

    @property
    def components(self) -> dict[str, Schema]:
        """Those that several routes have, by name."""
        return {name: self._answer(*refusal) for refusal, name in sorted(self._shared.items())}

    def of(self, codes: Iterable[Code], texts: Mapping[int, str]) -> dict[str, Schema]:
        """Those of one route, by status."""
        answers: dict[str, Schema] = {}
        for status, meant in sorted(_by_status(codes, texts).items()):
            name = self._shared.get((status, meant))
            answer = self._answer(status, meant) if name is None else {"$ref": f"#/components/responses/{name}"}
            answers[str(status)] = answer | ({"description": texts[status]} if status in texts else {})
        return answers

    def _answer(self, status: int, codes: Sequence[Code]) -> Schema:
        own = sorted({name for code in codes for name in MEANINGS[code].headers})
        narrowed = {"properties": {"status": {"const": status}, "code": {"enum": codes}}}
        return {
            "description": " ".join(MEANINGS[code].what for code in codes),
            "headers": self._headers | {name: {"$ref": f"#/components/headers/{name}"} for name in own},
            "content": {
                MEDIA_TYPE: {
                    "schema": {"allOf": [{"$ref": f"#/components/schemas/{ProblemDocument.__name__}"}, narrowed]},
                    "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
                }
            },
        }


def examples() -> dict[str, Schema]:
    """An example of every code, for the description's components."""
    return {code: {"summary": meaning.what, "value": _example(cast("Code", code))} for code, meaning in MEANINGS.items()}


def _by_status(codes: Iterable[Code], texts: Mapping[int, str]) -> dict[int, tuple[Code, ...]]:
    """A code with more than one status is meant with those that have a text, or else with its last one."""
    by_status: dict[int, tuple[Code, ...]] = {}
    for code in dict.fromkeys(codes):
        statuses = MEANINGS[code].statuses
        for status in [status for status in statuses if status in texts] or statuses[-1:]:
            by_status[status] = (*by_status.get(status, ()), code)
    return by_status


def _name(status: int, codes: Sequence[Code]) -> str:
    return ".".join((str(status), *codes))


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
