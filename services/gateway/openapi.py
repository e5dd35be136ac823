"""Describes the API as OpenAPI 3.1, from the routes themselves and the types they read and write."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

import msgspec
from litestar.handlers.http_handlers import HTTPRouteHandler, get
from litestar.params import HeaderParameter, QueryParameter
from litestar.routes import HTTPRoute
from litestar.types import Empty
from litestar.typing import FieldDefinition

from services.gateway import problems
from services.gateway.admission import COUNTED, NEEDS, PUBLIC, takes_if_match
from services.gateway.codes import Code
from services.gateway.credentials import SECURE_COOKIE
from services.gateway.deprecation import DEPRECATED, Deprecation
from services.gateway.description import conditions, refusals, webhooks
from services.gateway.description.examples import Examples
from services.gateway.permissions import Permission, roles_with
from services.gateway.rates.policy import RateClass
from services.gateway.tus import LONGEST_METADATA, VERSION

OPERATION = "operation"
"""Where a route's `opt` keeps its description."""

JSON = "application/json"
Schema = dict[str, Any]

_TEMPLATE = "#/components/schemas/{name}"
_PATH_PARAMETERS: Mapping[str, Schema] = {
    "job_id": {"description": "The job's id.", "schema": {"type": "string", "format": "uuid"}},
    "batch_id": {"description": "The batch's id.", "schema": {"type": "string", "format": "uuid"}},
    "upload_id": {"description": "The upload's id.", "schema": {"type": "string", "format": "uuid"}},
    "export_id": {"description": "The export's id.", "schema": {"type": "string", "format": "uuid"}},
    "erasure_id": {
        "description": "The erasure's id; of a deleted job, the job's.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "solution": {
        "description": "The solution's id or an alias.",
        "schema": {"type": "string"},
        "example": "legal_consultation",
    },
    "vocabulary_id": {"description": "The vocabulary's id.", "schema": {"type": "string", "format": "uuid"}},
    "key_id": {"description": "The key's id.", "schema": {"type": "string", "format": "uuid"}},
    "endpoint_id": {"description": "The endpoint's id.", "schema": {"type": "string", "format": "uuid"}},
    "delivery_id": {"description": "The delivery's id.", "schema": {"type": "string", "format": "uuid"}},
    "suppression_id": {"description": "The suppression's id.", "schema": {"type": "string", "format": "uuid"}},
    "user_id": {"description": "The user's id.", "schema": {"type": "string", "format": "uuid"}},
    "token_id": {"description": "The token's id.", "schema": {"type": "string", "format": "uuid"}},
    "session_id": {"description": "The session's id.", "schema": {"type": "string", "format": "uuid"}},
    "name": {"description": "The artifact's name.", "schema": {"type": "string"}, "example": "transcript.pdf"},
}
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
_FORMS: Mapping[str, Schema] = {
    "after": {"pattern": "^AA[A-Za-z0-9_-]{30}$"},
    "Idempotency-Key": {"pattern": '^("[ -~]{1,255}"|[!#-~][ -~]{0,254})$'},
    "month": {"pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$", "examples": ["2026-11"]},
    "Tus-Resumable": {"enum": [VERSION]},
    "Upload-Offset": {"pattern": "^[0-9]{1,18}$"},
    "Upload-Length": {"pattern": "^[0-9]{1,18}$"},
    "Upload-Checksum": {
        "pattern": "^(sha256 [A-Za-z0-9+/]{43}=|sha1 [A-Za-z0-9+/]{27}=|md5 [A-Za-z0-9+/]{22}==)$",
        "examples": ["sha1 3q2+7wAAAAAAAAAAAAAAAAAAAAA="],
    },
    "Upload-Metadata": {"maxLength": LONGEST_METADATA},
}
"""Of parameters that the routes read themselves, so that what is wrong with them is told in words."""

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
_HEADERS: Schema = {name: {"$ref": f"#/components/headers/{name}"} for name in _USUAL_HEADERS}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One successful answer of a route."""

    description: str
    content: Any = None
    """The type of the body; null for none, a schema for what is no JSON of ours."""
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What OpenAPI says about a route beside its parameters and its docstring."""

    needs: Permission | None
    """What the requester must be allowed; null for a route that is for anybody."""
    summary: str
    tag: str
    answers: Mapping[int, Answer]
    problems: Mapping[int, str] = field(default_factory=dict)
    """When which status from 400 upwards is answered."""
    codes: Sequence[Code] = ()
    """With which codes, beside those that every route has, or every one that reads JSON."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Type (or schema) of the request's body by media type."""
    body_required: bool = True
    deprecated: Deprecation | None = None
    """For a route that is to go."""
    required: Collection[str] = ()
    """Headers that must be there, and whose absence the route itself explains."""
    examples: Mapping[str, Any] = field(default_factory=dict)
    """JSON bodies by what they ask for; without any, one is made of the fields that must be there."""
    kept: bool = True
    """Whether whoever gets the answer may keep it, so that it has an entity tag: no secret, and no stream."""
    counted: RateClass | None = None
    """Which limit of requests holds; null for the usual one of the method."""

    @property
    def opt(self) -> dict[str, Any]:
        """For the route's `opt`."""
        counted = {} if self.counted is None else {COUNTED: self.counted}
        needs = {PUBLIC: True} if self.needs is None else {NEEDS: self.needs}
        deprecated = {} if self.deprecated is None else {DEPRECATED: self.deprecated}
        return {OPERATION: self, **needs, **counted, **deprecated}


