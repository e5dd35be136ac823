"""The HTTP application: routes below `/v1`, and what becomes of every error."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import starmap
from typing import Any, cast

import structlog
from litestar import Litestar, Request, Response, Router, get
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.handlers.base import BaseRouteHandler
from litestar.params import HeaderParameter, QueryParameter
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler
from typing_extensions import override

from services.gateway import methods
from services.gateway.access import REQUEST_ID, Access
from services.gateway.admission import PUBLIC, AnyRequest, check_declared
from services.gateway.codes import Code
from services.gateway.cors import Cors, origins_of
from services.gateway.description.mistakes import explained, form_of
from services.gateway.openapi.document import describe
from services.gateway.problems import MEDIA_TYPE, PAGES, FieldError, Problem, ProblemDocument, unavailable
from services.gateway.reference import Asset
from services.gateway.routes import (
    account,
    audit,
    batches,
    confirming,
    deliveries,
    direct,
    endpoints,
    engines,
    erasures,
    estimates,
    events,
    exports,
    feed,
    jobs,
    keys,
    me,
    oidc,
    password_links,
    password_resets,
    policy,
    problems,
    reference,
    regrets,
    results,
    resumables,
    retention,
    search,
    sessions,
    solutions,
    submitting,
    suppressions,
    tokens,
    transcripts,
    unsubscribing,
    uploads,
    usage,
    users,
    vocabularies,
)
from services.gateway.routes.context import Gateway
from services.gateway.tus import VERSION_HEADER
from shared.blobs import BlobUnavailable
from shared.database import is_outage
from shared.health import AsgiApp
from shared.mail_links import LinkPurpose

ROUTES: tuple[ControllerRouterHandler, ...] = (
    uploads.create_upload,
    uploads.get_upload,
    resumables.get_offset,
    resumables.append_to_upload,
    resumables.delete_upload,
    direct.begin_direct_upload,
    direct.complete_direct_upload,
    search.search,
    estimates.estimate_job,
    estimates.estimate_recording,
    batches.create_batch,
    batches.list_batches,
    batches.get_batch,
    batches.cancel_batch,
    submitting.create_job,
    jobs.list_jobs,
    jobs.get_job,
    jobs.change_job,
    jobs.cancel_job,
    jobs.retry_job,
    jobs.delete_job,
    events.follow_job,
    feed.follow_jobs,
    transcripts.get_transcript,
    transcripts.edit_transcript,
    transcripts.list_revisions,
    transcripts.restore_transcript,
    results.get_report,
    results.list_artifacts,
    results.get_artifact,
    account.get_account,
    solutions.list_solutions,
    solutions.get_solution,
    engines.list_engines,
    vocabularies.create_vocabulary,
    vocabularies.list_vocabularies,
    vocabularies.get_vocabulary,
    vocabularies.replace_vocabulary,
    vocabularies.delete_vocabulary,
    vocabularies.get_table,
    vocabularies.put_table,
    account.get_webhook_secret,
    endpoints.create_endpoint,
    endpoints.list_endpoints,
    endpoints.get_endpoint,
    endpoints.change_endpoint,
    endpoints.delete_endpoint,
    endpoints.rotate_secret,
    endpoints.send_test,
    endpoints.ask_to_confirm,
    endpoints.replay,
    endpoints.get_public_keys,
    deliveries.list_deliveries,
    deliveries.get_delivery,
    deliveries.redeliver,
    suppressions.list_suppressions,
    suppressions.lift_suppression,
    keys.create_key,
    keys.list_keys,
    keys.get_key,
    keys.rotate_key,
    keys.revoke_key,
    users.invite_user,
    users.invite_again,
    users.list_users,
    users.get_user,
    users.change_user,
    users.remove_user,
    me.get_me,
    me.change_me,
    me.change_password,
    tokens.create_token,
    tokens.list_tokens,
    tokens.end_token,
    password_resets.ask_for_reset,
    oidc.get_sign_in_methods,
    oidc.go_to_provider,
    oidc.come_back,
    sessions.sign_in,
    sessions.get_session,
    sessions.sign_out,
    sessions.list_sessions,
    sessions.end_one_session,
    audit.list_audit,
    audit.export_audit,
    usage.get_usage,
    usage.list_usage,
    usage.export_usage,
    usage.get_statement,
    retention.get_retention,
    retention.put_retention,
    policy.get_policy,
    policy.put_policy,
    erasures.erase_speaker,
    erasures.list_erasures,
    erasures.get_certificate_keys,
    erasures.get_erasure,
    exports.create_export,
    exports.list_exports,
    exports.get_export,
    exports.get_export_file,
)

LINKS: Mapping[LinkPurpose, list[ControllerRouterHandler]] = {
    LinkPurpose.UNSUBSCRIBE: [unsubscribing.ask_to_unsubscribe, unsubscribing.unsubscribe],
    LinkPurpose.JOIN: [password_links.ask_for_first_password, password_links.set_first_password],
    LinkPurpose.RESET: [password_links.ask_for_new_password, password_links.set_new_password],
    LinkPurpose.CONFIRM: [confirming.ask_for_confirmation, confirming.confirm],
}

_CODES: Mapping[int, Code] = {404: "not_found", 405: "method_not_allowed"}
_DETAILS: Mapping[int, str] = {
    404: "There is nothing at this path; /v1/openapi.json lists what there is.",
    405: "This path does not take this method; the Allow header lists those it takes.",
}

log = structlog.get_logger(__name__)


class _LeanLitestar(Litestar):
    """Without the plugins for kinds of models we do not use: they import pydantic, which costs 9 MB."""

    @staticmethod
    @override
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def web_app(gateway: Gateway, admit: Callable[[AnyRequest], Awaitable[None]]) -> AsgiApp:
    """Everything the gateway answers over HTTP, health and metrics apart; `admit` comes before each route. Raises
    `RuntimeError` for a route that does not say what it needs."""

    base = gateway.views.url("").removesuffix("/v1")

    @functools.cache
    def description() -> Asset:
        routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
        return Asset.of(gzip.compress(describe(routes, server=base or "/"), mtime=0), "application/json")

    @get("/openapi.json", opt={PUBLIC: True})
    async def openapi(
        accept_encoding: reference.AcceptEncoding = None, if_none_match: reference.IfNoneMatch = None
    ) -> Response[bytes]:
        return reference.serve(description(), accept_encoding, if_none_match, seconds=300)

    def router(path: str, handlers: Sequence[ControllerRouterHandler], *more: ControllerRouterHandler) -> Router:
        named = cast("Sequence[HTTPRouteHandler]", handlers)
        methods.with_head(named)
        return Router(
            path,
            route_handlers=[*more, *methods.options(named, but=["/uploads"]), *named],
            before_request=admit,
            dependencies={"gateway": Provide(lambda: gateway, sync_to_thread=False)},
        )

    pages = {
        PAGES: [problems.list_problems, problems.explain_problem],
        "/docs": [reference.show_reference, reference.get_reference_file],
        **{purpose.path: handlers for purpose, handlers in LINKS.items()},
    }
    app = _LeanLitestar(
        [router("/v1", [*ROUTES, openapi], resumables.describe_protocol), *starmap(router, pages.items())],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        exception_handlers={Exception: lambda request, error: _answer(request, error, base=base)},
    )
    check_declared(handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers)
    answering = cast("AsgiApp", app)
    return Access(Cors(answering, origins) if (origins := origins_of(gateway.settings.cors_origins)) else answering)


def _answer(request: Request[Any, Any, Any], error: Exception, *, base: str) -> Response[ProblemDocument] | Response[str]:
    handler = cast("BaseRouteHandler | None", request.scope.get("route_handler"))
    problem = problem_of(error, handler)
    if problem.status == 500:
        log.error("http.failed", exc_info=error)
    document = problem.document(cast("str | None", request.scope.get(REQUEST_ID)), base=base)
    if handler is not None and regrets.wants_page(handler.opt, request.headers):
        page = regrets.regret(document, request.headers)
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
