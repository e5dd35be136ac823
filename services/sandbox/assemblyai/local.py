"""Hears what was sent for real, with the local engine."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from uuid import uuid4

import msgspec
from typing_extensions import override

from services.sandbox.assemblyai.ears import Ears, Unheard
from services.sandbox.assemblyai.order import Order
from services.sandbox.assemblyai.speech import Speech, from_heard
from services.sandbox.assemblyai.work import SERVER_ERROR, TOO_SHORT
from services.transcriber.engines import InHouseEngine, Task
from services.transcriber.engines.local import open_engine
from services.transcriber.engines.surroundings import Surroundings, unpaced
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import CHUNK_BYTES, BlobStore, job_prefix, open_blobs, source_key
from shared.errors import ConfigurationError, JobError
from shared.schemas.jobs import JobOptions, SpeakerRange
from shared.settings import load

SHORTEST_MS = 160
LONGEST_HOURS = 10.0
"""What the vendor takes."""
_KINDS = (
    (b"<!doctype html", "text/html (HTML document, ASCII text)"),
    (b"<html", "text/html (HTML document, ASCII text)"),
    (b"<?xml", "text/xml (XML document)"),
    (b"{", "application/json (JSON data)"),
    (b"%pdf", "application/pdf (PDF document)"),
    (b"\x89png", "image/png (PNG image data)"),
    (b"\xff\xd8\xff", "image/jpeg (JPEG image data)"),
    (b"pk\x03\x04", "application/zip (Zip archive data)"),
)


class LocalEars(Ears):
    """The local engine, one recording at a time."""

    needs_audio = True

    def __init__(self, *, engine: InHouseEngine, blobs: BlobStore, scratch: Scratch) -> None:
        self.at_once = engine.at_once
        self._engine = engine
        self._blobs = blobs
        self._scratch = scratch

    @classmethod
    async def open(cls, folder: Path) -> LocalEars:
        """Ready to hear; `ConfigurationError` when there is no engine or no model."""
        blobs = await open_blobs("file://", data_dir=folder, credentials={})
        scratch = Scratch.open(folder / "scratch", str(uuid4()))
        engine = open_engine(
            Surroundings(
                environment=os.environ,
                settings=msgspec.structs.replace(load(TranscriberSettings, os.environ), max_audio_hours=LONGEST_HOURS),
                blobs=blobs,
                scratch=scratch,
                reserve=unpaced,
                hooks=None,
            )
        )
        if engine is None:
            raise ConfigurationError(
                "The sandbox transcribes with the local engine, which is not installed: pip install "
                "'audio2txt[transcriber,local]', or start it with --script to hear a canned conversation."
            )
        return cls(engine=engine, blobs=blobs, scratch=scratch)

    @override
    async def hear(self, audio: Path, order: Order) -> Speech:
        task = _task(order)
        try:
            await self._store(audio, task.source_key)
            speech = await self._transcribe(task, audio)
        finally:
            await self._blobs.delete_prefix(job_prefix(task.tenant_id, task.job_id))
        if speech.duration_ms < SHORTEST_MS:
            raise Unheard(TOO_SHORT)
        return speech

    @override
    async def close(self) -> None:
        await self._engine.close()
        self._scratch.close()
        await self._blobs.close()

    async def _transcribe(self, task: Task, audio: Path) -> Speech:
        try:
            raw = await self._engine.transcribe(task, _unreported)
        except JobError as error:
            raise Unheard(vendors_words(error.failure.code, audio)) from None
        return from_heard(await asyncio.to_thread(self._engine.parse, raw))

    async def _store(self, audio: Path, key: str) -> None:
        async with self._blobs.writer(key) as writer:
            with audio.open("rb") as file:
                while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                    await writer.write(chunk)
            await writer.commit()


def vendors_words(code: str, audio: Path) -> str:
    """What the vendor says where our engine gives up with a code."""
    match code:
        case "empty_file":
            return "File does not appear to contain audio. File type is application/x-empty (empty)."
        case "not_audio" | "no_audio_track":
            return f"File does not appear to contain audio. File type is {_kind(audio)}."
        case "damaged_audio" | "unsupported_audio":
            return f"Transcoding failed. File type is {_kind(audio)}."
        case "audio_too_long":
            return "Audio duration is too long."
        case _:
            return SERVER_ERROR


def _kind(audio: Path) -> str:
    with audio.open("rb") as file:
        head = file.read(512)
    for start, kind in _KINDS:
        if head.lstrip().lower().startswith(start):
            return kind
    try:
        head.decode("ascii")
    except UnicodeDecodeError:
        return "application/octet-stream (data)"
    return "text/plain (ASCII text)"


def _task(order: Order) -> Task:
    tenant, job = uuid4(), uuid4()
    language = None if order.language_detection else (order.language_code or "en").replace("_", "-").partition("-")[0]
    most = order.most_speakers
    speakers = SpeakerRange(min=order.speakers_expected or 1, max=most) if most else None
    return Task(
        tenant_id=tenant,
        job_id=job,
        run=1,
        language=language,
        source_key=source_key(tenant, job),
        options=JobOptions(speakers=speakers),
    )


async def _unreported(progress: float, *, duration_ms: int | None = None) -> None:
    """Nobody wants to know."""
