"""Sandboxes for tests: in this process, or as a process of their own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from services.sandbox.assemblyai.server import Sandbox, serving
from services.sandbox.assemblyai.settings import SandboxSettings

START_SECONDS = 60
OUTAGE_SECONDS = 0.2
CANNED = SandboxSettings(script=True, script_seconds=60.0, webhook_seconds=0.01)


@dataclass(frozen=True, kw_only=True)
class Control:
    """The control of a sandbox, wherever it runs."""

    url: str
    http: aiohttp.ClientSession

    async def next(self, name: str, argument: str | None = None, *, route: str | None = None, times: int = 1) -> None:
        """Let a fault happen to the next request that fits."""
        await self.send("POST", "faults/next", {"name": name, "argument": argument, "route": route, "times": times})

    async def tell(self, subject: str) -> Any:
        """What it tells: `transcripts`, `uploads`, `requests`, `faults`. Asked again while it plays an outage."""
        while True:
            with suppress(aiohttp.ClientConnectionError):
                return await self.send("GET", subject)
            await asyncio.sleep(OUTAGE_SECONDS)

    async def behave(self) -> None:
        """Let nothing go wrong any more."""
        await self.tell("faults")
        await self.send("PUT", "faults", {})

    async def send(self, method: str, path: str, body: object = None) -> object:
        """Any call below `/sandbox/`."""
        data = None if body is None else msgspec.json.encode(body)
        async with self.http.request(method, f"{self.url}/sandbox/{path}", data=data) as answer:
            decoded: object = msgspec.json.decode(await answer.read())
            assert answer.status == 200, decoded
            return decoded


@asynccontextmanager
async def sandbox(settings: SandboxSettings = CANNED) -> AsyncIterator[Sandbox]:
    """One in this process, on a free port."""
    async with serving(settings) as running:
        yield running


@asynccontextmanager
async def control(url: str) -> AsyncIterator[Control]:
    """The control of the sandbox at a URL."""
    async with aiohttp.ClientSession() as http:
        yield Control(url=url, http=http)


@asynccontextmanager
async def sandbox_process(*arguments: str, kill: bool = False) -> AsyncIterator[str]:
    """`audio2txt sandbox assemblyai` with these arguments; its URL. `kill` ends it as `kill -9` does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "sandbox", "assemblyai", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            first = (await process.stdout.readline()).decode()
        assert first.startswith("sandbox: "), first
        yield first.removeprefix("sandbox: ").strip()
    finally:
        if kill:
            process.kill()
        else:
            process.terminate()
        await process.communicate()


@asynccontextmanager
async def controlled_process(*arguments: str) -> AsyncIterator[Control]:
    """The same, with its control."""
    async with sandbox_process(*arguments) as url, control(url) as running:
        yield running
