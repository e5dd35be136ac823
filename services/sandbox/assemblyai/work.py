"""The life of a transcript after it was accepted: queued, heard, answered, told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine

import structlog

from services.sandbox.assemblyai import answer as forms
from services.sandbox.assemblyai import composing
from services.sandbox.assemblyai.answers import Answers
from services.sandbox.assemblyai.ears import Ears, Unheard
from services.sandbox.assemblyai.folder import Folder
from services.sandbox.assemblyai.redacted_audio import RedactedAudio
from services.sandbox.assemblyai.settings import SandboxSettings
from services.sandbox.assemblyai.sources import Sources, forbidden, unreachable
from services.sandbox.assemblyai.speech import Speech
from services.sandbox.assemblyai.state import Status, Transcript, now
from services.sandbox.assemblyai.webhooks import Webhooks

SERVER_ERROR = "Server error, developers have been alerted."
TOO_SHORT = "Audio duration is too short."
NO_AUDIO = "File does not appear to contain audio. File type is text/html (HTML document, ASCII text)."

log = structlog.get_logger(__name__)


class Work:
    """As many transcripts at a time as there are slots; the others wait their turn."""

    def __init__(
        self,
        *,
        settings: SandboxSettings,
        ears: Ears,
        sources: Sources,
        folder: Folder,
        answers: Answers,
        redacted_audio: RedactedAudio,
        webhooks: Webhooks,
    ) -> None:
        self._settings = settings
        self._ears = ears
        self._sources = sources
        self._folder = folder
        self._answers = answers
        self._redacted_audio = redacted_audio
        self._webhooks = webhooks
        self._free = settings.at_once or ears.at_once
        self._waiting: deque[Transcript] = deque()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._telling: set[asyncio.Task[None]] = set()

    def begin(self, transcript: Transcript) -> None:
        """Start, or queue it."""
        if self._free:
            self._start(transcript)
        else:
            transcript.status = Status.QUEUED
            self._waiting.append(transcript)

    def resume(self, transcript: Transcript) -> None:
        """Go on with what a sandbox before this one left undone."""
        if not transcript.status.is_final:
            self.begin(transcript)
        elif transcript.order.webhook_url is not None and not transcript.webhook_over and not transcript.deleted:
            self._spawn(self._tell(transcript))

    def stop(self, transcript: Transcript) -> None:
        """It was deleted before it was final."""
        if transcript in self._waiting:
            self._waiting.remove(transcript)
        if task := self._running.get(transcript.id):
            task.cancel()

    async def settled(self) -> None:
        """Return when nothing is under way."""
        while tasks := [*self._running.values(), *self._telling]:
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Leave everything as it is."""
        self._waiting.clear()
        tasks = [*self._running.values(), *self._telling]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, transcript: Transcript) -> None:
        self._free -= 1
        transcript.status = Status.PROCESSING
        task = asyncio.create_task(self._live(transcript))
        self._running[transcript.id] = task
        task.add_done_callback(lambda _: self._ended(transcript))

    def _ended(self, transcript: Transcript) -> None:
        self._free += 1
        self._running.pop(transcript.id, None)
        if self._waiting:
            self._start(self._waiting.popleft())

    async def _live(self, transcript: Transcript) -> None:
        try:
            speech = await self._hear(transcript)
            answer = composing.compose(transcript, speech)
        except Unheard as unheard:
            self._fail(transcript, str(unheard))
        except Exception:
            log.exception("transcript.failed", transcript=transcript.id)
            self._fail(transcript, SERVER_ERROR)
        else:
            self._answers.keep(transcript, answer)
            transcript.audio_duration = answer.audio_duration
            transcript.status = Status.COMPLETED
        transcript.completed = now()
        self._folder.note(transcript)
        if transcript.order.webhook_url is not None:
            self._spawn(self._tell(transcript))

    def _fail(self, transcript: Transcript, error: str) -> None:
        transcript.status, transcript.error = Status.ERROR, error
        self._answers.keep(transcript, forms.failed(transcript))

    async def _hear(self, transcript: Transcript) -> Speech:
        """What is said, and not before it is time to say so."""
        clock = asyncio.get_running_loop().time
        due = clock() + self._settings.seconds
        try:
            if transcript.fate.error is not None:
                raise fated(transcript)
            async with self._sources.audio(transcript) as path:
                speech = await self._ears.hear(path, transcript.order)
            due += self._settings.speed * speech.duration_ms / 1000
        finally:
            await asyncio.sleep(max(0.0, due - clock()))
        return speech

    async def _tell(self, transcript: Transcript) -> None:
        await self._webhooks.send(transcript, {"transcript_id": transcript.id, "status": transcript.status})
        if self._redacted_audio.has(transcript):
            await asyncio.sleep(self._redacted_audio.seconds)
            await self._webhooks.send(transcript, self._redacted_audio.notice(transcript))
        transcript.webhook_over = True
        self._folder.note(transcript)

    def _spawn(self, telling: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(telling)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


def fated(transcript: Transcript) -> Unheard:
    """The error that a fault has in store for a transcript: one of ours by its short name, or any text."""
    url = transcript.order.audio_url
    match transcript.fate.error:
        case "server":
            return Unheard(SERVER_ERROR)
        case "no_audio":
            return Unheard(NO_AUDIO)
        case "too_short":
            return Unheard(TOO_SHORT)
        case "download":
            return unreachable(url)
        case "forbidden":
            return forbidden(url)
        case text:
            return Unheard(text or SERVER_ERROR)
