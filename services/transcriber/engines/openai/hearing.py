"""A recording is cut into pieces, the server is asked about each, and its answers are put together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import structlog

from services.transcriber import audio
from services.transcriber.decoding import BYTES_PER_MS
from services.transcriber.engines import EngineCrashed, Ledger, Report, Task, checkpoint_prefix
from services.transcriber.engines.openai import preparing
from services.transcriber.engines.openai.asking import Asking, FormRefused
from services.transcriber.engines.openai.messages import Answers, Piece, Plan, Response
from services.transcriber.engines.openai.models import Model, requests
from services.transcriber.engines.openai.preparing import Encoder
from services.transcriber.scratch import Scratch
from shared.blobs import BlobNotFound, BlobStore
from shared.errors import JobError

_FLAC_SHARE = 0.98
"""FLAC of pure noise is larger than its samples, by less than this leaves room for."""

log = structlog.get_logger(__name__)

Paced = Callable[[], AbstractAsyncContextManager[None]]
"""Waits until one more request may be sent; entered around each."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On what terms the server is asked."""

    ledger: Ledger
    key: str
    paced: Paced


class Hearing:
    """Has recordings heard by a server."""

    def __init__(
        self,
        *,
        model: Model,
        server: str,
        rented: bool,
        asking: Asking,
        blobs: BlobStore,
        scratch: Scratch,
        longest_recording_ms: int,
        largest_piece_bytes: int,
        at_once: int,
    ) -> None:
        self._model = model
        self._server = server
        self._rented = rented
        self._asking = asking
        self._blobs = blobs
        self._scratch = scratch
        self._longest_recording_ms = longest_recording_ms
        self._largest_piece_ms = int(largest_piece_bytes * _FLAC_SHARE) // BYTES_PER_MS
        self._at_once = at_once

    async def hear(self, task: Task, terms: Terms, report: Report) -> bytes:
        """The raw answer. Called again after a crash, it goes on with the first piece that was not answered."""
        async with self._scratch.folder() as folder:
            pcm = folder / "pcm"
            plan = await self._plan(task, folder / "source", pcm)
            await report(0.0, duration_ms=plan.recording.duration_ms)
            async with preparing.encoder(pcm) as encoder:
                answers = await self._answers(plan, encoder, terms, report)
        return msgspec.json.encode(Answers(plan=plan, answers=answers))

    async def _plan(self, task: Task, source: Path, pcm: Path) -> Plan:
        await self._blobs.download(task.source_key, source)
        try:
            recording = await audio.decode(source, pcm, most_ms=self._longest_recording_ms)
        except audio.DecoderDied as error:
            raise EngineCrashed(str(error)) from error
        await asyncio.to_thread(source.unlink)
        key = f"{checkpoint_prefix(task.tenant_id, task.job_id, task.run)}plan.json"
        with suppress(BlobNotFound):
            return msgspec.json.decode(await self._blobs.get(key), type=Plan)
        plan = Plan(
            model=self._model.name,
            response=self._model.response,
            server=self._server,
            rented=self._rented,
            language=task.language,
            vocabulary=task.vocabulary,
            recording=recording,
            pieces=await preparing.cut(pcm, min(self._model.longest_ms, self._largest_piece_ms)),
        )
        await self._blobs.put(key, msgspec.json.encode(plan))
        return plan

    async def _answers(self, plan: Plan, encoder: Encoder, terms: Terms, report: Report) -> tuple[bytes, ...]:
        form = _Form(replace(self._model, name=plan.model, response=plan.response), plan)
        total_ms = sum(piece.length_ms for piece in plan.pieces)
        done_ms = 0

        async def answer(number: int, piece: Piece) -> bytes:
            nonlocal done_ms
            async with encoder.encoded(piece) as sound, terms.paced():
                body = await terms.ledger.answer(f"chunk-{number:04}", lambda: self._ask(form, sound, terms.key))
            done_ms += piece.length_ms
            await report(done_ms / total_ms)
            return body

        return await _side_by_side(answer, plan.pieces, at_once=self._at_once)

    async def _ask(self, form: _Form, sound: Path, key: str) -> bytes:
        """The answer in the first form that the server does not refuse."""
        while True:
            tried = form.refused
            try:
                return await self._asking.ask(form.fields[tried], sound, key)
            except FormRefused as refusal:
                form.refuse(tried, refusal)
            if form.is_text:  # later recordings are cut for it
                self._model = replace(self._model, response=Response.TEXT)


class _Form:
    """The forms of answer to ask for, of which the server may refuse some."""

    def __init__(self, model: Model, plan: Plan) -> None:
        self.fields = list(requests(model, language=plan.language, vocabulary=plan.vocabulary))
        self.refused = 0
        """How many of them the server has refused."""

    @property
    def is_text(self) -> bool:
        """Whether nothing but text is asked for."""
        return ("response_format", Response.TEXT) in self.fields[self.refused]

    def refuse(self, tried: int, refusal: FormRefused) -> None:
        """Go on with the next; `JobError` when there is none."""
        if tried + 1 == len(self.fields):
            raise JobError("engine_failed", str(refusal)) from refusal
        log.warning("openai.form_refused", reason=str(refusal))
        self.refused = max(self.refused, tried + 1)


async def _side_by_side(
    answer: Callable[[int, Piece], Awaitable[bytes]], pieces: tuple[Piece, ...], *, at_once: int
) -> tuple[bytes, ...]:
    """The answers in order. After a failure nothing new is begun, but what is on its way, and is paid for, is waited for."""
    waiting: Iterator[tuple[int, Piece]] = iter(enumerate(pieces, start=1))
    answers: dict[int, bytes] = {}
    failures: list[Exception] = []

    async def work() -> None:
        for number, piece in waiting:
            try:
                answers[number] = await answer(number, piece)
            except Exception as error:
                failures.append(error)
            if failures:
                return

    # When cancelled, it returns as soon as all of them have ended.
    await asyncio.gather(*(work() for _ in range(at_once)), return_exceptions=True)
    if failures:
        raise next((error for error in failures if isinstance(error, JobError)), failures[0])
    return tuple(answers[number] for number in sorted(answers))
