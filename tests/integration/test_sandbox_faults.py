"""Every fault on demand, as a client meets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from tests.sandboxes import Control, sandbox

Json = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """As it came in."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """Decoded."""
        decoded: Json = msgspec.json.decode(self.body)
        return decoded


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client that tries nothing twice."""

    url: str
    http: aiohttp.ClientSession
    control: Control

    async def call(self, method: str, path: str, **options: object) -> Answer:
        """One request."""
        async with self.http.request(method, self.url + path, **options) as answer:  # type: ignore[arg-type]
            return Answer(status=answer.status, headers=dict(answer.headers), body=await answer.read())

    async def upload(self) -> str:
        """The URL of an upload."""
        return str((await self.call("POST", "/v2/upload", data=b"audio")).json["upload_url"])

    async def submit(self, audio_url: str | None = None, **fields: object) -> Answer:
        """Order a transcript."""
        return await self.call("POST", "/v2/transcript", json={"audio_url": audio_url or await self.upload(), **fields})

    async def get(self, name: object) -> Answer:
        """A transcript."""
        return await self.call("GET", f"/v2/transcript/{name}")

    async def final(self, name: object) -> Json:
        """A transcript, once it is final."""
        while (told := (await self.get(name)).json)["status"] not in ("completed", "error"):
            await asyncio.sleep(0.01)
        return told

    async def listed(self) -> list[str]:
        """The ids in the list."""
        items = (await self.call("GET", "/v2/transcript")).json["transcripts"]
        assert isinstance(items, list)
        return [item["id"] for item in items]

    async def seen(self) -> list[Json]:
        """What the sandbox has accepted."""
        transcripts = await self.control.send("GET", "transcripts")
        assert isinstance(transcripts, list)
        return transcripts


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    """Of a sandbox of its own, with a connection for each request."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with sandbox() as running, aiohttp.ClientSession(headers={"Authorization": "key"}, connector=connector) as http:
        yield Client(url=running.url, http=http, control=Control(url=running.url, http=http))


async def test_accepted_then_dropped(client: Client) -> None:
    """The client hears nothing, and the transcript is there: in the list, with its audio_url."""
    url = await client.upload()
    await client.control.next("accepted_then_dropped")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.submit(url)
    (name,) = await client.listed()
    assert (await client.get(name)).json["audio_url"] == url


async def test_accepted_then_500(client: Client) -> None:
    """The client hears of an error, and the transcript is there."""
    await client.control.next("accepted_then_500")
    assert (await client.submit()).status == 500
    assert len(await client.listed()) == 1


async def test_accepted_then_silence(client: Client) -> None:
    """The client's own patience ends it, or the sandbox drops the connection."""
    await client.control.next("accepted_then_silence", "0.01")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.submit()
    assert len(await client.listed()) == 1


async def test_drop(client: Client) -> None:
    """Nothing was accepted."""
    url = await client.upload()
    await client.control.next("drop", route="submit")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.submit(url)
    assert await client.listed() == []


async def test_throttled(client: Client) -> None:
    """With a Retry-After, and without; nothing was accepted."""
    await client.control.next("throttled", "7", route="submit")
    await client.control.next("throttled_silently", route="submit")
    loud, silent = await client.submit(), await client.submit()
    assert (loud.status, loud.headers["Retry-After"]) == (429, "7")
    assert silent.status == 429
    assert "Retry-After" not in silent.headers
    assert await client.listed() == []


async def test_a_burst_of_errors_ends_after_so_many_requests(client: Client) -> None:
    """500 with a body, 503 without one."""
    await client.control.next("server_error", "2")
    assert [(await client.call("GET", "/v2/transcript")).status for _ in range(3)] == [500, 500, 200]
    await client.control.next("unavailable", "2")
    answers = [await client.call("GET", "/v2/transcript") for _ in range(3)]
    assert [answer.status for answer in answers] == [503, 503, 200]
    assert answers[0].body == b""


async def test_a_burst_of_errors_ends_after_a_time(client: Client) -> None:
    """Whatever the number of requests."""
    await client.control.next("server_error", "0.3s")
    assert (await client.call("GET", "/v2/transcript")).status == 500
    while (await client.call("GET", "/v2/transcript")).status == 500:
        await asyncio.sleep(0.02)
    counts = await client.control.send("GET", "requests")
    assert isinstance(counts, dict)
    assert counts["list"]["500"] > 2


async def test_slow_body(client: Client) -> None:
    """The answer is whole in the end."""
    transcript = (await client.submit()).json
    await client.final(transcript["id"])
    await client.control.next("slow_body", "0.1")
    assert (await client.get(transcript["id"])).json["status"] == "completed"


