"""Holds every answer that a test gets from the API to what the API's description says of it: status, codes, headers, fields."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
import jsonschema_rs

from tests.describing import followed

STANDARD = frozenset(
    {
        "allow",
        "cache-control",
        "connection",
        "content-disposition",
        "content-length",
        "content-security-policy",
        "content-type",
        "date",
        "referrer-policy",
        "strict-transport-security",
        "transfer-encoding",
        "vary",
        "x-accel-buffering",
        "x-content-type-options",
        "x-request-id",
    }
)
"""Headers that any answer may have."""

Document = dict[str, Any]


class Description:
    """One installation's OpenAPI document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._components = {"schemas": _strict(document["components"]["schemas"])}
        self._paths = [
            (_pattern(path), item) for path, item in sorted(document["paths"].items(), key=lambda pair: "{" in pair[0])
        ]
        self._validator = functools.cache(self._compile)

    def operation(self, method: str, path: str) -> Document | None:
        """What is said of a route; null where it is none of the API's."""
        for pattern, item in self._paths:
            if pattern.fullmatch(path) and method.lower() in item:
                found: Document = item[method.lower()]
                return found
        return None

    def check(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes | None) -> None:
        """Fail for what is not described; without a body only status and headers are looked at."""
        operation = self.operation(method, path)
        if operation is None:
            return
        about = f"{method} {path} answers {status}"
        answer = operation["responses"].get(str(status))
        assert answer is not None, f"{about}, which is not described: {(body or b'').decode(errors='replace')[:500]}"
        described = followed(self._document, answer)
        self._check_headers(about, described, headers)
        if body is None or method == "HEAD" or not body:
            return
        media_type = headers.get("content-type", "").partition(";")[0]
        content = described.get("content", {}).get(media_type)
        anything = "*/*" in described.get("content", {})
        assert content is not None or anything, f"{about} with the content type {media_type!r}, which is not described"
        if content is not None and media_type.endswith(("/json", "+json")) and status != 206:
            self._check_body(about, operation["operationId"], status, media_type, body)

    def _check_headers(self, about: str, described: Document, headers: Mapping[str, str]) -> None:
        known = {name.lower() for name in described.get("headers", {})} | STANDARD
        tus = {"tus-resumable"}  # the protocol wants it in every answer to its clients, errors too
        unknown = sorted({name.lower() for name in headers} - known - tus)
        assert not unknown, f"{about} with headers that are not described: {', '.join(unknown)}"

    def _check_body(self, about: str, operation_id: str, status: int, media_type: str, body: bytes) -> None:
        validator = self._validator(operation_id, status, media_type)
        error = next(validator.iter_errors(json.loads(body)), None)
        assert error is None, f"{about} with a body that is not as described: {str(error)[:1500]}"

    def _compile(self, operation_id: str, status: int, media_type: str) -> jsonschema_rs.Draft202012Validator:
        operations = (operation for item in self._document["paths"].values() for operation in item.values())
        operation = next(operation for operation in operations if operation["operationId"] == operation_id)
        schema = followed(self._document, operation["responses"][str(status)])["content"][media_type]["schema"]
        return jsonschema_rs.Draft202012Validator({**_strict(schema), "components": self._components})


async def conforms(answer: httpx.Response) -> None:
    """A hook for clients. Streams of events are left alone, and their headers looked at."""
    if answer.request.url.path.startswith("/v1/"):
        description = await _description(answer.request.url)
        textual = "json" in answer.headers.get("content-type", "")
        body = await answer.aread() if textual else None
        request = answer.request
        description.check(request.method, request.url.path, answer.status_code, answer.headers, body)


_KNOWN: list[Description] = []


async def _description(url: httpx.URL) -> Description:
    """The same for every installation that this process makes, so it is asked for once."""
    if not _KNOWN:
        async with httpx.AsyncClient(base_url=f"{url.scheme}://{url.netloc.decode()}") as http:
            _KNOWN.append(Description((await http.get("/v1/openapi.json")).json()))
    return _KNOWN[0]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))


def _strict(schema: Any) -> Any:
    """The schema with objects that have no other fields than those that are described."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(value) for name, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        strict.setdefault("additionalProperties", False)
    return strict
