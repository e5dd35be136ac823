"""What becomes of every error that a route raises: a problem document, or a page that says the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers.base import BaseRouteHandler
from litestar.params import HeaderParameter, QueryParameter

from services.gateway.access import REQUEST_ID
from services.gateway.codes import Code
from services.gateway.description.mistakes import explained, form_of
from services.gateway.problems import MEDIA_TYPE, FieldError, Problem, ProblemDocument, unavailable
from services.gateway.routes.regrets import regret, wants_page
from services.gateway.tus import VERSION_HEADER
from shared.blobs import BlobUnavailable
from shared.database import is_outage

_CODES: Mapping[int, Code] = {404: "not_found", 405: "method_not_allowed"}
_DETAILS: Mapping[int, str] = {
    404: "There is nothing at this path; /v1/openapi.json lists what there is.",
    405: "This path does not take this method; the Allow header lists those it takes.",
}

log = structlog.get_logger(__name__)


def answer(request: Request[Any, Any, Any], error: Exception, *, base: str) -> Response[ProblemDocument] | Response[str]:
    """The answer in place of the route's; a page for people who were led there. `base` is where the installation is found."""
    handler = cast("BaseRouteHandler | None", request.scope.get("route_handler"))
    problem = problem_of(error, handler)
    if problem.status == 500:
        log.error("http.failed", exc_info=error)
    document = problem.document(cast("str | None", request.scope.get(REQUEST_ID)), base=base)
    if handler is not None and wants_page(handler.opt, request.headers):
        page = regret(document, request.headers)
        page.headers.update(problem.headers)
        return page
    # The protocol of resumable uploads wants its version in every answer.
    headers = {**VERSION_HEADER, **problem.headers} if "tus-resumable" in request.headers else problem.headers
    return Response(document, status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def problem_of(error: Exception, handler: BaseRouteHandler | None = None) -> Problem:
    """What the client is told about an error of a route. Of surprises it learns nothing but the request's id."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationException):
        return _invalid_parameters(error, handler)
    if isinstance(error, HTTPException):
        return _refused(error)
    if isinstance(error, BlobUnavailable):
        return unavailable("The store")
    if is_outage(error):
        return unavailable("The database")
    return Problem(500, "internal_error", "Something went wrong on our side; tell us the request_id.")


def _invalid_parameters(error: ValidationException, handler: BaseRouteHandler | None) -> Problem:
    entries = error.extra if isinstance(error.extra, list) else []
    errors = [_wrong_parameter(entry, handler) for entry in entries]
    if isinstance(error.__cause__, KeyError):  # the framework names what is missing nowhere else
        errors.append(FieldError(pointer=str(error.__cause__.args[0]), message="It is missing."))
    named = "; ".join(f"{item.pointer}: {item.message.rstrip('.')}" for item in errors) or "see the documentation"
    in_header = any(entry.get("source") == "header" for entry in entries)
    code: Code = "invalid_header" if in_header else "invalid_query"
    return Problem(400, code, f"A {'header' if in_header else 'parameter'} is not valid: {named}.", errors=errors)


def _wrong_parameter(entry: Mapping[str, Any], handler: BaseRouteHandler | None) -> FieldError:
    """By the name that clients know, which need not be that of the handler's argument."""
    key, message = str(entry.get("key", "")), str(entry.get("message", ""))
    field = None if handler is None else handler.parsed_fn_signature.parameters.get(key)
    definition = None if field is None else field.kwarg_definition
    if field is None or not isinstance(definition, QueryParameter | HeaderParameter):
        return FieldError(pointer=key, message=f"{message}.")
    form = form_of(field.annotation)
    steps = (0,) if form.at((0,)) else ()  # of a list, the framework tells about an entry without its place
    return FieldError(pointer=definition.name or key, message=explained(message, form, steps))


def _refused(error: HTTPException) -> Problem:
    status = error.status_code
    detail = _DETAILS.get(status, f"{error.detail.rstrip('.')}.")
    return Problem(status, _CODES.get(status, "refused"), detail, headers=error.headers)
