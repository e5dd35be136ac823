"""Projects are apart, uploads are found, work queues, and a kept folder survives."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from services.sandbox.assemblyai.settings import SandboxSettings
from shared.errors import ConfigurationError
from tests.receivers import receiver, status
from tests.sandboxes import control, sandbox, sandbox_process

Json = dict[str, object]
CANNED = SandboxSettings(script=True)


@asynccontextmanager
async def client(url: str, key: str = "key") -> AsyncIterator[aiohttp.ClientSession]:
    """A client with a key."""
    async with aiohttp.ClientSession(url, headers={"Authorization": key}) as http:
        yield http


async def upload(http: aiohttp.ClientSession, data: bytes = b"audio") -> str:
    """Its URL."""
    async with http.post("/v2/upload", data=data) as answer:
        return str((await answer.json())["upload_url"])


async def submit(http: aiohttp.ClientSession, audio_url: str) -> tuple[int, Json]:
    """Status and answer."""
    async with http.post("/v2/transcript", json={"audio_url": audio_url}) as answer:
        return answer.status, await answer.json()


async def get(http: aiohttp.ClientSession, name: object) -> tuple[int, Json]:
    """Status and answer."""
    async with http.get(f"/v2/transcript/{name}") as answer:
        return answer.status, await answer.json()


async def test_keys_are_projects_of_their_own() -> None:
    """No key sees or uses what belongs to another."""
    async with sandbox() as running, client(running.url, "one") as one, client(running.url, "two") as two:
        url = await upload(one)
        assert await submit(two, url) == (403, {"error": "Cannot access uploaded file"})
        _, transcript = await submit(one, url)
        assert (await get(two, transcript["id"]))[0] == 400
        async with two.get("/v2/transcript") as answer:
            assert (await answer.json())["transcripts"] == []
        async with one.get(url) as answer:
            assert answer.status == 403


async def test_only_the_keys_given_are_accepted() -> None:
    """Any other is a 401, and so is none."""
    settings = replace(CANNED, keys=frozenset({"good"}))
    async with sandbox(settings) as running, client(running.url, "good") as good, client(running.url, "bad") as bad:
        assert (await submit(bad, "http://host/a"))[0] == 401
        assert (await get(good, "nobody"))[0] == 400


async def test_unknown_transcripts_are_404_if_preferred() -> None:
    """The vendor's pages disagree."""
    async with sandbox(replace(CANNED, unknown_id_status=404)) as running, client(running.url) as http:
        assert await get(http, "nobody") == (404, {"error": "Not found"})


async def test_a_deleted_upload_is_gone() -> None:
    """A transcript made from it afterwards ends in an error."""
    async with sandbox() as running, client(running.url) as http:
        url = await upload(http)
        _, transcript = await submit(http, url)
        await running.settled()
        async with http.delete(f"/v2/transcript/{transcript['id']}") as answer:
            assert (await answer.json())["audio_url"] == "http://deleted_by_user"
        _, again = await submit(http, url)
        await running.settled()
        assert "403 Client Error" in str((await get(http, again["id"]))[1]["error"])


