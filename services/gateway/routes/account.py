"""`/v1/account`, `/v1/solutions`, `/v1/webhook-secret`: what an installation offers and who asks."""

from __future__ import annotations

from litestar import Response, get

from services.gateway.openapi import Answer, Operation
from services.gateway.routes.context import Api, ApiRequest
from services.gateway.views import AccountView, SecretView, SolutionList, account_view
from shared.signing import webhook_secret


@get(
    "/account",
    opt=Operation(
        summary="Who am I", tag="Account", answers={200: Answer(description="Tenant and key.", content=AccountView)}
    ).opt,
)
async def get_account(request: ApiRequest) -> Response[AccountView]:
    """The tenant and the key that the request was made with."""
    return Response(account_view(request.user))


@get(
    "/solutions",
    opt=Operation(
        summary="List the solutions", tag="Account", answers={200: Answer(description="All of them.", content=SolutionList)}
    ).opt,
)
async def list_solutions(gateway: Api) -> Response[SolutionList]:
    """The scenarios a job can be reported after, with the files each produces."""
    return Response(SolutionList(data=tuple(gateway.solutions.values())))


@get(
    "/webhook-secret",
    opt=Operation(
        summary="Show the webhook secret",
        tag="Account",
        answers={200: Answer(description="The tenant's secret.", content=SecretView)},
    ).opt,
)
async def get_webhook_secret(request: ApiRequest, gateway: Api) -> Response[SecretView]:
    """What to verify `webhook-signature` with, after Standard Webhooks; any of its libraries takes it as it is."""
    secret = SecretView(secret=webhook_secret(gateway.secret_key, request.user.tenant_id))
    return Response(secret, headers={"Cache-Control": "no-store"})
