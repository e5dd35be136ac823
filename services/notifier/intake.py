"""Takes in what happens: one message for each event, and a delivery for each endpoint that listens.

Events that come at about the same time are taken in together (`services.notifier.batches`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

import msgspec
import structlog

from services.notifier.batches import Batches, Entry
from services.notifier.bodies import read_transcript
from services.notifier.callbacks import callback
from services.notifier.notifications import (
    JobEnded,
    JobProgressed,
    batch_body,
    body_of,
    encode,
    test_body,
    usage_body,
    user_body,
    worth_telling,
)
from services.notifier.store.endpoints import EndpointStore
from services.notifier.store.intake import Arrival, Callback, IntakeStore, Listener, NewMessage
from services.notifier.store.letters import LetterStore
from services.notifier.store.wishes import WishStore
from shared.blobs import BlobStore, transcript_key
from shared.database import Pool
from shared.schemas.endpoints import EventType, Payload, Redeliver, Replay, Test
from shared.schemas.events import (
    BatchCompleted,
    BatchErased,
    ContentErased,
    DeliveryRequested,
    EndpointChanged,
    JobCompleted,
    JobErased,
    JobFailed,
    TenantErased,
    UsageThresholdReached,
    UserMailRequested,
)
from shared.schemas.privacy import Part
from shared.schemas.webhooks import WebhookBody
from shared.sealing import Sealer

BATCH = 128
TRANSCRIPTS_AT_ONCE = 4
"""How many are read at once; each can be of hours."""

log = structlog.get_logger(__name__)


class News(msgspec.Struct, frozen=True, kw_only=True):
    """A message, what it says, and the job's own callback."""

    message: NewMessage
    body: WebhookBody
    callback: Callback | None = None


NewsIntake: TypeAlias = Batches[News, int | None]
"""Its answer is how many deliveries were made, or None when the message is known, erased or too late."""


class Intake:
    """Handles every event that the notifier reads; a repeat of one changes nothing."""

    def __init__(self, *, pool: Pool, news: NewsIntake, sealer: Sealer, public_url: str | None) -> None:
        self._news = news
        self._messages = IntakeStore(pool)
        self._endpoints = EndpointStore(pool)
        self._wishes = WishStore(pool)
        self._letters = LetterStore(pool)
        self._sealer = sealer
        self._public_url = public_url

    async def ended(self, event: JobEnded) -> None:
        """A job has ended."""
        body = body_of(event, public_url=self._public_url)
        url = event.callback_url if isinstance(event, JobCompleted | JobFailed) else None
        own = callback(self._sealer, event.tenant_id, url) if url is not None else None
        made = await self._news.carry_out(News(message=_message(event, body, ends_run=True), body=body, callback=own))
        log.info("message.known" if made is None else "message.taken", type=body.type, deliveries=made)

    async def progressed(self, event: JobProgressed) -> None:
        """A job has come further. Of no interest where nobody listens."""
        if worth_telling(event):
            body = body_of(event, public_url=self._public_url)
            await self._news.carry_out(News(message=_message(event, body, ends_run=False), body=body))

    async def erased(self, event: JobErased) -> None:
        """A job is gone, with all that was told about it."""
        await self._messages.erase_job(event.job_id)

    async def content_erased(self, event: ContentErased) -> None:
        """What was said in a job is no longer kept; that it was told, and when, is."""
        if Part.TRANSCRIPT in event.parts or Part.REPORT in event.parts:
            await self._messages.erase_words(event.job_id)

    async def tenant_erased(self, event: TenantErased) -> None:
        """A tenant is gone, with its endpoints and all that was told."""
        await self._messages.erase_tenant(event.tenant_id)

    async def endpoint_changed(self, event: EndpointChanged) -> None:
        """A customer has set up, changed or deleted an endpoint."""
        taken = await self._endpoints.change(event)
        log.info("endpoint.changed" if taken else "endpoint.known", endpoint_id=str(event.endpoint_id), version=event.version)

    async def wished(self, event: DeliveryRequested) -> None:
        """A customer wants something sent."""
        count = await self._fulfil(event)
        log.info("delivery.wished", endpoint_id=str(event.endpoint_id), wish=type(event.wish).__name__, deliveries=count)

    async def letter_wanted(self, event: UserMailRequested) -> None:
        """A user is to get an e-mail."""
        taken = await self._letters.take(event, user_body(event))
        log.info("letter.taken" if taken else "letter.known", message=event.message, link_id=str(event.link_id))

    async def threshold_reached(self, event: UsageThresholdReached) -> None:
        """A tenant has used much of what it may use."""
        made = await self._messages.tell(event, usage_body(event))
        log.info("message.known" if made is None else "message.taken", type=EventType.USAGE_THRESHOLD, deliveries=made)

    async def batch_completed(self, event: BatchCompleted) -> None:
        """The last job of a batch has ended."""
        made = await self._messages.tell(event, batch_body(event, public_url=self._public_url), about=event.batch_id)
        log.info("message.known" if made is None else "message.taken", type=EventType.BATCH_COMPLETED, deliveries=made)

    async def batch_erased(self, event: BatchErased) -> None:
        """The last job of a batch is gone, and what was told of the batch goes with it."""
        await self._messages.erase_batch(event.batch_id)

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


def news_intake(pool: Pool, blobs: BlobStore) -> NewsIntake:
    """Takes in what happens to jobs; to be entered."""
    store, reading = IntakeStore(pool), asyncio.Semaphore(TRANSCRIPTS_AT_ONCE)

    async def arrival(news: News, listeners: Sequence[Listener]) -> Arrival:
        """With the transcript, where an endpoint wants it told."""
        message, transcript = news.message, None
        thin = all(listener.include is Payload.THIN for listener in listeners if listener.wants(message))
        if message.transcript_key is not None and not thin:
            async with reading:
                transcript = await read_transcript(blobs, message.transcript_key)
        return Arrival(
            message=message,
            encode=lambda sequence, payload: encode(news.body, sequence=sequence, payload=payload, transcript=transcript),
            callback=news.callback,
        )

    async def take(batch: list[Entry[News, int | None]]) -> None:
        listeners = await store.listeners({entry.item.message.tenant_id for entry in batch})
        for round_ in _rounds([entry for entry in batch if not _ignored(entry, listeners)]):
            arrivals = await asyncio.gather(*(arrival(entry.item, listeners) for entry in round_))
            for entry, made in zip(round_, await store.take(arrivals), strict=True):
                entry.resolve(made)

    return Batches(take, most=BATCH, name="notifier.intake")


def _ignored(entry: Entry[News, int | None], listeners: Sequence[Listener]) -> bool:
    """Progress that nobody listens to leaves no trace."""
    message = entry.item.message
    if message.type != EventType.JOB_PROGRESSED or any(listener.wants(message) for listener in listeners):
        return False
    entry.resolve(0)
    return True


def _rounds(entries: Sequence[Entry[News, int | None]]) -> list[list[Entry[News, int | None]]]:
    """One message of a job in each, in the order in which they came."""
    rounds: list[dict[object, Entry[News, int | None]]] = []
    for entry in entries:
        job_id = entry.item.message.job_id
        place = next((place for place in rounds if job_id not in place), None)
        if place is None:
            rounds.append(place := {})
        place[job_id] = entry
    return [list(place.values()) for place in rounds]


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
