"""A running sandbox: everything put together, listening on one port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from services.sandbox.assemblyai.answers import Answers
from services.sandbox.assemblyai.door import Door
from services.sandbox.assemblyai.ears import CannedEars, Ears, canned_speech, saved_speech
from services.sandbox.assemblyai.faults import Faults
from services.sandbox.assemblyai.folder import Folder
from services.sandbox.assemblyai.redacted_audio import RedactedAudio
from services.sandbox.assemblyai.routes.control import Control
from services.sandbox.assemblyai.routes.exports import Exports, RedactedAudioCalls
from services.sandbox.assemblyai.routes.llm import LlmGateway
from services.sandbox.assemblyai.routes.transcripts import Transcripts
from services.sandbox.assemblyai.settings import SandboxSettings
from services.sandbox.assemblyai.sources import Sources
from services.sandbox.assemblyai.state import State
from services.sandbox.assemblyai.webhooks import Webhooks
from services.sandbox.assemblyai.work import Work
from shared.errors import ConfigurationError
from shared.structs import ready_structs

_BACKLOG = 2048
_LARGEST_BODY = 64 * 1024**2
"""Of JSON; uploads are streamed and may be of any size."""
_CONNECTIONS = 100
_LINGER_SECONDS = 0.2
_LAST_WORDS_SECONDS = 0.02
"""So that whoever asked for an outage hears that it begins."""


class Listener:
    """The port. It can go away for a while, as a server that is down."""

    def __init__(self, app: web.Application, *, host: str, port: int) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LINGER_SECONDS)
        self._host = host
        self._port = port
        self._site: web.TCPSite | None = None
        self._returning: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    async def open(self) -> None:
        """Listen; `ConfigurationError` when the port cannot be had."""
        if self._runner.server is None:
            await self._runner.setup()
        self._site = web.TCPSite(self._runner, self._host, self._port, backlog=_BACKLOG)
        try:
            await self._site.start()
        except OSError as error:
            raise ConfigurationError(
                f"Port {self._port} on {self._host} cannot be used ({error.strerror}); give another with --port, or 0."
            ) from error
        self._port = self._runner.addresses[0][1]

    async def refuse(self, seconds: float) -> None:
        """Take no connections for a while, and cut those there are."""
        if self._returning is not None and not self._returning.done():
            return
        self._returning = asyncio.create_task(self._leave(seconds))

    async def close(self) -> None:
        """For good."""
        if self._returning is not None:
            self._returning.cancel()
        await self._runner.cleanup()

    async def _leave(self, seconds: float) -> None:
        assert self._site is not None
        assert self._runner.server is not None
        await self._site.stop()
        await asyncio.sleep(_LAST_WORDS_SECONDS)
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(seconds)
        await self.open()


class Sandbox:
    """A sandbox that listens. Tests may look into its parts; clients only need its URL."""

    def __init__(self, *, settings: SandboxSettings, folder: Folder, ears: Ears, session: aiohttp.ClientSession) -> None:
        self.state = State()
        self.faults = Faults(settings.faults, seed=settings.seed)
        self._ears = ears
        self._folder = folder
        self._answers = Answers(self._folder)
        fetch = settings.fetch or ears.needs_audio
        sources = Sources(state=self.state, folder=self._folder, session=session, fetch=fetch)
        webhooks = Webhooks(session=session, faults=self.faults, interval=settings.webhook_seconds)
        self._redacted_audio = RedactedAudio(seconds=settings.redaction_seconds)
        self._work = Work(
            settings=settings,
            ears=ears,
            sources=sources,
            folder=self._folder,
            answers=self._answers,
            redacted_audio=self._redacted_audio,
            webhooks=webhooks,
        )
        self._door = Door(state=self.state, faults=self.faults, keys=settings.keys, outage=self.refuse)
        transcripts = Transcripts(
            state=self.state,
            folder=self._folder,
            sources=sources,
            work=self._work,
            answers=self._answers,
            faults=self.faults,
            unknown_id_status=settings.unknown_id_status,
        )
        exports = Exports(answers=self._answers, find=transcripts.find)
        audio = RedactedAudioCalls(
            state=self.state, redacted_audio=self._redacted_audio, faults=self.faults, find=transcripts.find
        )
        control = Control(state=self.state, faults=self.faults, door=self._door, outage=self.refuse, reset=self.reset)
        app = web.Application(client_max_size=_LARGEST_BODY)
        for calls in (transcripts, exports, audio, LlmGateway()):
            app.add_routes(calls.routes(self._door))
        app.add_routes(control.routes())
        self._listener = Listener(app, host=settings.host, port=settings.port)

    @property
    def url(self) -> str:
        """Where it is: the `base_url` of the SDK."""
        return self._listener.url

    async def start(self) -> None:
        """Read what an earlier one has kept, and listen."""
        self._folder.read(self.state)
        await self._listener.open()
        self._redacted_audio.url = self.url
        for transcript in self.state.transcripts.values():
            self._work.resume(transcript)

    async def refuse(self, seconds: float) -> None:
        """Be down for a while."""
        await self._listener.refuse(seconds)

    async def reset(self) -> None:
        """Be as if new."""
        await self._work.close()
        self.faults.set(())
        self.faults.happened.clear()
        self._door.reset()
        self.state.clear()
        self._folder.clear()

    async def settled(self) -> None:
        """Return once every transcript is final and every webhook delivered or given up."""
        await self._work.settled()

    async def close(self) -> None:
        """Stop listening and working; a kept folder can be opened again."""
        await self._listener.close()
        await self._work.close()
        await self._ears.close()
        self._folder.close()


@asynccontextmanager
async def serving(settings: SandboxSettings) -> AsyncIterator[Sandbox]:
    """A sandbox for as long as the block lasts."""
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session:
        folder = Folder(settings.data)
        sandbox = Sandbox(settings=settings, folder=folder, ears=await open_ears(settings, folder.path), session=session)
        ready_structs()
        try:
            await sandbox.start()
            yield sandbox
        finally:
            await sandbox.close()


async def open_ears(settings: SandboxSettings, folder: Path) -> Ears:
    """Who listens; `ConfigurationError` when nobody can."""
    if settings.script_file is not None:
        return CannedEars(saved_speech(settings.script_file))
    if settings.script:
        return CannedEars(canned_speech(settings.script_seconds))
    from services.sandbox.assemblyai.local import LocalEars

    return await LocalEars.open(folder)
