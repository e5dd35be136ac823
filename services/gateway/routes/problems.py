"""`/problems/{code}`: what a problem's `type` leads to. Pages for people: without a key, and all their own."""

from __future__ import annotations

import hashlib
import html
import re
from base64 import b64encode

from litestar import Response, get
from litestar.params import FromPath

from services.gateway.admission import PUBLIC
from services.gateway.codes import MEANINGS, SUBJECTS, Meaning
from services.gateway.problems import PAGES, Problem
from services.gateway.routes.context import Api, Gateway

_STYLE = """
:root { color-scheme: light dark }
body { font: 1.0625rem/1.6 system-ui, "Noto Sans TC", "PingFang TC", "Microsoft JhengHei", sans-serif; margin: 0 }
main { max-width: 44rem; margin: 0 auto; padding: 2.5rem 1.25rem }
h1 { font-size: 1.6rem; overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin-top: 2.2rem }
code { font-family: ui-monospace, monospace; font-size: .93em }
dt { margin-top: .9rem; overflow-wrap: anywhere }
dd { margin: 0; opacity: .85 }
a { color: light-dark(#1f5f8b, #7fc1ec) }
.status { opacity: .7 }
"""
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "public, max-age=3600",
}
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Audio2txt</title>
<style>{style}</style>
<main>
{content}
</main>
"""


@get("/", opt={PUBLIC: True}, media_type="text/html")
async def list_problems(gateway: Api) -> Response[str]:
    """Every code, by what it is about."""
    pages = _pages(gateway)
    parts = ["<h1>Problems</h1>", "<p>What the API answers when something is wrong with a request, by <code>code</code>.</p>"]
    for subject, table in SUBJECTS.items():
        rows = "".join(_row(f"{pages}/{code}", code, meaning) for code, meaning in table.items())
        parts.append(f"<h2>{html.escape(subject)}</h2><dl>{rows}</dl>")
    return _page("Problems", "\n".join(parts))


@get("/{code:str}", opt={PUBLIC: True}, media_type="text/html")
async def explain_problem(gateway: Api, code: FromPath[str]) -> Response[str]:
    """One code: what has happened, and what to do."""
    meaning = MEANINGS.get(code)
    if meaning is None:
        raise Problem(404, "not_found", f"There is no problem of this name; {PAGES} lists those there are.")
    content = (
        f"<h1><code>{code}</code></h1><p class=status>{_statuses(meaning)}</p>"
        f"<p>{_text(meaning.what)}</p><h2>What to do</h2><p>{_text(meaning.remedy)}</p>"
        f'<p><a href="{_pages(gateway)}">All problems</a></p>'
    )
    return _page(code, content)


def _page(title: str, content: str) -> Response[str]:
    body = _PAGE.format(title=html.escape(title), style=_STYLE, content=content)
    return Response(body, headers=_HEADERS, media_type="text/html")


def _pages(gateway: Gateway) -> str:
    return html.escape(gateway.views.prefix + PAGES)


def _row(page: str, code: str, meaning: Meaning) -> str:
    link = f'<a href="{page}"><code>{code}</code></a>'
    return f"<dt>{link} <span class=status>{_statuses(meaning)}</span><dd>{_text(meaning.what)} {_text(meaning.remedy)}</dd>"


def _statuses(meaning: Meaning) -> str:
    return "HTTP " + ", ".join(map(str, meaning.statuses))


def _text(text: str) -> str:
    """What is between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
