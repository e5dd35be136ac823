"""`/v1/password-resets`: for who has forgotten their password."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, post
from msgspec import Meta

from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.problems import Problem
from services.gateway.routes.context import BODY_PROBLEMS, Api, ApiRequest, address_of, traceparent
from services.gateway.users.sessions import is_foreign


class ResetRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who has forgotten their password."""

    email: Annotated[str, Meta(max_length=320, description="One's e-mail.", examples=["chen@example.com"])]


_RESET = msgspec.json.Decoder(ResetRequest)


@post(
    "/password-resets",
    status_code=202,
    opt=Operation(
        needs=None,
        summary="Ask for a new password",
        tag="Sessions",
        body={JSON: ResetRequest},
        answers={202: Answer(description="If there is such an account, an e-mail is on its way.")},
        problems={
            **BODY_PROBLEMS,
            403: "Another site's page has sent this.",
            409: "The installation does not know how it is reached.",
            429: "Asked for too often.",
            503: "A backend does not answer; try again.",
        },
        codes=("cross_site", "public_url_missing", "too_many_mails", "unavailable"),
    ).opt,
)
async def ask_for_reset(request: ApiRequest, gateway: Api) -> Response[bytes]:
    """Have an e-mail sent with a link that sets another password, once, within an hour. The answer is the same whether there is
    such an account or not. Until the link is used, the old password stays; then one is signed out everywhere."""
    if is_foreign(request.headers):
        raise Problem(403, "cross_site", "This is for pages of this site; another one has sent it.")
    wish = await gateway.json(request, _RESET)
    await gateway.links.ask_reset(wish.email, address_of(request), traceparent=traceparent(request))
    return Response(b"", status_code=202)
