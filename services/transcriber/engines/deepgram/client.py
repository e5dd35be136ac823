"""The one request that Deepgram knows for recordings, with the recording streamed from the store, or lent by its URL."""

from __future__ import annotations

import msgspec

from services.transcriber.engines import Reserve, Task
from services.transcriber.engines.deepgram.redaction import LIMITS, NUMBER_LANGUAGES
from services.transcriber.engines.deepgram.request import ANALYSES, LANGUAGES, MOST_TERMS, Parameters
from services.transcriber.engines.deepgram.settings import DeepgramSettings
from services.transcriber.engines.http import Answer, Body, ProviderHttp, words_of
from shared.blobs import BlobStore
from shared.errors import JobError, RetryableError
from shared.schemas.engines import Capabilities, Feature, VocabularyLimits

LARGEST_BYTES = 2 * 1000**3
UPLOAD_SECONDS = 2 * 3600.0
"""The longest a request may take as a whole: 2 GB over a slow line, and the ten minutes that Deepgram works at most."""
PRESIGNED_SECONDS = 3600
"""Deepgram reads a recording as soon as it is asked to."""
_NO_AUDIO = "failed to process audio"


def capabilities(settings: DeepgramSettings) -> Capabilities:
    """What Deepgram does with recordings, as its documentation says of `nova-3`; other models are taken at their word."""
    return Capabilities(
        languages=LANGUAGES if settings.deepgram_model.startswith("nova-3") else None,
        features=frozenset(
            {Feature.SPEAKERS, Feature.VOCABULARY, Feature.CHANNELS, Feature.REDACTION, Feature.LANGUAGE_DETECTION}
        ),
        feature_languages={Feature.REDACTION: NUMBER_LANGUAGES},
        analyses=frozenset(ANALYSES),
        analysis_languages=dict.fromkeys(ANALYSES, frozenset({"en"})),
        redaction=LIMITS,
        vocabulary=VocabularyLimits(terms=MOST_TERMS),
        largest_bytes=LARGEST_BYTES,
    )


class Client:
    """Sends recordings to `/v1/listen`."""

    def __init__(self, *, settings: DeepgramSettings, blobs: BlobStore, reserve: Reserve, read_seconds: float) -> None:
        self._url = f"{settings.deepgram_url}/v1/listen"
        self._lends = settings.deepgram_upload == "presigned"
        self._blobs = blobs
        self._reserve = reserve
        self._http = ProviderHttp(provider="Deepgram", read_seconds=read_seconds, total_seconds=UPLOAD_SECONDS)

    async def listen(self, task: Task, query: Parameters) -> bytes:
        """Deepgram's answer, which is JSON if nothing goes wrong; raises what the lack of one means."""
        assert task.account is not None
        body = await self._body(task.source_key)
        async with self._reserve(task.account):
            answer = await self._http.send(
                "POST", self._url, headers={"Authorization": f"Token {task.account.key}"}, params=query, body=body
            )
        if not answer.ok:
            raise self._refusal(answer)
        return answer.body

    async def close(self) -> None:
        """Let go of the session."""
        await self._http.close()

    async def _body(self, key: str) -> Body:
        url = await self._blobs.presigned(key, PRESIGNED_SECONDS) if self._lends else None
        if url is not None:
            return Body.of(msgspec.json.encode({"url": url}))
        info = await self._blobs.info(key)
        return Body(media_type="application/octet-stream", chunks=lambda: self._blobs.stream(key), size=info.size)

    def _refusal(self, answer: Answer) -> JobError | RetryableError:
        if answer.status == 504:
            return JobError(
                "engine_failed",
                "Deepgram gave up after ten minutes of work on the recording; send it in parts, or use another engine.",
            )
        if answer.status == 400 and _NO_AUDIO in words_of(answer.body):
            return JobError("unsupported_audio", "Deepgram cannot read the recording; check the file, or use another engine.")
        return self._http.refusal(answer)
