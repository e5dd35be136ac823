"""The engine that needs no network: Whisper on this machine's processor, one thread for each recording at a time.

A recording is heard in windows of up to three minutes. Each is kept as soon as it is there, so that whoever goes on
after a crash starts at the first one missing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import structlog
from typing_extensions import override

from services.transcriber import audio
from services.transcriber.decoding import Recording
from services.transcriber.engines import Capabilities, EngineCrashed, Heard, InHouseEngine, Report, Task, checkpoint_prefix
from services.transcriber.engines.local import models
from services.transcriber.engines.local.messages import Answer, Hear, Window
from services.transcriber.engines.local.models import Model
from services.transcriber.engines.local.parsing import parse
from services.transcriber.engines.local.windows import LONGEST_MS
from services.transcriber.engines.local.worker import Worker
from services.transcriber.engines.surroundings import Surroundings
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore
from shared.schemas.engines import Feature

log = structlog.get_logger(__name__)


def open_engine(surroundings: Surroundings) -> LocalEngine | None:
    """The engine, where its software and a model are installed."""
    settings = surroundings.settings
    if not models.is_installed(settings.local_model):
        return None
    model = Model.find(settings.local_model)
    return LocalEngine(settings=settings, model=model, blobs=surroundings.blobs, scratch=surroundings.scratch)


class LocalEngine(InHouseEngine):
    """faster-whisper in processes of its own. Idle, it costs nothing: processes start with the first recording."""

    name = "local"

    def __init__(
        self,
        *,
        settings: TranscriberSettings,
        model: Model,
        blobs: BlobStore,
        scratch: Scratch,
        window_ms: int = LONGEST_MS,
    ) -> None:
        features = {Feature.LANGUAGE_DETECTION} if model.detects_language else set()
        self.capabilities = Capabilities(
            languages=model.languages, features=frozenset(features), longest_ms=settings.max_audio_ms
        )
        self.at_once = settings.local_workers
        self._model = model
        self._beam_size = settings.local_beam_size
        self._longest_ms = settings.max_audio_ms
        self._window_ms = window_ms
        self._blobs = blobs
        self._scratch = scratch
        self._workers = [
            Worker(model=str(model.folder), beam_size=self._beam_size, idle_seconds=settings.local_idle_minutes * 60)
            for _ in range(settings.local_workers)
        ]
        # The worker used last comes first, so that the others may idle out.
        self._free: asyncio.LifoQueue[Worker] = asyncio.LifoQueue()
        for worker in self._workers:
            self._free.put_nowait(worker)

    @override
    async def transcribe(self, task: Task, report: Report) -> bytes:
        async with self._scratch.folder() as folder:
            pcm = folder / "pcm"
            recording = await self._decode(task, folder / "source", pcm)
            await report(0.0, duration_ms=recording.duration_ms)
            windows = await self._hear(task, pcm, recording.duration_ms, report)
        return self._answer(task, recording, windows)

    @override
    def parse(self, raw: bytes) -> Heard:
        return parse(raw)

    @override
    async def close(self) -> None:
        for worker in self._workers:
            await worker.close()

    async def _decode(self, task: Task, source: Path, pcm: Path) -> Recording:
        await self._blobs.download(task.source_key, source)
        try:
            recording = await audio.decode(source, pcm, most_ms=self._longest_ms)
        except audio.DecoderDied as error:
            raise EngineCrashed(str(error)) from error
        await asyncio.to_thread(source.unlink)
        return recording

    async def _hear(self, task: Task, pcm: Path, total_ms: int, report: Report) -> list[Window]:
        windows = await self._checkpoints(task)
        worker = await self._free.get()
        try:
            while (start_ms := windows[-1].end_ms if windows else 0) < total_ms:
                window = await worker.hear(self._request(task, pcm, start_ms, total_ms), lambda ms: report(ms / total_ms))
                await self._blobs.put(_window_key(task, len(windows)), msgspec.json.encode(window))
                windows.append(window)
                await report(window.end_ms / total_ms)
        finally:
            self._free.put_nowait(worker)
        return windows

    def _request(self, task: Task, pcm: Path, start_ms: int, total_ms: int) -> Hear:
        return Hear(
            pcm=str(pcm),
            start_ms=start_ms,
            longest_ms=self._window_ms,
            total_ms=total_ms,
            language=self._model.code(task.language),
        )

    async def _checkpoints(self, task: Task) -> list[Window]:
        """The windows that an earlier attempt has heard, as far as they follow each other."""
        windows: list[Window] = []
        async for info in self._blobs.list(_checkpoints_of(task)):
            window = msgspec.json.decode(await self._blobs.get(info.key), type=Window)
            if window.start_ms != (windows[-1].end_ms if windows else 0):
                break
            windows.append(window)
        if windows:
            log.info("local.resumed", windows=len(windows), at_ms=windows[-1].end_ms)
        return windows

    def _answer(self, task: Task, recording: Recording, windows: list[Window]) -> bytes:
        return msgspec.json.encode(
            Answer(
                model=self._model.name,
                beam_size=self._beam_size,
                language=task.language,
                language_detected=task.language is None and self._model.detects_language,
                recording=recording,
                windows=tuple(windows),
            )
        )


def _window_key(task: Task, number: int) -> str:
    return f"{_checkpoints_of(task)}window-{number:04}.json"


def _checkpoints_of(task: Task) -> str:
    return checkpoint_prefix(task.tenant_id, task.job_id, task.run)