async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """The client died; there is neither a record nor a file."""
    async with sandbox(replace(CANNED, data=tmp_path)) as running:
        port = int(running.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v2/upload HTTP/1.1\r\nHost: x\r\nAuthorization: key\r\nContent-Length: 1000\r\n\r\nhalf")
        while not list((tmp_path / "uploads").iterdir()):
            await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()
        while list((tmp_path / "uploads").iterdir()):
            await asyncio.sleep(0.01)
        assert not running.state.uploads


async def test_audio_elsewhere_is_fetched() -> None:
    """Its digest is known then; what cannot be fetched is an error in the vendor's words."""

    async def serve(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.path == "/a" else 404, body=b"audio")

    app = web.Application()
    app.router.add_get("/{name}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with sandbox() as running, client(running.url) as http:
            names = [(await submit(http, url))[1]["id"] for url in (f"{base}/a", f"{base}/b", "http://127.0.0.1:1/c")]
            await running.settled()
            fetched, missing, unreachable = [(await get(http, name))[1] for name in names]
            assert fetched["status"] == "completed"
            assert missing["error"] == f"Download error to {base}/b, 404 Client Error: Not Found for url: {base}/b"
            assert str(unreachable["error"]).startswith("Download error, unable to download http://127.0.0.1:1/c.")
            assert running.state.transcripts[str(names[0])].audio_sha256 == hashlib.sha256(b"audio").hexdigest()
    finally:
        await runner.cleanup()


async def test_work_beyond_the_slots_is_queued() -> None:
    """First come, first served."""
    settings = replace(CANNED, at_once=1, seconds=0.1)
    async with sandbox(settings) as running, client(running.url) as http:
        url = await upload(http)
        answers = [(await submit(http, url))[1] for _ in range(3)]
        assert [answer["status"] for answer in answers] == ["processing", "queued", "queued"]
        await running.settled()
        done = [(await get(http, answer["id"]))[1] for answer in answers]
        assert {one["status"] for one in done} == {"completed"}
        finished = [running.state.transcripts[str(one["id"])].completed or "" for one in done]
        assert finished == sorted(finished)


async def test_a_transcript_can_be_deleted_while_it_is_made() -> None:
    """It stays deleted, and makes room for the next."""
    settings = replace(CANNED, at_once=1, seconds=30.0)
    async with sandbox(settings) as running, client(running.url) as http:
        url = await upload(http)
        first, second = [(await submit(http, url))[1]["id"] for _ in range(2)]
        async with http.delete(f"/v2/transcript/{first}") as answer:
            assert (await answer.json())["text"] == "Deleted by user."
        while (await get(http, second))[1]["status"] == "queued":
            await asyncio.sleep(0.01)
        assert (await get(http, first))[1]["text"] == "Deleted by user."


async def test_a_kept_folder_survives_a_kill(tmp_path: Path) -> None:
    """What was final is served byte for byte; what was not is done again, and its webhook is sent."""
    arguments = ("--script", "--data", str(tmp_path), "--webhook-seconds", "0.1")
    async with receiver(status(500)) as customer:
        async with sandbox_process(*arguments, kill=True) as url, client(url) as http:
            _, done = await submit(http, await upload(http))
            while (await get(http, done["id"]))[1]["status"] != "completed":
                await asyncio.sleep(0.01)
            async with http.get(f"/v2/transcript/{done['id']}") as answer:
                before = await answer.read()
        async with sandbox_process(*arguments, "--seconds", "60", kill=True) as url, client(url) as http:
            order = {"audio_url": await upload(http), "webhook_url": customer.url}
            async with http.post("/v2/transcript", json=order) as answer:
                undone = (await answer.json())["id"]
        async with sandbox_process(*arguments) as url, client(url) as http:
            async with http.get(f"/v2/transcript/{done['id']}") as answer:
                assert await answer.read() == before
            while (await get(http, undone))[1]["status"] != "completed":
                await asyncio.sleep(0.01)
            await customer.wait_for(1)
            async with http.get("/v2/transcript") as answer:
                items = (await answer.json())["transcripts"]
            assert [item["id"] for item in items] == [undone, done["id"]]


async def test_a_reset_forgets_everything() -> None:
    """Transcripts, uploads, counts and faults."""
    async with sandbox() as running, client(running.url) as http, control(running.url) as sandbox_control:
        await submit(http, await upload(http))
        await sandbox_control.next("drop")
        await sandbox_control.send("POST", "reset")
        assert await sandbox_control.send("GET", "transcripts") == []
        assert await sandbox_control.send("GET", "uploads") == []
        assert await sandbox_control.send("GET", "requests") == {}
        assert (await submit(http, await upload(http)))[0] == 200


async def test_a_saved_answer_is_given_again(tmp_path: Path) -> None:
    """A developer's own transcript as the script."""
    saved = {"words": [{"text": "Mine.", "start": 0, "end": 400, "confidence": 1.0, "speaker": "A"}], "audio_duration": 3}
    path = tmp_path / "saved.json"
    path.write_bytes(msgspec.json.encode(saved))
    async with sandbox(SandboxSettings(script=True, script_file=path)) as running, client(running.url) as http:
        _, transcript = await submit(http, await upload(http))
        await running.settled()
        told = (await get(http, transcript["id"]))[1]
    assert (told["text"], told["audio_duration"]) == ("Mine.", 3)


async def test_a_port_that_is_taken_is_one_sentence() -> None:
    """With the way out."""
    async with sandbox() as running:
        port = int(running.url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match="--port"):
            async with sandbox(SandboxSettings(script=True, port=port)):
                pass
