"""`/u/{token}`: the link in e-mails that ends them. Mail scanners follow links, so only a POST does anything (RFC 8058)."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.params import FromPath

from services.gateway.admission import PUBLIC
from services.gateway.problems import Problem
from services.gateway.routes.context import Api, Gateway
from services.gateway.store.endpoints import EndpointRow
from shared.unsubscribe import endpoint_of_token

_PAGE = """\
<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Audio2txt</title>
<style>
  :root {{ color-scheme: light dark }}
  body {{ font: 1.0625rem/1.6 system-ui, "Noto Sans TC", "PingFang TC", "Microsoft JhengHei", sans-serif; margin: 0;
         display: grid; place-items: center; min-height: 100vh }}
  main {{ max-width: 30rem; padding: 2rem; text-align: center }}
  button {{ font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .4rem; background: #1f5f8b; color: #fff }}
</style>
<main>{content}</main>
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_ASKED = {
    "en": ("<p>No more e-mails about recordings to {address}?</p>", "Unsubscribe"),
    "zh-Hant": ("<p>不再寄送錄音通知到 {address}？</p>", "取消訂閱"),
}
_DONE = {
    "en": "<p>No more e-mails are sent to {address}. Whoever set them up can switch them on again.</p>",
    "zh-Hant": "<p>已不再寄信到 {address}。設定者可以重新開啟。</p>",
}


@get("/{token:str}", opt={PUBLIC: True}, media_type="text/html")
async def ask_to_unsubscribe(gateway: Api, token: FromPath[str]) -> Response[str]:
    """A page with one button."""
    row = await _endpoint(gateway, token)
    question, button = _ASKED[row.language]
    form = f'<form method="post"><button>{button}</button></form>'
    return _page(row, question.format(address=_masked(row.label)) + form)


@post("/{token:str}", opt={PUBLIC: True}, status_code=200, media_type="text/html")
async def unsubscribe(gateway: Api, token: FromPath[str]) -> Response[str]:
    """Pause the endpoint. Twice is once."""
    row = await _endpoint(gateway, token)
    if not row.paused:
        await gateway.endpoints.pause(row.tenant_id, row.id)
    return _page(row, _DONE[row.language].format(address=_masked(row.label)))


async def _endpoint(gateway: Gateway, token: str) -> EndpointRow:
    endpoint_id = endpoint_of_token(gateway.secret_key, token)
    row = None if endpoint_id is None else await gateway.endpoints.store.find_anybodys(endpoint_id)
    if row is None:
        raise Problem(404, "not_found", "This link leads nowhere (any more); no e-mails are sent because of it.")
    return row


def _page(row: EndpointRow, content: str) -> Response[str]:
    return Response(_PAGE.format(language=row.language, content=content), headers=_HEADERS, media_type="text/html")


def _masked(address: str) -> str:
    """Enough for its owner to know it by. An address that was accepted holds nothing that means anything in HTML but `&`."""
    name, _, domain = address.partition("@")
    return f"{name[:1]}***@{domain}".replace("&", "&amp;").replace("'", "&#39;")
