"""The bus carries wake-ups between services; the databases hold the truth.

Two backends, chosen by the URL's scheme, pass one contract suite: `memory://` calls the handlers of the same
process, `amqp://` is RabbitMQ. Events enter through the outbox (`shared.outbox`); only the reporter, which has no
database, publishes directly.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec

from shared.errors import ConfigurationError, RetryableError
from shared.schemas.events import Event, routing_key

EXCHANGE = "audio2txt.events"
PARKING = "audio2txt.parking"
BROADCASTS = "audio2txt.broadcasts"

E = TypeVar("E", bound=Event)


class BusUnavailable(RetryableError):
    """The bus cannot be reached, or did not confirm in time."""


class Unroutable(RetryableError):
    """No queue is bound for the event: the service that reads it has never started."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """An event as it travels: encoded once, sent as it is."""

    routing_key: str
    message_id: UUID
    payload: bytes

    @classmethod
    def of(cls, event: Event) -> Envelope:
        """Encode an event; its id becomes the message id."""
        return cls(routing_key=routing_key(event), message_id=event.event_id, payload=msgspec.json.encode(event))


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """One service reads one event. `concurrency` is how many are handled at once in this process."""

    service: str
    event: type[Event]
    handle: Callable[[Any], Awaitable[None]]
    concurrency: int = 8

    @property
    def queue(self) -> str:
        """The queue's name: `<service>.<event>`."""
        return f"{self.service}.{routing_key(self.event)}"


def subscription(service: str, event: type[E], handle: Callable[[E], Awaitable[None]], *, concurrency: int = 8) -> Subscription:
    """A subscription whose handler takes exactly the event's type."""
    return Subscription(service=service, event=event, handle=handle, concurrency=concurrency)


@dataclass(frozen=True, kw_only=True)
class Listener:
    """One process hears what is broadcast about a topic, what it says itself included.

    Broadcasts are wake-ups: kept nowhere, tried once, and lost to whoever is away. `missed` is called whenever some may have
    been, which is also when listening begins, so that the listener looks at the truth. Neither call may wait."""

    topic: str
    hear: Callable[[bytes], None]
    missed: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class ParkedMessage:
    """A message no handler could take, kept with its reason until somebody replays or drops it."""

    message_id: UUID | None
    queue: str
    routing_key: str
    reason: str
    parked_at: dt.datetime | None
    payload: bytes


class Bus(Protocol):
    """Delivers each event to every service that reads it, at least once, in no particular order.

    A handler that returns has taken the event. One that raises `PermanentError` (or an event that cannot be decoded) is
    parked at once with its reason. One that raises `NotNow` gets the event again after those that wait behind it. Any
    other exception is tried again with back-off and parked when that does not help. Handlers run inside a logging context
    that names the job and the message.
    """

    async def start(self, subscriptions: Sequence[Subscription], listeners: Sequence[Listener] = ()) -> None:
        """Connect and start to consume. Waits for an unreachable broker; readiness tells."""

    async def publish(self, envelope: Envelope) -> None:
        """Return once the event is safe: confirmed by the broker, or handled by everyone in the process.

        Raises `BusUnavailable` or `Unroutable`, after which the event may or may not have been delivered.
        """

    async def broadcast(self, topic: str, payload: bytes) -> None:
        """Tell every process that listens now. Returns without knowing who heard it, which may be nobody.

        Raises `BusUnavailable` when certainly nobody did.
        """

    async def stop_consuming(self, grace: float) -> None:
        """Take no new events; give running handlers `grace` seconds, then leave theirs for redelivery."""

    async def close(self) -> None:
        """Let go of connections."""

    async def check(self) -> None:
        """Raise `BusUnavailable` with the reason when events cannot flow now."""

    async def parked(self, limit: int) -> list[ParkedMessage]:
        """Look at parked messages without taking them."""

    async def replay_parked(self, limit: int) -> int:
        """Send parked messages to the queues they came from; returns how many."""

    async def forget_parked(self, subject: UUID) -> int:
        """Drop the parked messages about a job or a tenant; returns how many."""


def open_bus(url: str) -> Bus:
    """The bus for a URL: `memory://` or `amqp[s]://…`."""
    scheme = url.partition("://")[0]
    match scheme:
        case "memory":
            from shared.bus.memory import MemoryBus

            return MemoryBus()
        case "amqp" | "amqps":
            from shared.bus.rabbit import RabbitBus

            return RabbitBus(url)
        case _:
            raise ConfigurationError(f"AUDIO2TXT_BUS_URL has the unknown scheme {scheme!r}; use memory:// or amqp://.")
