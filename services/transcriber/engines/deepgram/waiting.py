"""Deepgram where it cannot reach us: one request, open until the transcript is there."""

from __future__ import annotations

import msgspec
from typing_extensions import override

from services.transcriber.engines import AnsweringEngine, Heard, Ledger, OutcomeUnknown, Report, Reserve, Task
from services.transcriber.engines.deepgram import answer
from services.transcriber.engines.deepgram.client import Client, capabilities
from services.transcriber.engines.deepgram.request import Parameters, parameters
from services.transcriber.engines.deepgram.settings import DeepgramSettings
from shared.blobs import BlobStore

READ_SECONDS = 900.0
"""Deepgram works ten minutes at most."""


class Waiting(AnsweringEngine):
    """Waits for each transcript with an open request."""

    name = "deepgram"
    at_once = 8

    def __init__(self, *, settings: DeepgramSettings, blobs: BlobStore, reserve: Reserve) -> None:
        self.capabilities = capabilities(settings)
        self.models = (settings.deepgram_model,)
        self.key = settings.deepgram_api_key
        self._settings = settings
        self._client = Client(settings=settings, blobs=blobs, reserve=reserve, read_seconds=READ_SECONDS)

    @override
    async def transcribe(self, task: Task, ledger: Ledger, report: Report) -> bytes:
        query = parameters(task, self._settings)
        await report(0.0)
        return await ledger.answer("listen", lambda: self._listen(task, query))

    @override
    def parse(self, raw: bytes) -> Heard:
        return answer.parse(raw)

    @override
    async def close(self) -> None:
        await self._client.close()

    async def _listen(self, task: Task, query: Parameters) -> bytes:
        """A whole answer, which is stored before it is understood."""
        raw = await self._client.listen(task, query)
        try:
            msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise OutcomeUnknown("Deepgram gave an answer that is not whole.") from None
        return raw
