"""Pages of other sites at the API: only those that the operator names, and refusals can be read."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from services.gateway.cors import Cors, origins_of
from shared.errors import ConfigurationError
from shared.health import Receive, Scope, Send

SITE = "https://app.example.com"


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 401, "headers": [(b"vary", b"Accept-Encoding")]})
    await send({"type": "http.response.body", "body": b"no"})


async def _ask(origins: str, method: str, **headers: str) -> httpx.Response:
    transport: Any = httpx.ASGITransport(Cors(_app, origins_of(origins)))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        return await http.request(
            method, "/v1/jobs", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )


async def test_a_named_site_may_read_answers_and_sends_no_cookies() -> None:
    """Refusals, too; and it sees the headers that it needs. Caches keep the answers apart."""
    answer = await _ask(SITE, "GET", Origin=SITE)
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert "Access-Control-Allow-Credentials" not in answer.headers
    for name in ("X-Request-Id", "RateLimit", "Location", "ETag", "Upload-Offset", "Tus-Resumable"):
        assert name in answer.headers["Access-Control-Expose-Headers"]
    assert answer.headers["Vary"] == "Accept-Encoding, Origin"


async def test_a_browser_asks_before_it_sends_a_resumable_upload() -> None:
    """The preflight of tus is answered without a key, and only to a site that is named."""
    wish = {"Access_Control_Request_Method": "PATCH", "Access_Control_Request_Headers": "tus-resumable,upload-offset"}
    answer = await _ask(SITE, "OPTIONS", Origin=SITE, **wish)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    for name in ("Authorization", "Upload-Offset", "Tus-Resumable", "Idempotency-Key", "If-Match", "X-CSRF-Token"):
        assert name in answer.headers["Access-Control-Allow-Headers"]
    other = await _ask(SITE, "OPTIONS", Origin="https://evil.example.com", **wish)
    assert not [name for name in other.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", f"{SITE}.evil.com", "http://app.example.com", f"{SITE}:8443", "null"]
)
async def test_others_may_not_read_anything(origin: str) -> None:
    """Neither a site that looks like it, nor another scheme or port, nor a page without an origin."""
    answer = await _ask(SITE, "GET", Origin=origin)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["Vary"].endswith("Origin")


async def test_every_site_may_be_let_in_and_then_without_cookies() -> None:
    """`*` never goes with credentials; a site that is named beside it keeps them."""
    answer = await _ask(f"* {SITE}", "GET", Origin="https://other.example.com")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert (await _ask(f"* {SITE}", "GET", Origin=SITE)).headers["Access-Control-Allow-Origin"] == SITE


@pytest.mark.parametrize("text", ["app.example.com", "https://app.example.com/", "ftp://a.example", "https://*.example.com"])
def test_what_is_no_origin_is_named_at_the_start(text: str) -> None:
    """The process does not start with it."""
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_CORS_ORIGINS"):
        origins_of(text)


def test_origins_are_separated_by_commas_or_spaces() -> None:
    """In any letter case."""
    assert origins_of("https://A.example, http://localhost:5173") == {"https://a.example", "http://localhost:5173"}
    assert origins_of("") == frozenset()