@pytest.mark.parametrize("fault", ["truncated_json", "cut_body"])
async def test_a_spoilt_answer_is_whole_the_next_time(client: Client, fault: str) -> None:
    """And the same, byte for byte, each time it is whole, as the control says."""
    name = (await client.submit()).json["id"]
    await client.final(name)
    whole = await client.get(name)
    await client.control.send("PUT", "faults", {"faults": [{"name": fault}]})
    if fault == "truncated_json":
        spoilt = await client.get(name)
        assert whole.body.startswith(spoilt.body)
        assert len(spoilt.body) < len(whole.body)
    else:
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.get(name)
    assert (await client.get(name)).body == whole.body
    (seen,) = await client.seen()
    assert seen["answer_sha256"] == _digest(whole.body)


async def test_list_lag(client: Client) -> None:
    """The transcript can be asked for at once, and is listed later."""
    await client.control.next("list_lag", "0.2")
    name = (await client.submit()).json["id"]
    assert await client.listed() == []
    assert (await client.get(name)).status == 200
    while await client.listed() != [name]:
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        (None, "Server error, developers have been alerted."),
        ("no_audio", "File does not appear to contain audio."),
        ("too_short", "Audio duration is too short."),
        ("download", "Download error, unable to download http"),
        ("Anything else.", "Anything else."),
    ],
)
async def test_job_error(client: Client, argument: str | None, error: str) -> None:
    """The transcript ends in error, and the next one does not."""
    await client.control.next("job_error", argument)
    told = await client.final((await client.submit()).json["id"])
    assert told["status"] == "error"
    assert str(told["error"]).startswith(error)
    assert (await client.final((await client.submit()).json["id"]))["status"] == "completed"


async def test_upload_expired(client: Client) -> None:
    """A transcript that is made too late cannot read its audio."""
    url = await client.upload()
    await client.control.next("upload_expired")
    told = await client.final((await client.submit(url)).json["id"])
    assert told["error"] == f"Download error to {url}, 403 Client Error: Forbidden for url: {url}"


async def test_new_values(client: Client) -> None:
    """From the answer to the order on, there is what no client knows."""
    await client.control.next("new_values")
    accepted = (await client.submit(entity_detection=True)).json
    told = await client.final(accepted["id"])
    assert accepted["speech_model"] == told["speech_model"] == "universal-9"
    assert "sandbox_novelty" in told
    entities = told["entities"]
    assert isinstance(entities, list)
    assert entities[-1]["entity_type"] == "sandbox_novelty"


async def test_outage(client: Client) -> None:
    """Connections are refused for a while; then all is as it was."""
    name = (await client.submit()).json["id"]
    await client.final(name)
    await client.control.send("POST", "outage", {"seconds": 0.3})
    refused = 0
    while True:
        try:
            assert (await client.get(name)).status == 200
        except aiohttp.ClientError:
            refused += 1
        else:
            if refused:
                break
        await asyncio.sleep(0.02)


async def test_outage_by_chance(client: Client) -> None:
    """The request that meets it is dropped, and the next ones refused."""
    await client.control.next("outage", "0.2s", route="list")
    with pytest.raises(aiohttp.ClientError):
        await client.listed()
    while True:
        try:
            assert await client.listed() == []
            break
        except aiohttp.ClientError:
            await asyncio.sleep(0.02)


async def test_a_key_is_refused_or_overdrawn(client: Client) -> None:
    """401 everywhere, or 400 for new transcripts, until the key is well again."""
    await client.control.send("PUT", "keys", {"key": "key", "refused": True})
    assert (await client.call("GET", "/v2/transcript")).status == 401
    await client.control.send("PUT", "keys", {"key": "key", "negative_balance": True})
    assert (await client.call("GET", "/v2/transcript")).status == 200
    refused = await client.submit()
    assert refused.status == 400
    assert str(refused.json["error"]).startswith("Your current account balance is negative.")
    await client.control.send("PUT", "keys", {"key": "key"})
    assert (await client.submit()).status == 200


async def test_faults_are_counted(client: Client) -> None:
    """So that a test knows that it tested something."""
    await client.control.send("PUT", "faults", {"faults": [{"name": "throttled", "route": "list"}], "seed": 1})
    for _ in range(3):
        await client.call("GET", "/v2/transcript")
    situation = await client.control.send("GET", "faults")
    assert isinstance(situation, dict)
    assert situation["happened"] == {"throttled": 3}
    assert await client.control.send("GET", "requests") == {"list": {"429": 3}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults/next", {"name": "nonsense"}),
        ("faults/next", {"name": "slow_body", "argument": "long"}),
        ("faults/next", {"name": "drop", "surprise": 1}),
    ],
)
async def test_a_senseless_control_is_refused(client: Client, path: str, body: Json) -> None:
    """With a sentence."""
    answer = await client.call("POST", f"/sandbox/{path}", json=body)
    assert answer.status == 400
    assert answer.json["error"]


def _digest(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
