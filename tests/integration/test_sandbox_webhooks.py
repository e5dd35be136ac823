"""Clients are told when a transcript is final, as patiently and no more than the vendor does it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest_asyncio

from services.sandbox.assemblyai.server import Sandbox
from tests.receivers import Behaviour, Receiver, receiver, status
from tests.sandboxes import Control, sandbox


@pytest_asyncio.fixture
async def running() -> AsyncIterator[Sandbox]:
    """A sandbox that tries again at once."""
    async with sandbox() as one:
        yield one


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """With a key."""
    async with aiohttp.ClientSession(headers={"Authorization": "key"}) as session:
        yield session


async def submit(running: Sandbox, http: aiohttp.ClientSession, customer: Receiver, **fields: object) -> str:
    """Order a transcript; its id."""
    async with http.post(f"{running.url}/v2/upload", data=b"audio") as answer:
        url = (await answer.json())["upload_url"]
    order = {"audio_url": url, "webhook_url": customer.url, **fields}
    async with http.post(f"{running.url}/v2/transcript", json=order) as answer:
        return str((await answer.json())["id"])


async def told(running: Sandbox, http: aiohttp.ClientSession, *behaviours: Behaviour, requests: int) -> Sandbox:
    """A receiver with these behaviours gets so many requests, and no more."""
    async with receiver(*behaviours) as customer:
        await submit(running, http, customer)
        await customer.wait_for(requests)
        await running.settled()
        assert len(customer.requests) == requests
    return running


async def test_a_webhook_says_which_transcript_is_final(running: Sandbox, http: aiohttp.ClientSession) -> None:
    """With the secret header, and the query of the URL as it was."""
    async with receiver() as customer:
        name = await submit(running, http, customer, webhook_auth_header_name="X-Secret", webhook_auth_header_value="s3cret")
        await customer.wait_for(1)
        await running.settled()
        async with http.get(f"{running.url}/v2/transcript/{name}") as answer:
            transcript = await answer.json()
    (request,) = customer.requests
    assert msgspec.json.decode(request.body) == {"transcript_id": name, "status": "completed"}
    assert request.target.endswith("?token=abc")
    assert request.headers["x-secret"] == "s3cret"
    assert request.headers["content-type"] == "application/json"
    assert (transcript["webhook_status_code"], transcript["webhook_auth"]) == (204, True)


async def test_an_error_is_told_too(running: Sandbox, http: aiohttp.ClientSession) -> None:
    """With its status."""
    async with receiver() as customer:
        await submit(running, http, customer, speech_threshold=1.0)
        await customer.wait_for(1)
    assert msgspec.json.decode(customer.requests[0].body)["status"] == "error"


async def test_an_outage_is_outlasted(running: Sandbox, http: aiohttp.ClientSession) -> None:
    """5xx is tried again until it is well."""
    await told(running, http, status(500), status(503), status(200), requests=3)


async def test_ten_attempts_are_enough(running: Sandbox, http: aiohttp.ClientSession) -> None:
    """Then it is given up, and the last status stays."""
    await told(running, http, status(500), requests=10)
    (transcript,) = running.state.transcripts.values()
    assert (transcript.webhook_attempts, transcript.webhook_status_code) == (10, 500)


async def test_a_4xx_ends_it(running: Sandbox, http: aiohttp.ClientSession) -> None:
    """For good."""
    await told(running, http, status(404), status(200), requests=1)


async def test_a_webhook_can_be_lost_doubled_and_late(running: Sandbox, http: aiohttp.ClientSession) -> None:
    """As it happens to every client once."""
    control = Control(url=running.url, http=http)
    await control.next("webhook_doubled")
    await told(running, http, requests=2)
    await control.next("webhook_lost")
    await told(running, http, requests=0)
    await control.next("webhook_late", "0.05")
    await told(running, http, requests=1)


async def test_redacted_audio_has_a_webhook_of_its_own(running: Sandbox, http: aiohttp.ClientSession) -> None:
    """Without the transcript's id; the file is at its URL."""
    async with receiver() as customer:
        await submit(running, http, customer, redact_pii=True, redact_pii_audio=True, redact_pii_audio_quality="wav")
        await customer.wait_for(2)
    notice = msgspec.json.decode(customer.requests[1].body)
    assert set(notice) == {"status", "redacted_audio_url"}
    async with http.get(notice["redacted_audio_url"]) as answer:
        assert (await answer.read()).startswith(b"RIFF")
