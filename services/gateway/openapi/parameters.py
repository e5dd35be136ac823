"""What is said of a route's parameters: in its path, its query and its headers."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import msgspec
from litestar.handlers.http_handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import Empty
from litestar.typing import FieldDefinition

from services.gateway.openapi import Operation
from services.gateway.tus import LONGEST_METADATA, VERSION

Schema = dict[str, Any]

_TEMPLATE = "#/components/schemas/{name}"
_ID: Schema = {"type": "string", "format": "uuid"}
IN_PATHS: Mapping[str, Schema] = {
    name: {"name": name, "in": "path", "required": True, **described}
    for name, described in {
        "job_id": {"description": "The job's id.", "schema": _ID},
        "batch_id": {"description": "The batch's id.", "schema": _ID},
        "upload_id": {"description": "The upload's id.", "schema": _ID},
        "export_id": {"description": "The export's id.", "schema": _ID},
        "erasure_id": {"description": "The erasure's id; of a deleted job, the job's.", "schema": _ID},
        "solution": {
            "description": "The solution's id or an alias.",
            "schema": {"type": "string"},
            "example": "legal_consultation",
        },
        "vocabulary_id": {"description": "The vocabulary's id.", "schema": _ID},
        "key_id": {"description": "The key's id.", "schema": _ID},
        "endpoint_id": {"description": "The endpoint's id.", "schema": _ID},
        "delivery_id": {"description": "The delivery's id.", "schema": _ID},
        "suppression_id": {"description": "The suppression's id.", "schema": _ID},
        "user_id": {"description": "The user's id.", "schema": _ID},
        "token_id": {"description": "The token's id.", "schema": _ID},
        "session_id": {"description": "The session's id.", "schema": _ID},
        "name": {"description": "The artifact's name.", "schema": {"type": "string"}, "example": "transcript.pdf"},
    }.items()
}
"""The same wherever they stand, so the description's components have them."""

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


def parameters(handler: HTTPRouteHandler, operation: Operation) -> Iterator[Schema]:
    """Those of a route."""
    for name, parameter in handler.parsed_fn_signature.parameters.items():
        definition = parameter.kwarg_definition
        if isinstance(definition, QueryParameter | HeaderParameter):
            place = "query" if isinstance(definition, QueryParameter) else "header"
            yield {
                "name": definition.name or name,
                "in": place,
                "required": parameter.is_required or (definition.name or name) in _demanded(operation),
                "description": definition.description or "",
                "schema": _schema(parameter, definition),
            }
        elif name in IN_PATHS:
            yield {"$ref": f"#/components/parameters/{name}"}


def has_id(handler: HTTPRouteHandler) -> bool:
    """Whether something in the path says which thing is meant."""
    return any(name in IN_PATHS for name in handler.parsed_fn_signature.parameters)


def _demanded(operation: Operation) -> Collection[str]:
    """The headers without which a route refuses."""
    return {*operation.required, "If-Match"} if "precondition_required" in operation.codes else operation.required


def _schema(parameter: FieldDefinition, definition: QueryParameter | HeaderParameter) -> Schema:
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
