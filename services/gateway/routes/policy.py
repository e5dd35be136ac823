"""`/v1/policy`: what holds for all of the tenant's work."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, get, put
from msgspec import Meta

from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.context import Api, ApiRequest


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
    return Response(Policy(outside=await gateway.policies.outside(request.user.tenant_id)))


@put(
    "/policy",
    opt=Operation(
        needs=Permission.PRIVACY_WRITE,
        summary="Decide the policy",
        tag="Privacy",
        body={JSON: Policy},
        answers={200: Answer(description="Decided.", content=Policy)},
        problems={400: "The body cannot be read.", 415: "The body is not JSON.", 422: "Something in the body is not accepted."},
    ).opt,
)
async def put_policy(request: ApiRequest, gateway: Api) -> Response[Policy]:
    """With `outside: false`, no recording and no text of the tenant's leaves the house any more: a job that asks for an engine
    outside is refused (`engine_forbidden`), one that names none gets an engine of the house, a job that waits or is at work
    sends nothing more (it fails with `engine_forbidden`, to be retried in the house), and reports are written by code, or by a
    language model of the house. It counts at once where anything would leave, within five seconds where jobs are taken."""
    policy = await gateway.json(request, _POLICY)
    await gateway.policies.decide(request.user.tenant_id, outside=policy.outside)
    gateway.choosing.forget(request.user.tenant_id)
    return Response(policy)
