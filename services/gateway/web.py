"""The HTTP application: routes below `/v1`, and the pages beside them."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import starmap
from typing import cast

from litestar import Litestar, Response, Router, get
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler
from typing_extensions import override

from services.gateway import methods
from services.gateway.access import Access
from services.gateway.admission import PUBLIC, AnyRequest, check_declared
from services.gateway.conditional import Conditional
from services.gateway.cors import Cors, origins_of
from services.gateway.errors import answer
from services.gateway.openapi.document import describe
from services.gateway.problems import PAGES
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
    async def openapi(accept_encoding: reference.AcceptEncoding = None) -> Response[bytes]:
        return reference.serve(description(), accept_encoding, seconds=300)

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
        exception_handlers={Exception: lambda request, error: answer(request, error, base=base)},
    )
    check_declared(handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers)
    answering: AsgiApp = Conditional(cast("AsgiApp", app))
    if origins := origins_of(gateway.settings.cors_origins):
        answering = Cors(answering, origins)
    return Access(answering, https=base.startswith("https://"))
