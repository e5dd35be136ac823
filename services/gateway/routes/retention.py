"""`/v1/retention`: for how long the tenant's things are kept."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, put
from msgspec import Meta

from services.gateway.entity_tags import check_match, etag_with, version_of
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.privacy.rules import effective, of_installation
from services.gateway.problems import invalid
from services.gateway.routes.context import CHANGED, ETAG, Api, ApiRequest, Gateway, IfMatch
from shared.schemas.privacy import RetentionDays, RetentionRules

_RULES = msgspec.json.Decoder(RetentionRules)


class RetentionView(msgspec.Struct, frozen=True, kw_only=True):
    """For how long the tenant's things are kept."""

    rules: Annotated[RetentionRules, Meta(description="What the tenant has decided, as it was put.")]
    installation: Annotated[RetentionDays, Meta(description="What counts where the tenant has decided nothing.")]
    effective: Annotated[RetentionDays, Meta(description="What counts for jobs of all other scenarios.")]
    effective_by_solution: Annotated[
        dict[str, RetentionDays], Meta(description="What counts for jobs of the scenarios that have rules of their own.")
    ]


@get(
    "/retention",
    opt=Operation(
        needs=Permission.PRIVACY_READ,
        summary="Show for how long things are kept",
        tag="Privacy",
        answers={200: Answer(description="In days; null keeps for ever.", content=RetentionView)},
    ).opt,
)
async def get_retention(request: ApiRequest, gateway: Api) -> Response[RetentionView]:
    """For how many days after a job's end its parts are kept: the recording (`audio`), the engine's unchanged answer (`raw`),
    the `transcript`, the `report` with its files, the job itself with everything that is left of it (`record`), and the log of
    `deliveries`. A rule for a scenario counts before the tenant's, and that before the installation's. Deliveries for which
    the tenant has no rule are kept as long as the operator says (30 days unless `AUDIO2TXT_DELIVERY_LOG_DAYS` does)."""
    rules = await gateway.retention.of(request.user.tenant_id)
    return _shown(gateway, rules)


@put(
    "/retention",
    opt=Operation(
        needs=Permission.PRIVACY_WRITE,
        summary="Decide for how long things are kept",
        tag="Privacy",
        body={JSON: RetentionRules},
        answers={200: Answer(description="Decided.", content=RetentionView, headers=ETAG)},
        problems={
            412: CHANGED,
            400: "The body cannot be read.",
            415: "The body is not JSON.",
            422: "A value is no number of days, or there is no such scenario.",
        },
        codes=("unknown_solution", "precondition_failed"),
    ).opt,
)
async def put_retention(request: ApiRequest, gateway: Api, if_match: IfMatch = None) -> Response[RetentionView]:
    """Put these rules in the place of those that are there. `null` keeps for ever; what is left out is decided by the rules
    below. They count for jobs that are there, too, from the next round on, which is an hour away at most: what is over then
    is removed for good. Jobs at work are left alone."""
    rules = await gateway.json(request, _RULES)
    for solution in rules.solutions:
        if solution not in gateway.solutions:
            raise invalid(
                f"/solutions/{solution}",
                "unknown_solution",
                f"There is no solution {solution!r}; GET /v1/solutions lists those there are.",
            )
    tenant_id = request.user.tenant_id
    await gateway.retention.decide(tenant_id, rules, check=lambda decided: check_match(if_match, version_of(decided)))
    return _shown(gateway, rules)


def _shown(gateway: Gateway, rules: RetentionRules) -> Response[RetentionView]:
    view = _view(gateway, rules)
    return Response(view, headers={"ETag": etag_with(version_of(rules), view)})


def _view(gateway: Gateway, rules: RetentionRules) -> RetentionView:
    installation = of_installation(gateway.settings)
    return RetentionView(
        rules=rules,
        installation=installation,
        effective=effective(installation, rules),
        effective_by_solution={solution: effective(installation, rules, solution) for solution in rules.solutions},
    )
