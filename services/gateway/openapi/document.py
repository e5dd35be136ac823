"""Describes the API as OpenAPI 3.1, from the routes themselves and the types they read and write."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar.handlers.http_handlers import HTTPRouteHandler, get
from litestar.routes import HTTPRoute

from services.gateway import problems
from services.gateway.admission import PUBLIC, takes_if_match
from services.gateway.codes import Code
from services.gateway.credentials import SECURE_COOKIE
from services.gateway.description import conditions, refusals, webhooks
from services.gateway.description.examples import Examples
from services.gateway.description.refusals import Refusals
from services.gateway.openapi import JSON, OPERATION, Answer, Operation
from services.gateway.openapi.parameters import IN_PATHS, has_id, parameters
from services.gateway.permissions import Permission, roles_with

Schema = dict[str, Any]

_TEMPLATE = "#/components/schemas/{name}"
TAGS: Mapping[str, str] = {
    "Uploads": "Recordings on their way in: in one piece, piece by piece (tus 1.0), or straight to the store.",
    "Jobs": "One recording on its way to documents.",
    "Search": "Jobs found by what was said in them.",
    "Transcripts": "What was said, and every edit of it.",
    "Results": "The report and the files.",
    "Vocabularies": "Words that your recordings are full of, and how they are to be written.",
    "Solutions": "The scenarios that a job can be reported after.",
    "Account": "Who asks, and what they can choose among.",
    "Keys": "API keys of the tenant.",
    "Users": "People of the tenant, their tokens, and oneself.",
    "Sessions": "Signing in with a browser.",
    "Usage": "What was used, month by month, and what it cost.",
    "Privacy": "What is kept for how long, and what was erased for good, and all of it in one file.",
    "Endpoints": "Where you want to be told what happens: webhooks, e-mail, chats.",
    "Deliveries": "What was sent to whom, and what came back.",
    "Suppressions": "Addresses that e-mails do not go to any more.",
    "Audit": "Who did what to which thing.",
}
_USUAL_HEADERS: Mapping[str, Schema] = {
    "X-Request-Id": {"description": "Names this request in our logs.", "schema": {"type": "string"}},
    "RateLimit-Policy": {
        "description": "The limit that holds, where one does: `q` requests at once, and as many again after `w` seconds "
        "(draft-ietf-httpapi-ratelimit-headers-10).",
        "schema": {"type": "string"},
        "example": '"reads";q=2000;w=10',
    },
    "RateLimit": {
        "description": "What is left of it: `r` requests now, all of them again after `t` seconds.",
        "schema": {"type": "string"},
        "example": '"reads";r=1958;t=1',
    },
}
_DESCRIPTION = """\
Recordings in, documents out.

Every answer from 400 upwards is a problem document (RFC 9457) with a stable `code`, and its `type` leads to a page that says
what to do. Every answer has an `X-Request-Id`. Lists are paged: `limit`, `after`, and `Link: rel="next"`. Times are UTC, as
RFC 3339 writes them. Fields are added as time goes by: ignore those you do not know. Parameters and fields of yours that are
not known here are refused.
"""
_SECURITY_SCHEMES: Mapping[str, Schema] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`a2t_live_` and 40 characters), or a user's token (`a2t_user_…`).",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "basic": {"type": "http", "scheme": "basic", "description": "A user's e-mail and password."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SECURE_COOKIE,
        "description": "A browser's session; what changes something needs its `X-CSRF-Token`, too.",
    },
}
_HEADERS: Schema = {name: {"$ref": f"#/components/headers/{name}"} for name in _USUAL_HEADERS}


def describe(routes: Iterable[HTTPRoute], *, server: str) -> bytes:
    """The document, encoded."""
    described = list(_described(routes))
    types: set[Any] = {problems.ProblemDocument, *webhooks.BODIES}
    types |= {kind for _, _, _, operation in described for kind in _types(operation)}
    ordered = sorted(types, key=str)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_TEMPLATE)
    known = _Known(
        references=dict(zip(ordered, schemas, strict=True)),
        examples=Examples(components),
        refusals=Refusals(
            ((codes_of(handler, operation), operation.problems) for _, _, handler, operation in described), headers=_HEADERS
        ),
    )
    paths: dict[str, Schema] = {}
    for path, method, handler, operation in described:
        paths.setdefault(path, {})[method.lower()] = _operation(handler, method, operation, known)
    tags = {operation.tag for _, _, _, operation in described}
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Audio2txt",
                "version": "1",
                "description": _DESCRIPTION,
                "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": server}],
            "tags": [{"name": name, "description": text} for name, text in TAGS.items() if name in tags],
            "security": [{"bearer": []}, {"apiKey": []}, {"basic": []}, {"session": []}],
            "paths": dict(sorted(paths.items())),
            "webhooks": webhooks.webhooks(known.schema),
            "components": {
                "schemas": components,
                "responses": {**conditions.RESPONSES, **known.refusals.components},
                "parameters": {**IN_PATHS, **conditions.PARAMETERS},
                "examples": refusals.examples(),
                "headers": {**_USUAL_HEADERS, **conditions.HEADERS, **refusals.HEADERS},
                "securitySchemes": _SECURITY_SCHEMES,
            },
        }
    )


def _described(routes: Iterable[HTTPRoute]) -> Iterator[tuple[str, str, HTTPRouteHandler, Operation]]:
    for route in routes:
        for handler in route.route_handlers:
            operation = handler.opt.get(OPERATION)
            if isinstance(operation, Operation):
                # HEAD goes without saying, unless it is another route, or one of files.
                for method in sorted(handler.http_methods - ({"HEAD"} if isinstance(handler, get) else set())):
                    yield route.path_format, method, handler, operation


def _types(operation: Operation) -> Iterator[Any]:
    contents = [*operation.body.values(), *(answer.content for answer in operation.answers.values())]
    return (content for content in contents if content is not None and not isinstance(content, dict))


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is said once, and meant in many places."""

    references: Mapping[Any, Schema]
    examples: Examples
    refusals: Refusals

    def schema(self, kind: Any) -> Schema:
        """Of a type, or of what is a schema itself."""
        return kind if isinstance(kind, dict) else self.references[kind]


