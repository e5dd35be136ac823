"""The recording of a job: in the store already, or fetched into it from the URL the customer gave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from services.transcriber.settings import TranscriberSettings
from services.transcriber.store import Transcription
from shared.blobs import CHUNK_BYTES, BlobNotFound, BlobStore
from shared.egress import EgressPolicy, EgressTrouble, guarded_session, trouble_of
from shared.errors import JobError
from shared.retry import backoff

if TYPE_CHECKING:
    import aiohttp

READ_SECONDS = 60.0
"""Longest silence of the server while it sends."""
ATTEMPTS = 3
FIRST_REDIRECT_TOO_MANY = 4
"""What aiohttp calls `max_redirects` is the one it refuses."""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

_TROUBLES = {
    EgressTrouble.NAME: "its host name is not known",
    EgressTrouble.CONNECT: "its server cannot be reached",
    EgressTrouble.TLS: "its server's certificate is not valid",
    EgressTrouble.TIMEOUT: "its server takes too long",
    EgressTrouble.DROPPED: "its server broke the transfer off",
    EgressTrouble.INVALID: "its server redirects too often or does not speak HTTP",
    EgressTrouble.PROXY: "this installation's proxy is not available",
    EgressTrouble.RESOLVER: "this installation's name server is not available",
}

log = structlog.get_logger(__name__)


class Sources:
    """Sees to it that the recording lies where engines look for it."""

    def __init__(self, *, blobs: BlobStore, policy: EgressPolicy, settings: TranscriberSettings) -> None:
        self._blobs = blobs
        self._policy = policy
        self._most_bytes = settings.download_max_bytes
        self._seconds = settings.download_seconds

    async def ensure(self, row: Transcription) -> None:
        """Return once the recording is stored. `JobError` `source_missing`, `download_failed` or `address_refused`."""
        try:
            await self._blobs.info(row.source_key)
        except BlobNotFound:
            if row.source_url is None:
                raise JobError(
                    "source_missing", "The recording is not stored any more; upload it again as a new job."
                ) from None
            await self._fetch(row.source_url, row.source_key)

    async def _fetch(self, url: str, key: str) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._fetch_once(url, key)
            except JobError as error:
                if not error.failure.retryable or attempt == ATTEMPTS:
                    raise
                log.info("download.again", attempt=attempt, reason=str(error))
            await asyncio.sleep(backoff(attempt))
        return None

    async def _fetch_once(self, url: str, key: str) -> None:
        try:
            async with (
                guarded_session(self._policy, total=self._seconds, read=READ_SECONDS) as session,
                session.get(url, max_redirects=FIRST_REDIRECT_TOO_MANY, headers={"Accept-Encoding": "identity"}) as answer,
            ):
                self._check(answer)
                await self._store(answer, key)
        except _Unfit as unfit:
            raise unfit.error from None
        except Exception as error:
            raise _as_job_error(error) from None

    def _check(self, answer: aiohttp.ClientResponse) -> None:
        if answer.status != 200:
            raise _Unfit(f"its server answered with the status {answer.status}", retryable=answer.status in _PASSING)
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise _Unfit("its server sends it compressed although it was asked not to")
        if (answer.content_length or 0) > self._most_bytes:
            raise self._too_large()

    async def _store(self, answer: aiohttp.ClientResponse, key: str) -> None:
        size = 0
        async with self._blobs.writer(key) as writer:
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                size += len(chunk)
                if size > self._most_bytes:
                    raise self._too_large()
                await writer.write(chunk)
            await writer.commit()

    def _too_large(self) -> _Unfit:
        return _Unfit(f"it is larger than {self._most_bytes:,} bytes")


class _Unfit(Exception):
    """What the server sends is no use."""

    def __init__(self, reason: str, *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.error = _download_failed(reason, retryable=retryable)


def _as_job_error(error: Exception) -> Exception:
    """What a session raised, without a word of where its requests went."""
    trouble = trouble_of(error)
    if trouble is EgressTrouble.REFUSED:
        return JobError("address_refused", "The audio_url leads to an address that this installation makes no requests to.")
    return _download_failed(_TROUBLES[trouble], retryable=trouble not in (EgressTrouble.TLS, EgressTrouble.INVALID))


def _download_failed(reason: str, *, retryable: bool) -> JobError:
    return JobError(
        "download_failed", f"The audio_url cannot be fetched: {reason}; check the URL, or upload the file.", retryable=retryable
    )
