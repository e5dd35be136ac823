"""Limits of requests over two gateway processes, over real HTTP and a real database."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx

from tests.gateway_process import POOL, gateway_processes
from tests.gatewaying import RunningGateway, running_gateway

PER_MINUTE = 480
BURST, PER_SECOND = PER_MINUTE // 6, PER_MINUTE / 60
SECONDS, ASKED = 4.0, 300
"""How long, and how often at least, is asked."""
LIMITS = {
    "AUDIO2TXT_RATE_READS_PER_MINUTE": str(PER_MINUTE),
    "AUDIO2TXT_RATE_WRITES_PER_MINUTE": "6",
    "AUDIO2TXT_RATE_UPLOADS_PER_MINUTE": "0",
    "AUDIO2TXT_RATE_REFUSALS_PER_MINUTE": "60",
}


async def test_two_processes_let_pass_what_the_limit_says_and_not_one_more(database_url: str, tmp_path: Path) -> None:
    """A crowd at both at once gets the burst and what comes back meanwhile: never more, and nearly all of it."""
    async with (
        running_gateway(database_url, tmp_path, settings=LIMITS, pool=POOL) as first,
        gateway_processes(database_url, tmp_path, count=1, settings=LIMITS) as others,
        await first.new_tenant("acme") as key,
        httpx.AsyncClient(headers=key.headers, timeout=30, limits=httpx.Limits(max_connections=40)) as http,
    ):
        answers: list[httpx.Response] = []
        began = time.monotonic()

        async def ask(url: str) -> None:
            while time.monotonic() < began + SECONDS or len(answers) < ASKED:
                answers.append(await http.get(f"{url}/v1/account"))

        await asyncio.gather(*(ask(url) for url in (first.url, *others) for _ in range(8)))
        lasted = time.monotonic() - began
    passed = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(passed) + len(refused) == len(answers)
    assert refused, "not even a crowd reached the limit"
    allowed = BURST + PER_SECOND * lasted
    assert 0.9 * allowed <= len(passed) <= allowed


async def test_answers_say_what_is_left_and_refusals_how_long_to_wait(database_url: str, tmp_path: Path) -> None:
    """Reads and writes are counted apart, each tenant for itself; a limit of 0 is none; health is not counted."""
    async with running_gateway(database_url, tmp_path, settings=LIMITS) as gateway:
        async with await gateway.new_tenant("acme") as http, await gateway.new_tenant("others") as others:
            read = await http.get("/v1/account")
            assert read.headers["RateLimit-Policy"] == f'"reads";q={BURST};w=10'
            assert read.headers["RateLimit"].startswith('"reads";r=')
            body = {"name": "mine", "role": "viewer"}
            assert (await http.post("/v1/keys", json=body)).status_code == 201
            refused = await http.post("/v1/keys", json=body)
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert refused.json()["retryable"] is True
            assert 1 <= int(refused.headers["Retry-After"]) <= 10
            assert refused.headers["RateLimit"].startswith('"writes";r=0;t=')
            assert (await http.get("/v1/account")).status_code == 200
            assert (await others.post("/v1/keys", json=body)).status_code == 201
            upload = await http.post("/v1/uploads", content=b"")
            assert upload.status_code == 422
            assert "RateLimit" not in upload.headers
        await _wrong_keys_are_counted_by_address(gateway)


async def _wrong_keys_are_counted_by_address(gateway: RunningGateway) -> None:
    """Whoever tries keys is soon told to wait, whatever key it is; a right one still passes."""
    async with httpx.AsyncClient(base_url=gateway.url) as stranger, await gateway.new_tenant("third") as http:
        statuses = [(await stranger.get("/v1/account")).status_code for _ in range(12)]
        assert statuses.count(401) in (10, 11)
        assert statuses[-1] == 429
        assert (await http.get("/v1/account")).status_code == 200
