"""The documentation page, and what routes that are to go say of themselves."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from litestar import Response, get

from services.gateway import web
from services.gateway.admission import AnyRequest, admission
from services.gateway.deprecation import Deprecation
from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import Problem
from services.gateway.reference import FOLDER, PUBLISHED, VERSION, asset
from services.gateway.routes.context import Gateway
from services.gateway.settings import GatewaySettings
from services.gateway.views.building import Views

OLD = Deprecation(
    since=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
    sunset=dt.datetime(2027, 5, 1, tzinfo=dt.UTC),
    explained="https://example.com/moved",
)


@get(
    "/old",
    opt=Operation(
        needs=Permission.ACCOUNT_READ,
        summary="Old",
        tag="Account",
        answers={200: Answer(description="Old.")},
        deprecated=OLD,
    ).opt,
)
async def old_route() -> Response[None]:
    """Something that is to go."""
    return Response(None)


def _client(public_url: str | None = None, *, stranger: bool = False) -> httpx.AsyncClient:
    """Somebody who may do everything, or one without a key."""

    async def admit(request: AnyRequest) -> None:
        del request

    gateway = cast("Gateway", SimpleNamespace(views=Views(public_url), settings=GatewaySettings()))
    refuse = admission(cast("Any", _Nobody()), cast("Any", _Unlimited()))
    app: Any = web.web_app(gateway, refuse if stranger else admit)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A reader without a key."""
    async with _client(stranger=True) as client:
        yield client


def test_the_page_is_made_of_what_was_published() -> None:
    """The files are those of the npm package, byte for byte, with its licence."""
    for name, digest in PUBLISHED.items():
        found = asset(name)
        assert found is not None
        assert hashlib.sha256(found.data).hexdigest() == digest
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    assert "Apache License" in (FOLDER / "LICENSE.txt").read_text()
    assert "SmartBear" in (FOLDER / "NOTICE.txt").read_text()


async def test_the_page_takes_nothing_from_elsewhere(http: httpx.AsyncClient) -> None:
    """No script, style or font of another host, no inline script, and a policy that would stop them."""
    page = await http.get("/docs")
    assert page.status_code == 200
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert [link for link in linked if not link.startswith(("/docs/", "data:,"))] == []
    assert re.findall(r"<script(?! src)", page.text) == []
    for link in linked:
        if link.startswith("/docs/"):
            answer = await http.get(link)
            assert answer.status_code == 200, link
            assert answer.headers["Content-Encoding"] == "gzip"
            assert (await http.get(link, headers={"If-None-Match": answer.headers["ETag"]})).status_code == 304
    assert (await http.get("/docs/page.css", headers={"Accept-Encoding": "identity"})).text.startswith(":root")
    assert (await http.get("/docs/LICENSE.txt")).status_code == 404


async def test_the_description_is_small_on_the_line(http: httpx.AsyncClient) -> None:
    """Compressed for those who take that, the same for those who do not, and not sent again to those who have it."""
    compressed = await http.get("/v1/openapi.json")
    plain = await http.get("/v1/openapi.json", headers={"Accept-Encoding": "identity"})
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert compressed.headers["Content-Type"] == plain.headers["Content-Type"] == "application/json"
    assert compressed.json() == plain.json()
    known = await http.get("/v1/openapi.json", headers={"If-None-Match": compressed.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")


async def test_the_page_lies_below_the_path_that_the_installation_has() -> None:
    """A proxy may put the API below a path."""
    async with _client("https://example.com/speech") as http:
        page = await http.get("/docs")
        problem, problems = await http.get("/problems/not_found"), await http.get("/problems")
    assert 'href="/speech/problems"' in problem.text
    assert 'href="/speech/problems/not_found"' in problems.text
    assert 'src="/speech/docs/setup.js"' in page.text
    assert 'data-description="/speech/v1/openapi.json"' in page.text


@pytest.mark.parametrize(("public_url", "told"), [("https://example.com", True), ("http://example.com", False), (None, False)])
async def test_browsers_are_kept_to_https_where_that_is_how_they_come(public_url: str | None, told: bool) -> None:
    """In every answer, refusals too (RFC 6797)."""
    async with _client(public_url, stranger=True) as http:
        answers = [await http.get(path) for path in ("/docs", "/v1/jobs", "/nothing")]
    assert ["Strict-Transport-Security" in answer.headers for answer in answers] == [told] * 3


async def test_a_route_that_is_to_go_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the fields of RFC 9745 and RFC 8594, refusals too, and in the API's description; others say nothing."""
    monkeypatch.setattr(web, "ROUTES", (*web.ROUTES, old_route))
    async with _client(stranger=True) as http:
        refused, other = await http.get("/v1/old"), await http.get("/v1/account")
        document = (await http.get("/v1/openapi.json")).json()
    assert refused.status_code == 401
    assert refused.headers["Deprecation"] == f"@{int(OLD.since.timestamp())}"
    assert refused.headers["Sunset"] == "Sat, 01 May 2027 00:00:00 GMT"
    assert 'rel="deprecation"' in refused.headers["Link"]
    assert "Deprecation" not in other.headers
    described = document["paths"]["/v1/old"]["get"]
    assert described["deprecated"] is True
    assert "2027-05-01" in described["description"]


def test_a_route_does_not_end_before_it_is_deprecated() -> None:
    """RFC 8594 and RFC 9745 together."""
    with pytest.raises(ValueError, match="before"):
        Deprecation(since=OLD.since, sunset=OLD.since - dt.timedelta(days=1), explained="https://example.com")


@pytest.mark.parametrize("path", ["/docs", "/docs/page.css", "/problems", "/problems/not_found", "/v1/openapi.json"])
async def test_what_is_for_everybody_answers_as_all_routes_do(http: httpx.AsyncClient, path: str) -> None:
    """HEAD as GET without the body, and OPTIONS with the methods, to those without a key as well."""
    page, head, options = await http.get(path), await http.head(path), await http.options(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == page.headers["Content-Type"]
    assert options.status_code == 204
    assert options.headers["Allow"] == "GET, HEAD, OPTIONS"


async def test_every_answer_has_the_same_guards(http: httpx.AsyncClient) -> None:
    """A page, a document, a refusal: what browsers are told about each."""
    for path in ("/v1/openapi.json", "/v1/nothing", "/nothing", "/docs", "/problems"):
        headers = (await http.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "no-referrer", path
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert "Cache-Control" in headers, path
        assert headers["X-Request-Id"].startswith("req_"), path
        assert "Server" not in headers, path


class _Nobody:
    async def principal(self, *_: object) -> None:
        raise Problem(401, "unauthorized", "Send a key.")


class _Unlimited:
    async def take(self, *_: object) -> None:
        return None
