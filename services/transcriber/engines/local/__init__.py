"""The engine that needs no network: Whisper on this machine's processor, one thread for each recording at a time.

A recording is heard in windows of up to three minutes. Each is kept as soon as it is there, so that whoever goes on
after a crash starts at the first one missing. Who speaks is decided when all are there, from the voices in each.
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
from services.transcriber.engines.local.messages import Answer, Hear, Separate, Speakers, Window
from services.transcriber.engines.local.models import Model, SpeakerModel
from services.transcriber.engines.local.parsing import parse
from services.transcriber.engines.local.windows import LONGEST_MS
from services.transcriber.engines.local.worker import Worker
from services.transcriber.engines.surroundings import Surroundings
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore
from shared.schemas.engines import Feature, VocabularyLimits
from shared.schemas.jobs import SpeakerRange

MOST_TERMS = 40
"""Whisper reads a prompt of half its context at most."""

log = structlog.get_logger(__name__)


def open_engine(surroundings: Surroundings) -> LocalEngine | None:
    """The engine, where its software and a model are installed."""
    settings = surroundings.settings
    if not models.is_installed(settings.local_model):
        return None
    model = Model.find(settings.local_model)
    return LocalEngine(
        settings=settings,
        model=model,
        speaker_model=SpeakerModel.find(settings.local_speaker_model),
        blobs=surroundings.blobs,
        scratch=surroundings.scratch,
    )


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
        speaker_model: SpeakerModel | None = None,
    ) -> None:
        self.capabilities = _capabilities(model, speaker_model, settings.max_audio_ms)
        self.models = (model.name,)
        self.at_once = settings.local_workers
        self._model = model
        self._speaker_model = speaker_model
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
            speakers = await self._separate(task, folder / "voices", windows)
        return self._answer(task, recording, windows, speakers)

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

    async def _separate(self, task: Task, voices: Path, windows: list[Window]) -> Speakers | None:
        if self._speaker_model is None:
            return None
        await asyncio.to_thread(_write_voices, voices, windows)
        expected = task.options.speakers or SpeakerRange()
        worker = await self._free.get()
        try:
            found = await worker.separate(Separate(voices=str(voices), at_least=expected.min, at_most=expected.max))
        finally:
            self._free.put_nowait(worker)
        return Speakers(
            model=self._speaker_model.digest,
            threshold=found.threshold,
            at_least=expected.min,
            at_most=expected.max,
            turns=found.turns,
        )

    def _request(self, task: Task, pcm: Path, start_ms: int, total_ms: int) -> Hear:
        return Hear(
            pcm=str(pcm),
            start_ms=start_ms,
            longest_ms=self._window_ms,
            total_ms=total_ms,
            language=self._model.code(task.language),
            vocabulary=task.vocabulary,
            speaker_model=None if self._speaker_model is None else str(self._speaker_model.folder),
        )

    async def _checkpoints(self, task: Task) -> list[Window]:
        """The windows that an earlier attempt has heard, as far as they follow each other."""
        windows: list[Window] = []
        async for info in self._blobs.list(_checkpoints_of(task)):
            window = msgspec.json.decode(await self._blobs.get(info.key), type=Window)
            if window.start_ms != (windows[-1].end_ms if windows else 0) or self._lacks_voices(window):
                break
            windows.append(window)
        if windows:
            log.info("local.resumed", windows=len(windows), at_ms=windows[-1].end_ms)
        return windows

    def _lacks_voices(self, window: Window) -> bool:
        """Whether it was heard by an engine without a speaker model, and this one has it."""
        return window.voices is None and self._speaker_model is not None

    def _answer(self, task: Task, recording: Recording, windows: list[Window], speakers: Speakers | None) -> bytes:
        return msgspec.json.encode(
            Answer(
                model=self._model.name,
                beam_size=self._beam_size,
                language=task.language,
                language_detected=task.language is None and self._model.detects_language,
                recording=recording,
                windows=tuple(msgspec.structs.replace(window, voices=None) for window in windows),
                vocabulary=task.vocabulary,
                speakers=speakers,
            )
        )


def _capabilities(model: Model, speaker_model: SpeakerModel | None, longest_ms: int) -> Capabilities:
    features = {Feature.VOCABULARY}
    if model.detects_language:
        features.add(Feature.LANGUAGE_DETECTION)
    if speaker_model is not None:
        features |= {Feature.SPEAKERS, Feature.SPEAKER_COUNT}
    return Capabilities(
        languages=model.languages,
        features=frozenset(features),
        vocabulary=VocabularyLimits(terms=MOST_TERMS),
        longest_ms=longest_ms,
    )


def _write_voices(path: Path, windows: list[Window]) -> None:
    with path.open("wb") as file:
        file.writelines(msgspec.json.encode(window.voices) + b"\n" for window in windows)


def _window_key(task: Task, number: int) -> str:
    return f"{_checkpoints_of(task)}window-{number:04}.json"


def _checkpoints_of(task: Task) -> str:
    return checkpoint_prefix(task.tenant_id, task.job_id, task.run)
