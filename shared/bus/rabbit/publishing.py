"""Confirmed publishing: when `send` returns, a quorum of the broker has the message on disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from uuid import uuid4
from weakref import WeakValueDictionary

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, PublishError

from shared.bus import BusUnavailable, Unroutable
from shared.bus.rabbit.topology import EVENTS, broker

SEND_SECONDS = 5.0
"""How long a confirm may take. The library's own time-out has no effect, and an alarm blocks without one."""

PROBE_KEY = "audio2txt.probe"


class Publisher:
    """The publishing connection of a process."""

    def __init__(self, url: str) -> None:
        self._broker = broker(url)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.open = False

    async def start(self) -> None:
        """Connect and accept messages. Declared here, the exchange comes back with every new connection."""
        await self._broker.connect()
        await self._broker.declare_exchange(EVENTS)
        self.open = True

    async def close(self) -> None:
        """Let go of the connection."""
        self.open = False
        with suppress(TimeoutError, *CONNECTION_EXCEPTIONS):
            async with asyncio.timeout(SEND_SECONDS):
                await self._broker.stop()

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """A channel for one use. The broker's own would answer a declaration from memory."""
        async with aio_pika.Channel(await self._broker.connect()) as channel:
            yield channel

    async def send(
        self, body: bytes, *, exchange: str = "", routing_key: str, message_id: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish one message. Raises `BusUnavailable` or `Unroutable`, and may have published it all the same."""
        if not self.open:
            raise BusUnavailable("RabbitMQ was not reached yet.")
        # Two publishes of one id side by side on a channel would get each other's result.
        lock = self._locks.setdefault(message_id, asyncio.Lock())
        try:
            async with asyncio.timeout(SEND_SECONDS), lock:
                await self._publish(body, exchange=exchange, routing_key=routing_key, message_id=message_id, headers=headers)
        except PublishError as error:
            raise Unroutable(f"No queue takes {routing_key}: the service that reads it has never started.") from error
        except TimeoutError as error:
            raise BusUnavailable(f"RabbitMQ did not confirm {routing_key} within {SEND_SECONDS:g} s.") from error
        except CONNECTION_EXCEPTIONS as error:
            raise BusUnavailable(f"RabbitMQ cannot be reached: {error!r}.") from error
        except asyncio.CancelledError as error:
            # A connection that closes cancels whoever waits for a confirm.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise BusUnavailable("RabbitMQ closed the connection before it confirmed.") from error

    async def probe(self) -> None:
        """Publish a message that goes nowhere but is confirmed all the same: only who publishes learns of an alarm."""
        await self._publish(b"", exchange="", routing_key=PROBE_KEY, message_id=str(uuid4()), mandatory=False)

    async def _publish(
        self,
        body: bytes,
        *,
        exchange: str,
        routing_key: str,
        message_id: str,
        headers: Mapping[str, str] | None = None,
        mandatory: bool = True,
    ) -> None:
        await self.unblocked()
        await self._broker.publish(
            body,
            exchange=EVENTS if exchange else None,
            routing_key=routing_key,
            mandatory=mandatory,
            persist=True,
            message_id=message_id,
            headers=dict(headers or {}),
            content_type="application/json",
        )

    async def unblocked(self) -> AbstractConnection:
        """The connection once nothing blocks it. What is written while an alarm does would be sent later, when nobody waits
        for it any more."""
        connection = await self._broker.connect()
        await connection.ready()
        if connection.transport is not None:
            await connection.transport.ready()
        return connection
