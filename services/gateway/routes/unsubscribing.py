"""`/u/{token}`: the link in e-mails that ends them. Mail scanners follow links, so only a POST does anything (RFC 8058)."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.params import FromPath

from services.gateway.routes.context import Api
from services.gateway.routes.pages import address_behind, answer, masked, question
from services.gateway.routes.regrets import FOR_PEOPLE
from shared.mail_links import LinkPurpose

_ASKED = {
    "en": ("No more e-mails about recordings to {address}?", "Unsubscribe"),
    "zh-Hant": ("不再寄送錄音通知到 {address}？", "取消訂閱"),
}
_DONE = {
    "en": "No more e-mails about recordings are sent to {address}.",
    "zh-Hant": "已不再寄送錄音通知到 {address}。",
}
_ASKED_FIRST = {
    "en": " You will be asked before any come again.",
    "zh-Hant": "若要重新寄送，會先徵求您的同意。",
}


@get("/{token:str}", opt=FOR_PEOPLE, media_type="text/html")
async def ask_to_unsubscribe(gateway: Api, token: FromPath[str]) -> Response[str]:
    """A page with one button."""
    row, language = await address_behind(gateway, LinkPurpose.UNSUBSCRIBE, token)
    text, button = _ASKED[language]
    return question(language, text.format(address=masked(row.address)), button)


@post("/{token:str}", opt=FOR_PEOPLE, status_code=200, media_type="text/html")
async def unsubscribe(gateway: Api, token: FromPath[str]) -> Response[str]:
    """Suppress the address for the tenant. Twice is once."""
    row, language = await address_behind(gateway, LinkPurpose.UNSUBSCRIBE, token)
    await gateway.endpoints.addresses.unsubscribe(row.id)
    promise = _ASKED_FIRST[language] if gateway.endpoints.addresses.confirming else ""
    return answer(language, f"<p>{_DONE[language].format(address=masked(row.address))}{promise}</p>")