def _operation(handler: HTTPRouteHandler, method: str, operation: Operation, known: _Known) -> Schema:
    described: Schema = {
        "operationId": f"{handler.handler_name}_head" if method == "HEAD" else handler.handler_name,
        "summary": operation.summary,
        "description": _description(handler, operation),
        "tags": [operation.tag],
        "parameters": list(parameters(handler, operation)),
        "responses": {str(status): _answer(answer, known) for status, answer in operation.answers.items()},
    }
    described["responses"] |= known.refusals.of(codes_of(handler, operation), operation.problems)
    if operation.body:
        content = {media_type: _body(operation, media_type, kind, known) for media_type, kind in operation.body.items()}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    if operation.deprecated is not None:
        described["deprecated"] = True
    if handler.opt.get(PUBLIC):
        described["security"] = []
    else:
        described["x-permission"] = operation.needs
    if method == "GET" and 200 in operation.answers and operation.kept:
        described = conditions.with_conditions(described)
    return described


def codes_of(handler: HTTPRouteHandler, operation: Operation) -> list[Code]:
    """Every code that a route may refuse with."""
    codes = [*refusals.ALWAYS, *operation.codes]
    if not handler.opt.get(PUBLIC):
        codes += refusals.WITH_KEY
        if handler.http_methods.isdisjoint({"GET", "HEAD"}):
            codes += refusals.WITH_COOKIE
    if not takes_if_match(handler) and handler.http_methods.isdisjoint({"GET", "HEAD"}):
        codes += refusals.WITHOUT_IF_MATCH
    if JSON in operation.body:
        codes += refusals.WITH_JSON
    if has_id(handler):
        codes += refusals.WITH_ID
    return codes


def _body(operation: Operation, media_type: str, kind: Any, known: _Known) -> Schema:
    content: Schema = {"schema": known.schema(kind)}
    if media_type != JSON:
        return content
    if operation.examples:
        return content | {"examples": {name: {"value": value} for name, value in operation.examples.items()}}
    return content | {"example": known.examples.of(content["schema"], required_only=True)}


def _description(handler: HTTPRouteHandler, operation: Operation) -> str:
    text = inspect.cleandoc(handler.fn.__doc__ or "")
    needs = "" if operation.needs is None else f"\n\n{_needs(operation.needs)}"
    return text + needs + ("" if operation.deprecated is None else f"\n\n{operation.deprecated.sentence}")


def _needs(permission: Permission) -> str:
    return f"Needs the permission `{permission}`; these roles have it: {', '.join(roles_with(permission))}."


def _answer(answer: Answer, known: _Known) -> Schema:
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()}
    described: Schema = {"description": answer.description, "headers": {**_HEADERS, **headers}}
    if answer.content is None:
        return described
    content: Schema = {"schema": known.schema(answer.content)}
    if not isinstance(answer.content, dict):
        content["example"] = known.examples.of(content["schema"])
    return described | {"content": {answer.media_type: content}}
