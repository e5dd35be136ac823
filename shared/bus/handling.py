"""Takes one delivery to its handler: decoded, logged under the job's name, counted and timed, whatever the bus; and a
broadcast to its listener."""

from __future__ import annotations

import msgspec
import structlog

from shared import metrics
from shared.bus import Listener, Subscription
from shared.errors import NotNow, PermanentError, RetryableError
from shared.logs import bound_event
from shared.schemas.events import Event

log = structlog.get_logger(__name__)


async def handle(subscription: Subscription, payload: bytes) -> None:
    """Run the handler. Raises what it raises, and `PermanentError` when the payload is not the event."""
    try:
        event = _decode(subscription, payload)
    except PermanentError as error:
        log.error("event.undecodable", queue=subscription.queue, reason=str(error))
        _count(subscription, "rejected")
        raise
    with bound_event(event, queue=subscription.queue), metrics.EVENT_SECONDS.labels(subscription.queue).time():
        try:
            await subscription.handle(event)
        except NotNow as error:
            log.debug("event.postponed", reason=str(error))
            _count(subscription, "postponed")
            raise
        except PermanentError as error:
            log.error("event.rejected", reason=str(error))
            _count(subscription, "rejected")
            raise
        except Exception as error:
            # An outage explains itself; anything else is a defect whose place matters.
            log.warning("event.failed", error=repr(error), exc_info=not isinstance(error, RetryableError))
            _count(subscription, "failed")
            raise
        log.debug("event.handled")
        _count(subscription, "handled")


def hear(listener: Listener, payload: bytes) -> None:
    """Let a listener hear a broadcast. What it makes of it, or fails to, is its own affair: the next ones reach it too."""
    try:
        listener.hear(payload)
    except Exception:
        log.exception("broadcast.failed", topic=listener.topic)


def _decode(subscription: Subscription, payload: bytes) -> Event:
    try:
        return msgspec.json.decode(payload, type=subscription.event)
    except msgspec.MsgspecError as error:
        raise PermanentError(f"The event cannot be decoded: {error}.") from error


def _count(subscription: Subscription, outcome: str) -> None:
    metrics.EVENTS_HANDLED.labels(subscription.queue, outcome).inc()
