"""`/v1/policy`: what holds for all of the tenant's work."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, put
from msgspec import Meta

from services.gateway.entity_tags import check_match, etag_of, version_of
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.context import BODY_PROBLEMS, CHANGED, ETAG, Api, ApiRequest, IfMatch


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for all of the tenant's work."""

    outside: Annotated[
        bool,
        Meta(
            description="Whether recordings may go to speech engines, and texts to language models, outside of the house.",
            examples=[False],
        ),
    ]


_POLICY = msgspec.json.Decoder(Policy)


@get(
    "/policy",
    opt=Operation(
        needs=Permission.PRIVACY_READ,
        summary="Show the policy",
        tag="Privacy",
        answers={200: Answer(description="What was decided.", content=Policy)},
    ).opt,
)
async def get_policy(request: ApiRequest, gateway: Api) -> Response[Policy]:
    """What the tenant has decided. The operator may forbid more (`audio2txt engines rules`)."""
    return _shown(Policy(outside=await gateway.policies.outside(request.user.tenant_id)))


@put(
    "/policy",
    opt=Operation(
        needs=Permission.PRIVACY_WRITE,
        summary="Decide the policy",
        tag="Privacy",
        body={JSON: Policy},
        answers={200: Answer(description="Decided.", content=Policy, headers=ETAG)},
        problems={**BODY_PROBLEMS, 412: CHANGED},
        codes=("precondition_failed",),
    ).opt,
)
async def put_policy(request: ApiRequest, gateway: Api, if_match: IfMatch = None) -> Response[Policy]:
    """With `outside: false`, no recording and no text of the tenant's leaves the house any more: a job that asks for an engine
    outside is refused (`engine_forbidden`), one that names none gets an engine of the house, a job that waits or is at work
    sends nothing more (it fails with `engine_forbidden`, to be retried in the house), and reports are written by code, or by a
    language model of the house. It counts at once where anything would leave, within five seconds where jobs are taken."""
    policy = await gateway.json(request, _POLICY)
    await gateway.policies.decide(
        request.user.tenant_id,
        outside=policy.outside,
        check=lambda outside: check_match(if_match, version_of(Policy(outside=outside))),
    )
    gateway.choosing.forget(request.user.tenant_id)
    return _shown(policy)


def _shown(policy: Policy) -> Response[Policy]:
    return Response(policy, headers={"ETag": etag_of(version_of(policy))})