def describe(routes: Iterable[HTTPRoute], *, server: str) -> bytes:
    """The document, encoded."""
    described = list(_described(routes))
    types: set[Any] = {problems.ProblemDocument, *webhooks.BODIES}
    types |= {kind for _, _, _, operation in described for kind in _types(operation)}
    ordered = sorted(types, key=str)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_TEMPLATE)
    known = _Known(references=dict(zip(ordered, schemas, strict=True)), examples=Examples(components))
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
                "examples": refusals.examples(),
                "headers": {**_USUAL_HEADERS, **conditions.HEADERS},
                "responses": conditions.RESPONSES,
                "securitySchemes": {
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
                },
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
    """The named schemas."""

    references: Mapping[Any, Schema]
    examples: Examples

    def schema(self, kind: Any) -> Schema:
        """Of a type, or of what is a schema itself."""
        return kind if isinstance(kind, dict) else self.references[kind]


def _operation(handler: HTTPRouteHandler, method: str, operation: Operation, known: _Known) -> Schema:
    described: Schema = {
        "operationId": f"{handler.handler_name}_head" if method == "HEAD" else handler.handler_name,
        "summary": operation.summary,
        "description": _description(handler, operation),
        "tags": [operation.tag],
        "parameters": list(_parameters(handler, operation)),
        "responses": {str(status): _answer(answer, known) for status, answer in operation.answers.items()},
    }
    described["responses"] |= refusals.refusals(codes_of(handler, operation), operation.problems, headers=_HEADERS)
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
    if any(name in _PATH_PARAMETERS for name in handler.parsed_fn_signature.parameters):
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


def _parameters(handler: HTTPRouteHandler, operation: Operation) -> Iterator[Schema]:
    for name, parameter in handler.parsed_fn_signature.parameters.items():
        definition = parameter.kwarg_definition
        if isinstance(definition, QueryParameter | HeaderParameter):
            place = "query" if isinstance(definition, QueryParameter) else "header"
            yield {
                "name": definition.name or name,
                "in": place,
                "required": parameter.is_required or (definition.name or name) in _demanded(operation),
                "description": definition.description or "",
                "schema": _parameter_schema(parameter, definition),
            }
        elif name in _PATH_PARAMETERS:
            yield {"name": name, "in": "path", "required": True, **_PATH_PARAMETERS[name]}


def _demanded(operation: Operation) -> Collection[str]:
    """The headers without which a route refuses."""
    return {*operation.required, "If-Match"} if "precondition_required" in operation.codes else operation.required


def _parameter_schema(parameter: FieldDefinition, definition: QueryParameter | HeaderParameter) -> Schema:
    annotation = parameter.annotation
    parts = () if get_origin(annotation) is Literal else get_args(annotation)
    kinds = [kind for kind in parts or (annotation,) if kind is not type(None)]
    (schema,), _ = msgspec.json.schema_components(kinds[:1], ref_template=_TEMPLATE)
    limits = {
        "minimum": definition.ge,
        "maximum": definition.le,
        "minLength": definition.min_length,
        "maxLength": definition.max_length,
        "pattern": definition.pattern,
    }
    schema |= {name: limit for name, limit in limits.items() if limit is not None}
    schema |= {**_FORMS.get(definition.name or parameter.name, {}), **(definition.schema_extra or {})}
    if kinds[0] is dt.datetime:
        schema["format"] = "date-time"
    if parameter.default not in (None, Empty, inspect.Parameter.empty):
        schema["default"] = parameter.default
    return schema


def _answer(answer: Answer, known: _Known) -> Schema:
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in answer.headers.items()}
    described: Schema = {"description": answer.description, "headers": {**_HEADERS, **headers}}
    if answer.content is None:
        return described
    content: Schema = {"schema": known.schema(answer.content)}
    if not isinstance(answer.content, dict):
        content["example"] = known.examples.of(content["schema"])
    return described | {"content": {answer.media_type: content}}
