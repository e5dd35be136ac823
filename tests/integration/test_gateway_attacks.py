"""Requests that no client makes in good faith, sent over bare sockets: those that two servers read in two ways, those that
never end, and those that want to be repeated in answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from services.gateway.permissions import Role
from services.gateway.store.tenants import TenantStore
from shared.schemas.events import UserMailRequested
from tests.gatewaying import PATIENCE, WAV, ApiClient, RunningGateway, running_gateway

ANSWER = b"HTTP/1.1 "
ORDER = b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HIDDEN = b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
"""Answered with 200 by whoever takes it for a request of its own."""
CHUNKED = b"Transfer-Encoding: chunked\r\n"
AMBIGUOUS = {
    "both lengths": ORDER + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "both lengths, turned round": ORDER + CHUNKED + b"Content-Length: %d\r\n\r\n0\r\n\r\n" % (5 + len(HIDDEN)) + HIDDEN,
    "two lengths": ORDER + b"Content-Length: 2\r\nContent-Length: %d\r\n\r\n{}" % (2 + len(HIDDEN)) + HIDDEN,
    "a list of lengths": ORDER + b"Content-Length: 2, 2\r\n\r\n{}" + HIDDEN,
    "a signed length": ORDER + b"Content-Length: +2\r\n\r\n{}" + HIDDEN,
    "an unknown coding": ORDER + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a coding after chunked": ORDER + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a space before the colon": ORDER + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a folded field": ORDER + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a chunk's size in C's way": ORDER + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a chunk larger than 64 bits": ORDER + CHUNKED + b"\r\n" + b"F" * 17 + b"\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "lines without CR": ORDER.replace(b"\r\n", b"\n") + b"\n" + HIDDEN,
    "a CR within a field": ORDER + b"X-A: a\rTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,
    "a NUL within a field": ORDER + b"X-A: a\0b\r\n\r\n" + HIDDEN,
    "no host": b"GET /v1/openapi.json HTTP/1.1\r\n\r\n" + HIDDEN,
    "two hosts": b"GET /v1/openapi.json HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + HIDDEN,
    "two who ask": HIDDEN[:-2] + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n" + HIDDEN,
}
"""Each with a request behind it that a proxy may have let pass as part of it."""
ENDLESS = {
    "nothing": b"",
    "half a head": b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\nX-A: ",
    "empty lines after an answer": HIDDEN + b"\r\n",
}


@asynccontextmanager
async def _connected(gateway: RunningGateway) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    address = urlsplit(gateway.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        async with asyncio.timeout(PATIENCE):
            yield reader, writer
    finally:
        writer.transport.abort()


async def test_what_can_be_read_in_two_ways_is_refused_and_ends_the_connection(gateway: RunningGateway) -> None:
    """Request smuggling: nothing behind such a request is taken for another one."""
    for name, attack in AMBIGUOUS.items():
        async with _connected(gateway) as (reader, writer):
            writer.write(attack)
            answers = (await reader.read()).split(ANSWER)[1:]
        assert [answer[:3] for answer in answers] == [b"400"], name


async def test_a_request_has_an_end(gateway: RunningGateway, api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends no request, half of one, or one without end is not waited for and not collected; slow uploads and long answers
    are not cut off by that."""
    monkeypatch.setattr("shared.http.HEAD_SECONDS", 0.3)
    head = f"Host: x\r\nAuthorization: {api.http.headers['Authorization']}\r\n".encode()
    async with _connected(gateway) as (reader, writer), _connected(gateway) as (events, following):
        upload = WAV + bytes(2000)
        writer.write(b"POST /v1/uploads HTTP/1.1\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(upload) + upload[:100])
        following.write(b"GET /v1/events HTTP/1.1\r\n" + head + b"\r\n\r\n")
        assert b"200 OK" in await events.readuntil(b"\r\n\r\n")
        for name, beginning in ENDLESS.items():
            async with _connected(gateway) as (answer, waiting):
                waiting.write(beginning)
                assert (await answer.read()).count(ANSWER) == beginning.count(b"\r\n\r\n"), name
        async with _connected(gateway) as (answer, flooding):
            flooding.write(b"GET /v1/openapi.json HTTP/1.1\r\nX-A: " + b"a" * 4_000_000)
            with suppress(ConnectionError):  # what it still sends may cost it the answer
                assert (await answer.read()).startswith(ANSWER + b"431")
        writer.write(upload[100:])
        assert b" 201 " in await reader.readuntil(b"\r\n")
        job = await api.create()
        assert job["id"].encode() in await events.readuntil(job["id"].encode())


async def test_nothing_of_a_request_is_repeated_where_it_leads(database_url: str, tmp_path: Path) -> None:
    """Neither a host that the client makes up, in links of answers or e-mails, nor a line end that would begin a header."""
    evil = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example",
        "X-Host": "evil.example",
    }
    split = "a\r\nX-Evil: 1\r\n\r\nb"
    async with (
        running_gateway(database_url, tmp_path, public_url="https://a2t.example") as gateway,
        await gateway.new_tenant("acme") as http,
    ):
        user = await gateway.new_user(await TenantStore(gateway.pool).add("other"), Role.OWNER)
        api = ApiClient(http)
        http.headers.update(evil)
        jobs = [await api.create(title=split) for _ in range(2)]
        answers = [
            await http.get("/v1/jobs", params={"limit": 1}),
            await http.get("/v1/openapi.json"),
            await http.post("/v1/uploads", params={"file_name": split}, content=WAV + bytes(2000)),
            await http.post("/v1/vocabularies", json={"name": split, "terms": [{"text": "Kowloon"}]}),
            await http.get(f"/v1/jobs/{jobs[0]['id']}/{quote(split)}"),
            await http.get("/v1/jobs", params={"tag": split}, headers={"traceparent": "00-x"}),
            await http.post("/v1/password-resets", json={"email": user.email}),
        ]
        assert answers[0].links["next"]["url"].startswith("https://a2t.example/v1/jobs?")
        letter = await gateway.others.heard(UserMailRequested, user.email)
        for answer in answers:
            assert answer.status_code < 500, answer.text
            assert "evil.example" not in answer.text + str(answer.headers), answer.request.url
            assert "x-evil" not in answer.headers
    assert "evil.example" not in str(letter)
