"""OpenAI, and every server that speaks like it: answers in the request itself, to files of limited size.

A recording is cut at pauses, and its pieces are sent a few at a time. A server in the operator's own house is an engine in
the house, and one that is paid has its requests kept in a ledger; beside that they are the same.
"""

from __future__ import annotations

from contextlib import nullcontext

import structlog
from typing_extensions import override

from services.transcriber.engines import (
    AnsweringEngine,
    Capabilities,
    Heard,
    InHouseEngine,
    Ledger,
    Permit,
    Report,
    Reserve,
    Task,
    checkpoint_prefix,
)
from services.transcriber.engines.http import ProviderHttp
from services.transcriber.engines.openai.answer import parse
from services.transcriber.engines.openai.asking import Asking
from services.transcriber.engines.openai.checkpoints import Checkpoints
from services.transcriber.engines.openai.hearing import Hearing, Terms
from services.transcriber.engines.openai.messages import Response
from services.transcriber.engines.openai.models import RETIRES_ON, Model, retires
from services.transcriber.engines.openai.settings import OpenAISettings
from services.transcriber.engines.surroundings import Surroundings
from shared.blobs import BlobStore
from shared.errors import ConfigurationError
from shared.schemas.engines import Feature, WordTimes
from shared.settings import load

NAME = "openai"
AT_ONCE = 4

_MODEL_AT_OPENAI, _MODEL_ELSEWHERE = "gpt-transcribe", "whisper-1"

log = structlog.get_logger(__name__)


def open_engine(surroundings: Surroundings) -> OpenAIEngine | HouseServerEngine:
    """The engine. At OpenAI, without a key of the deployment's, only tenants with one of their own can use it."""
    settings = load(OpenAISettings, surroundings.environment)
    model = Model.of(
        settings.openai_model or (_MODEL_AT_OPENAI if settings.is_openai else _MODEL_ELSEWHERE), settings.openai_response
    )
    if settings.is_openai and retires(model.name):
        log.warning("openai.model_retires", model=model.name, on=RETIRES_ON, instead=_MODEL_AT_OPENAI)
    if settings.openai_rented:
        return OpenAIEngine(settings=settings, model=model, surroundings=surroundings)
    if settings.is_openai:
        raise ConfigurationError(
            "AUDIO2TXT_OPENAI_RENTED: OpenAI is not in your house; set AUDIO2TXT_OPENAI_URL to your own server, or remove this."
        )
    return HouseServerEngine(settings=settings, model=model, surroundings=surroundings)


class OpenAIEngine(AnsweringEngine):
    """A server that is paid, or that audio leaves the house for."""

    name = NAME
    at_once = AT_ONCE

    def __init__(self, *, settings: OpenAISettings, model: Model, surroundings: Surroundings) -> None:
        # A server of somebody else's may need no key, which is not the same as that nobody has one.
        self.key = settings.openai_api_key or (None if settings.is_openai else "")
        self.models = (model.name,)
        self.capabilities = _capabilities(model, surroundings.settings.max_audio_ms)
        self._repeat_lost = settings.openai_repeat_lost
        self._blobs: BlobStore = surroundings.blobs
        self._reserve: Reserve = surroundings.reserve
        self._http = _http(settings)
        self._hearing = _hearing(settings, model, surroundings, self._http)

    @override
    async def transcribe(self, task: Task, ledger: Ledger, report: Report) -> bytes:
        account = task.account
        assert account is not None
        kept = _checkpoints(task, self._blobs, permit=ledger.permit) if self._repeat_lost else ledger
        terms = Terms(ledger=kept, key=account.key, paced=lambda: self._reserve(account))
        return await self._hearing.hear(task, terms, report)

    @override
    def parse(self, raw: bytes) -> Heard:
        return parse(raw)

    @override
    async def close(self) -> None:
        await self._http.close()


class HouseServerEngine(InHouseEngine):
    """A server of the operator's own, which audio does not leave the house for."""

    name = NAME
    at_once = AT_ONCE

    def __init__(self, *, settings: OpenAISettings, model: Model, surroundings: Surroundings) -> None:
        self.models = (model.name,)
        self.capabilities = _capabilities(model, surroundings.settings.max_audio_ms)
        self._key = settings.openai_api_key or ""
        self._blobs = surroundings.blobs
        self._http = _http(settings)
        self._hearing = _hearing(settings, model, surroundings, self._http)

    @override
    async def transcribe(self, task: Task, report: Report) -> bytes:
        terms = Terms(ledger=_checkpoints(task, self._blobs), key=self._key, paced=nullcontext)
        return await self._hearing.hear(task, terms, report)

    @override
    def parse(self, raw: bytes) -> Heard:
        return parse(raw)

    @override
    async def close(self) -> None:
        await self._http.close()


def _http(settings: OpenAISettings) -> ProviderHttp:
    seconds = settings.openai_request_seconds
    provider = "OpenAI" if settings.is_openai else "The server behind AUDIO2TXT_OPENAI_URL"
    return ProviderHttp(provider=provider, read_seconds=seconds, total_seconds=seconds)


def _hearing(settings: OpenAISettings, model: Model, surroundings: Surroundings, http: ProviderHttp) -> Hearing:
    return Hearing(
        model=model,
        server=settings.server,
        rented=settings.openai_rented,
        asking=Asking(http=http, url=settings.openai_url),
        blobs=surroundings.blobs,
        scratch=surroundings.scratch,
        longest_recording_ms=surroundings.settings.max_audio_ms,
        largest_piece_bytes=settings.openai_max_bytes,
        at_once=settings.openai_requests,
    )


def _checkpoints(task: Task, blobs: BlobStore, *, permit: Permit | None = None) -> Checkpoints:
    return Checkpoints(blobs=blobs, prefix=checkpoint_prefix(task.tenant_id, task.job_id, task.run), permit=permit)


def _capabilities(model: Model, longest_ms: int) -> Capabilities:
    features = {Feature.LANGUAGE_DETECTION}
    if model.vocabulary is not None:
        features.add(Feature.VOCABULARY)
    if model.response is Response.DIARIZED:
        features.add(Feature.SPEAKERS)
    return Capabilities(
        languages=model.languages,
        features=frozenset(features),
        word_times=WordTimes.EXACT if model.response is Response.VERBOSE else WordTimes.APPROXIMATE,
        vocabulary=model.vocabulary,
        longest_ms=longest_ms,
    )
