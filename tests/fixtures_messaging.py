"""Fixtures of messaging: the outbox's stand-in, buses on a real RabbitMQ, and an operator beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import aio_pika
import pytest

from shared.bus import Listener, Subscription
from shared.bus.rabbit import RabbitBus
from tests.messaging import PATIENCE, Operator, Sender, StartRabbit


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    """An outbox."""
    sender = Sender()
    yield sender
    await sender.stop()


@pytest.fixture
async def start_rabbit(rabbitmq_url: str) -> AsyncIterator[StartRabbit]:
    """Starts a bus in the test's virtual host."""
    async with AsyncExitStack() as stack:

        async def start(*subscriptions: Subscription, listeners: Sequence[Listener] = ()) -> RabbitBus:
            bus = RabbitBus(rabbitmq_url)
            stack.push_async_callback(bus.close)
            async with asyncio.timeout(PATIENCE):
                await bus.start(subscriptions, listeners)
            return bus

        yield start


@pytest.fixture
async def operator(rabbitmq_url: str) -> AsyncIterator[Operator]:
    """A channel beside the bus, for what only an operator does."""
    async with await aio_pika.connect(rabbitmq_url) as connection, connection.channel() as channel:
        yield channel
