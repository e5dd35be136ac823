"""`/c/{token}`: the link by which the reader of an address says that they want e-mails."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.params import FromPath

from services.gateway.routes.context import Api
from services.gateway.routes.pages import address_behind, answer, masked, question
from services.gateway.routes.regrets import FOR_PEOPLE
from shared.mail_links import LinkPurpose

_ASKED = {
    "en": (
        "Somebody has set up e-mails about recordings to {address}. Do you want them?",
        "Yes, send them",
        "If not, close this page: nothing is sent. Every e-mail has a link that ends them.",
    ),
    "zh-Hant": (
        "有人設定把錄音處理通知寄到 {address}，您要接收嗎？",
        "是，請寄給我",
        "若不要，關閉這個頁面即可，不會再寄信。每封郵件都附有取消訂閱的連結。",
    ),
}
_DONE = {
    "en": "<p>Thank you. From now on e-mails about recordings come to {address}.</p>",
    "zh-Hant": "<p>謝謝。之後錄音處理通知會寄到 {address}。</p>",
}


@get("/{token:str}", opt=FOR_PEOPLE, media_type="text/html")
async def ask_for_confirmation(gateway: Api, token: FromPath[str]) -> Response[str]:
    """A page with one button; without, where the answer was yes before."""
    row, language = await address_behind(gateway, LinkPurpose.CONFIRM, token)
    if row.withheld is None:
        return answer(language, _DONE[language].format(address=masked(row.address)))
    text, button, after = _ASKED[language]
    return question(language, text.format(address=masked(row.address)), button, after=after)


@post("/{token:str}", opt=FOR_PEOPLE, status_code=200, media_type="text/html")
async def confirm(gateway: Api, token: FromPath[str]) -> Response[str]:
    """Let e-mails be sent to the address, through all of the tenant's endpoints that lead there. Twice is once."""
    row, language = await address_behind(gateway, LinkPurpose.CONFIRM, token)
    await gateway.endpoints.addresses.confirm(row.id)
    return answer(language, _DONE[language].format(address=masked(row.address)))
