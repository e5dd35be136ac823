"""Deliveries: made once per event, attempted by schedule until the receiver has it or all attempts are used."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from services.notifier.channels import Answer, Channel, Message
from services.notifier.notifications import NotifiedEvent, encode_body
from services.notifier.retries import Outcome, Verdict, judge, wait_before
from services.notifier.store import Attempt, Change, Claimed, DeliveryStore, NewDelivery
from shared import metrics
from shared.database import is_outage
from shared.logs import bound_job
from shared.outbox import Outbox, OutboxRow, row_of
from shared.retry import backoff
from shared.schemas.events import DeliveryFinished, DeliveryState
from shared.schemas.ids import new_id

log = structlog.get_logger(__name__)


class Deliveries:
    """What happens to deliveries. `secret_of` gives a tenant's signing secret, `lease_seconds` bounds one attempt."""

    def __init__(
        self,
        *,
        store: DeliveryStore,
        outbox: Outbox,
        channel: Channel,
        schedule: Sequence[float],
        secret_of: Callable[[UUID], str],
        public_url: str | None,
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._channel = channel
        self._schedule = schedule
        self._secret_of = secret_of
        self._public_url = public_url
        self.lease_seconds = lease_seconds

    async def add(self, event: NotifiedEvent) -> None:
        """Make the delivery of an event, if its job has somebody to tell. A repeat of the event changes nothing."""
        if event.callback_url is None:
            return
        delivery = NewDelivery(
            id=new_id(),
            event_id=event.event_id,
            tenant_id=event.tenant_id,
            job_id=event.job_id,
            run=event.run,
            traceparent=event.traceparent,
            url=event.callback_url,
            host=_host(event.callback_url),
            body=encode_body(event, public_url=self._public_url),
        )
        added = await self._store.add(delivery, wait=wait_before(self._schedule[0]))
        log.info("delivery.added" if added else "delivery.known", delivery_id=str(delivery.id))

    async def attempt(self, claimed: Claimed) -> None:
        """Make one attempt and write down what follows."""
        with bound_job(tenant_id=claimed.tenant_id, job_id=claimed.job_id, traceparent=claimed.traceparent):
            started_at, began = dt.datetime.now(dt.UTC), time.monotonic()
            answer = await self._send(claimed)
            seconds = time.monotonic() - began
            verdict = judge(answer, attempts=claimed.attempts + 1, schedule=self._schedule)
            attempt = Attempt(
                number=claimed.attempts + 1,
                started_at=started_at,
                duration_ms=round(seconds * 1000),
                status=answer.status,
                reason=verdict.reason,
                response=answer.excerpt,
            )
            metrics.DELIVERY_ATTEMPTS.labels(verdict.outcome).inc()
            metrics.DELIVERY_SECONDS.observe(seconds)
            await self._record(claimed, attempt, verdict, deadline=began + self.lease_seconds)

    async def _send(self, claimed: Claimed) -> Answer:
        secret = self._secret_of(claimed.tenant_id)
        message = Message(id=f"msg_{claimed.event_id.hex}", url=claimed.url, body=claimed.body, secret=secret)
        try:
            return await self._channel.send(message)
        except Exception:
            # A fault of ours uses up an attempt like any other: else it would be repeated for ever.
            log.exception("delivery.fault", delivery_id=str(claimed.id))
            return Answer(trouble="internal_error")

    async def _record(self, claimed: Claimed, attempt: Attempt, verdict: Verdict, *, deadline: float) -> None:
        change, event = _consequence(claimed, attempt, verdict)
        ours = await _insist(lambda: self._store.record(claimed, attempt, change, event=event), deadline=deadline)
        if event is not None:
            self._outbox.wake()
        log.info(
            "delivery.attempted",
            delivery_id=str(claimed.id),
            number=attempt.number,
            outcome=verdict.outcome if ours else "lease_lost",
            status=attempt.status,
            reason=attempt.reason,
            milliseconds=attempt.duration_ms,
        )


async def _insist(write: Callable[[], Awaitable[bool]], *, deadline: float) -> bool:
    """Try to write until the deadline, through a restart of the database: what is not written down is sent again."""
    failures = 0
    while True:
        try:
            return await write()
        except Exception as error:
            failures += 1
            pause = backoff(failures)
            if not is_outage(error) or time.monotonic() + pause > deadline:
                raise
            log.warning("delivery.record_failed", error=type(error).__name__)
            await asyncio.sleep(pause)


def _consequence(claimed: Claimed, attempt: Attempt, verdict: Verdict) -> tuple[Change, OutboxRow | None]:
    """How the delivery changes, and what the other services hear of it."""
    match verdict.outcome:
        case Outcome.RETRIED:
            return Change(wait=verdict.wait), None
        case Outcome.DELIVERED:
            return _end(claimed, attempt, DeliveryState.DELIVERED)
        case Outcome.FAILED:
            return _end(claimed, attempt, DeliveryState.FAILED)


def _end(claimed: Claimed, attempt: Attempt, state: DeliveryState) -> tuple[Change, OutboxRow]:
    event = DeliveryFinished(
        tenant_id=claimed.tenant_id,
        job_id=claimed.job_id,
        run=claimed.run,
        traceparent=claimed.traceparent,
        delivery_id=claimed.id,
        state=state,
        attempts=attempt.number,
        status=attempt.status,
        reason=attempt.reason,
    )
    return Change(end=state), row_of(event)


def _host(url: str) -> str:
    """Host and port, for fairness; whether the URL is any good is found out by the attempt."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()[:255]
    except ValueError:
        return ""
