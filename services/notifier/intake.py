"""Takes in what happens: one message for each event, and a delivery for each endpoint that listens."""

from __future__ import annotations

import asyncio
from functools import partial

import msgspec
import structlog

from services.notifier.callbacks import callback
from services.notifier.notifications import JobEnded, JobProgressed, body_of, encode, test_body, worth_telling
from services.notifier.store.endpoints import EndpointStore
from services.notifier.store.intake import IntakeStore, NewMessage
from services.notifier.store.wishes import WishStore
from shared.blobs import BlobNotFound, BlobStore, transcript_key
from shared.database import Pool
from shared.schemas.endpoints import EventType, Payload, Redeliver, Replay, Test
from shared.schemas.events import DeliveryRequested, EndpointChanged, JobCompleted, JobErased, JobFailed
from shared.schemas.transcripts import Transcript
from shared.schemas.webhooks import WebhookBody
from shared.sealing import Sealer

log = structlog.get_logger(__name__)


class Intake:
    """Handles every event that the notifier reads; a repeat of one changes nothing."""

    def __init__(self, *, pool: Pool, blobs: BlobStore, sealer: Sealer, public_url: str | None) -> None:
        self._messages = IntakeStore(pool)
        self._endpoints = EndpointStore(pool)
        self._wishes = WishStore(pool)
        self._blobs = blobs
        self._sealer = sealer
        self._public_url = public_url

    async def ended(self, event: JobEnded) -> None:
        """A job has ended."""
        body = body_of(event, public_url=self._public_url)
        url = event.callback_url if isinstance(event, JobCompleted | JobFailed) else None
        message = _message(event, body, ends_run=True)
        transcript = await self._transcript(message) if body.type is EventType.JOB_COMPLETED else None
        made = await self._messages.take(
            message,
            lambda sequence, payload: encode(body, sequence=sequence, payload=payload, transcript=transcript),
            callback=callback(self._sealer, event.tenant_id, url) if url is not None else None,
        )
        log.info("message.known" if made is None else "message.taken", type=message.type, deliveries=made)

    async def progressed(self, event: JobProgressed) -> None:
        """A job has come further. Of no interest where nobody listens."""
        if not worth_telling(event) or not await self._messages.listening(event.tenant_id, EventType.JOB_PROGRESSED):
            return
        body = body_of(event, public_url=self._public_url)
        await self._messages.take(
            _message(event, body, ends_run=False),
            lambda sequence, payload: encode(body, sequence=sequence, payload=payload, transcript=None),
        )

    async def erased(self, event: JobErased) -> None:
        """A job is gone, with all that was told about it."""
        await self._messages.erase_job(event.job_id)

    async def endpoint_changed(self, event: EndpointChanged) -> None:
        """A customer has set up, changed or deleted an endpoint."""
        taken = await self._endpoints.change(event)
        log.info("endpoint.changed" if taken else "endpoint.known", endpoint_id=str(event.endpoint_id), version=event.version)

    async def wished(self, event: DeliveryRequested) -> None:
        """A customer wants something sent."""
        count = await self._fulfil(event)
        log.info("delivery.wished", endpoint_id=str(event.endpoint_id), wish=type(event.wish).__name__, deliveries=count)

    async def _fulfil(self, event: DeliveryRequested) -> int:
        match event.wish:
            case Test():
                return await self._wishes.test(event, test_body(event.event_id, event.occurred_at))
            case Redeliver() as wish:
                return await self._wishes.redeliver(event, wish)
            case Replay() as wish:
                return await self._wishes.replay(event, wish)

    async def adopt_callbacks(self) -> None:
        """Seal the URLs that an earlier version kept open."""
        legacy = await self._endpoints.legacy()
        await self._endpoints.adopt([callback(self._sealer, row.tenant_id, row.legacy_url) for row in legacy])

    async def _transcript(self, message: NewMessage) -> Transcript | None:
        """The transcript, where an endpoint wants it told."""
        if await self._messages.listening(message.tenant_id, message.type) <= {Payload.THIN}:
            return None
        assert message.transcript_key is not None
        try:
            data = await self._blobs.get(message.transcript_key)
        except BlobNotFound:
            return None  # erased meanwhile
        return await asyncio.to_thread(partial(msgspec.json.decode, data, type=Transcript))


def _message(event: JobEnded | JobProgressed, body: WebhookBody, *, ends_run: bool) -> NewMessage:
    own = event.transcript_key if isinstance(event, JobCompleted) else None
    kept = own or transcript_key(event.tenant_id, event.job_id, event.run)
    return NewMessage(
        id=event.event_id,
        tenant_id=event.tenant_id,
        type=body.type,
        job_id=event.job_id,
        run=event.run,
        ends_run=ends_run,
        transcript_key=kept if isinstance(event, JobCompleted) else None,
        traceparent=event.traceparent,
        occurred_at=event.occurred_at,
    )
