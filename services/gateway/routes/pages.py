"""The pages behind the links in e-mails: a question with one button, for somebody who has no account."""

from __future__ import annotations

from uuid import UUID

from litestar import Response

from services.gateway import tenancy
from services.gateway.problems import Problem
from services.gateway.routes.context import Gateway
from services.gateway.store.addresses import AddressRow
from shared.mail_links import LinkPurpose, subject_of_token
from shared.schemas.jobs import ReportLanguage

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
  main {{ max-width: 30rem; padding: 2rem; text-align: center; text-wrap: balance }}
  strong {{ overflow-wrap: anywhere }}
  small {{ display: block; margin-top: 1.4rem; opacity: .75 }}
  label {{ display: block; margin-top: 1rem; text-align: start }}
  input {{ font: inherit; box-sizing: border-box; width: 100%; padding: .5rem .7rem; border: 1px solid GrayText;
           border-radius: .4rem }}
  form button {{ margin-top: 1.4rem }}
  button {{ font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .4rem; background: #1f5f8b; color: #fff }}
</style>
<main>{content}</main>
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


async def address_behind(gateway: Gateway, purpose: LinkPurpose, token: str) -> tuple[AddressRow, ReportLanguage]:
    """The address that a link is about, and the language of its reader; the request is its tenant's from here on. Raises
    `Problem` 404."""
    address_id: UUID | None = subject_of_token(gateway.secret_key, purpose, token)
    addresses = gateway.endpoints.addresses.store
    with tenancy.as_system():
        row = None if address_id is None else await addresses.find_anybodys(address_id)
    if row is None:
        raise Problem(404, "not_found", "This link leads nowhere (any more); no e-mails are sent because of it.")
    tenancy.enter(row.tenant_id)
    return row, await addresses.language(row.id)


def question(language: ReportLanguage, text: str, button: str, *, after: str = "") -> Response[str]:
    """A page that asks. Only its button does anything: mail scanners follow links, too."""
    note = f"<small>{after}</small>" if after else ""
    return answer(language, f'<p>{text}</p><form method="post"><button>{button}</button></form>{note}')


def answer(language: ReportLanguage, content: str) -> Response[str]:
    """A page that tells."""
    return Response(_PAGE.format(language=language, content=content), headers=_HEADERS, media_type="text/html")


def masked(address: str) -> str:
    """Enough for its reader to know it by. An address that was accepted holds nothing that means anything in HTML but `&`."""
    name, _, domain = address.partition("@")
    return f"<strong>{name[:1]}***@{domain}</strong>".replace("&", "&amp;").replace("'", "&#39;")
