"""Consuming: every delivery is acknowledged, parked, or returned to its queue after a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress

import structlog
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitMessage

from shared import metrics
from shared.bus import PARKING, BusUnavailable, Subscription, Unroutable
from shared.bus.handling import handle
from shared.bus.rabbit import parking
from shared.bus.rabbit.publishing import Publisher
from shared.bus.rabbit.topology import DELIVERY_LIMIT, EVENTS, broker, work_queue
from shared.errors import NotNow, PermanentError, RetryableError
from shared.retry import backoff
from shared.schemas.events import routing_key

MOST_DELIVERIES = 10
"""Deliveries to a handler that keeps failing before the event is parked. Outages (`RetryableError`) do not count."""

LONGEST_PAUSE = 30.0
"""Most seconds between two attempts; the message's place in `concurrency` is taken meanwhile."""

NOT_NOW_PAUSE = 0.5
"""Seconds before an event for which there was no room goes to the end of its queue; its place is taken meanwhile."""

CLOSE_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Consumer:
    """The consuming connection of a process."""

    def __init__(self, url: str, publisher: Publisher) -> None:
        self._broker = broker(url)
        self._publisher = publisher
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    async def start(self, subscriptions: Sequence[Subscription]) -> None:
        """Consume from every subscription's queue, on a channel each."""
        for subscription in subscriptions:
            self._subscribe(subscription)
        await self._broker.start()

    async def stop(self, grace: float) -> None:
        """Take nothing new, wait for what runs, then close; RabbitMQ delivers again what is cancelled by that."""
        self._stopping.set()
        await _in_time(*(subscriber.stop() for subscriber in self._broker.subscribers))
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        await _in_time(self._broker.stop())

    def _subscribe(self, subscription: Subscription) -> None:
        async def consume(message: RabbitMessage) -> None:
            await self._consume(subscription, message)

        # Without prefetch every waiting message would become a task at once.
        channel = Channel(prefetch_count=subscription.concurrency, on_return_raises=True)
        queue = work_queue(subscription)
        self._broker.subscriber(queue, EVENTS, channel=channel, ack_policy=AckPolicy.MANUAL, no_reply=True)(consume)

    async def _consume(self, subscription: Subscription, message: RabbitMessage) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await self._settle(subscription, message)
        except CONNECTION_EXCEPTIONS as error:
            # The channel is gone, and with it our claim: RabbitMQ delivers the message again.
            log.warning("bus.unsettled", queue=subscription.queue, message_id=message.message_id, error=repr(error))
        finally:
            self._running.discard(task)

    async def _settle(self, subscription: Subscription, message: RabbitMessage) -> None:
        try:
            await self._handle_or_park(subscription, message)
        except Exception as error:
            await self._return(subscription, message, error)
        else:
            await message.ack()

    async def _handle_or_park(self, subscription: Subscription, message: RabbitMessage) -> None:
        try:
            await handle(subscription, message.body)
        except PermanentError as error:
            await self._park(subscription, message, str(error))
        except RetryableError:
            raise
        except Exception as error:
            if _deliveries(message) < MOST_DELIVERIES:
                raise
            await self._park(subscription, message, f"The handler failed {_deliveries(message)} times, at last with {error!r}.")

    async def _park(self, subscription: Subscription, message: RabbitMessage, reason: str) -> None:
        key = routing_key(subscription.event)
        headers = parking.headers(queue=subscription.queue, routing_key=key, reason=reason)
        await self._publisher.send(message.body, routing_key=PARKING, message_id=message.message_id, headers=headers)
        metrics.DEAD_LETTERS.labels(subscription.service, key).inc()
        log.error("event.parked", queue=subscription.queue, message_id=message.message_id, reason=reason)

    async def _return(self, subscription: Subscription, message: RabbitMessage, error: Exception) -> None:
        deliveries, to_the_end = _deliveries(message), isinstance(error, NotNow)
        with suppress(TimeoutError):
            async with asyncio.timeout(NOT_NOW_PAUSE if to_the_end else backoff(deliveries, longest=LONGEST_PAUSE)):
                await self._stopping.wait()
        if to_the_end or (isinstance(error, RetryableError) and deliveries > DELIVERY_LIMIT // 2):
            # A fresh copy goes to the end of the queue, and its count begins at nothing: an outage must not use up the limit.
            with suppress(BusUnavailable, Unroutable):
                await self._publisher.send(message.body, routing_key=subscription.queue, message_id=message.message_id)
                await message.ack()
                return
        await message.nack(requeue=True)


async def _in_time(*steps: Coroutine[None, None, None]) -> None:
    """Orderly when RabbitMQ answers; when it does not, it has taken back already what this process held."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            failures = [result for result in await asyncio.gather(*steps, return_exceptions=True) if result is not None]
    except TimeoutError as error:
        failures = [error]
    if failures:
        log.info("bus.closed_without_answer", errors=[repr(failure) for failure in failures])


def _deliveries(message: RabbitMessage) -> int:
    """How often RabbitMQ has delivered the message, this time included."""
    return int(message.headers.get("x-delivery-count", 0)) + 1
