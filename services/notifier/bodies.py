"""The bytes of a message for an endpoint that was not there when it was made: put together when they are first sent."""

from __future__ import annotations

import asyncio

import msgspec

from services.notifier.notifications import encode
from services.notifier.store.bodies import BodyStore
from services.notifier.store.claims import Claimed
from shared.blobs import BlobNotFound, BlobStore, BlobUnavailable, transcript_key
from shared.database import is_outage
from shared.errors import RetryableError
from shared.schemas.endpoints import EventType
from shared.schemas.transcripts import Transcript
from shared.schemas.webhooks import WebhookBody


class BodyUnavailable(RetryableError):
    """The store of files or the database is away."""


class Bodies:
    """Gives each attempt its bytes: the same at every attempt, so what was put together is kept."""

    def __init__(self, *, store: BodyStore, blobs: BlobStore) -> None:
        self._store = store
        self._blobs = blobs

    async def of(self, claimed: Claimed) -> bytes:
        """What is sent. Raises `BodyUnavailable`."""
        if claimed.whole or claimed.type != EventType.JOB_COMPLETED:
            return claimed.body
        try:
            transcript = await read_transcript(self._blobs, _transcript_key(claimed))
            body = await asyncio.to_thread(_put_together, claimed, transcript)
            return await self._store.keep(claimed.message_id, claimed.payload, body)
        except Exception as error:
            if isinstance(error, BlobUnavailable) or is_outage(error):
                raise BodyUnavailable("What the message is to tell cannot be read now.") from error
            raise


async def read_transcript(blobs: BlobStore, key: str) -> Transcript | None:
    """All that is told of a job's transcript; None when it is gone."""
    try:
        data = await blobs.get(key)
    except BlobNotFound:
        return None  # erased meanwhile
    return await asyncio.to_thread(_without_words, data)


def _without_words(data: bytes) -> Transcript:
    """Words are most of its size, and it may wait for others before it is told."""
    transcript = msgspec.json.decode(data, type=Transcript)
    segments = tuple(msgspec.structs.replace(segment, words=(), raw_words=()) for segment in transcript.segments)
    return msgspec.structs.replace(transcript, segments=segments)


def _transcript_key(claimed: Claimed) -> str:
    """Messages from before it was kept tell the transcript of their run."""
    assert claimed.job_id is not None
    return claimed.transcript_key or transcript_key(claimed.tenant_id, claimed.job_id, claimed.run or 1)


def _put_together(claimed: Claimed, transcript: Transcript | None) -> bytes:
    thin = msgspec.json.decode(claimed.body, type=WebhookBody)
    return encode(thin, sequence=claimed.sequence or 0, payload=claimed.payload, transcript=transcript)
