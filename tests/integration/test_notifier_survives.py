"""Whatever happens to the notifier or its database in mid-delivery: the receiver gets it, under one id."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from services.notifier import dispatcher, measuring
from shared.database import Pool
from shared.schemas.events import DeliveryState
from tests.notifying import job_completed, notifier_pool, running_notifier, secret_of
from tests.receivers import receiver, silence, status
from tests.servers.postgresql import PostgresServer

ENVIRONMENT = {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8", "AUDIO2TXT_WEBHOOK_SCHEDULE": "0,0.02,0.02"}

PROGRAM = """
import asyncio, sys
from tests.notifying import notifier_pool, job_completed, running_notifier

async def main(database_url, url):
    environment = {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8"}
    async with notifier_pool(database_url) as pool, running_notifier(pool, environment) as notifier:
        await notifier.publish(job_completed(url))
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


@pytest.fixture
def mortal_postgres() -> Iterator[PostgresServer]:
    """A server that may be killed."""
    with PostgresServer() as server:
        yield server


async def test_kill_nine_in_mid_delivery(database_url: str, pool: Pool) -> None:
    """The attempt that was under way is made again by the next process, with the same id and body."""
    async with receiver(silence(), status(200)) as customer:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, database_url, customer.url)
        await customer.wait_for(1)
        process.kill()
        await process.wait()
        async with running_notifier(pool, ENVIRONMENT) as notifier:
            end = await notifier.first_end()
    first, second = customer.requests
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert (end.state, end.attempts) == (DeliveryState.DELIVERED, 1)


async def test_what_a_freeze_kept_from_beginning_is_given_back(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the claim and the attempt: by then another process may have it, so it is claimed anew before anything is sent."""
    freezes = iter([0.3])

    def freeze_once(*_: object) -> None:
        time.sleep(next(freezes, 0.0))

    monkeypatch.setattr(dispatcher, "START_SECONDS", 0.2)
    monkeypatch.setattr(measuring, "started", freeze_once)
    with capture_logs() as logs:
        async with receiver(status(200)) as customer, running_notifier(pool, ENVIRONMENT) as notifier:
            await notifier.publish(job_completed(customer.url))
            end = await notifier.first_end()
    assert [line["event"] for line in logs if line["event"] == "dispatcher.held_up"] == ["dispatcher.held_up"]
    assert (end.state, end.attempts, len(customer.requests)) == (DeliveryState.DELIVERED, 1, 1)


async def test_stopping_lets_running_attempts_end(pool: Pool) -> None:
    """What is under way when the process is stopped is finished and written down."""
    answer_now = asyncio.Event()

    async def answer_when_stopping(writer: asyncio.StreamWriter) -> None:
        await answer_now.wait()
        await status(200)(writer)

    async with receiver(answer_when_stopping) as customer:
        async with running_notifier(pool, ENVIRONMENT) as notifier:
            event = job_completed(customer.url)
            await notifier.publish(event)
            await customer.wait_for(1)
            asyncio.get_running_loop().call_later(0.1, answer_now.set)
        assert await notifier.state(event) == "delivered"
        assert len(customer.requests) == 1


async def test_stopping_gives_back_what_does_not_end(pool: Pool) -> None:
    """An attempt that outlasts the grace is due again at once, for the next process."""
    async with receiver(silence(), status(200)) as customer:
        event = job_completed(customer.url)
        async with running_notifier(pool, ENVIRONMENT, drain=0.05) as notifier:
            await notifier.publish(event)
            await customer.wait_for(1)
        assert await pool.fetchval("select lease is null and due_at <= now() from notifier.deliveries")
        async with running_notifier(pool, ENVIRONMENT) as notifier:
            end = await notifier.end_of(event)
    assert (end.state, end.attempts) == (DeliveryState.DELIVERED, 1)


async def test_the_database_is_killed_in_mid_delivery(mortal_postgres: PostgresServer) -> None:
    """The answer is written down when the database is back: the receiver is not asked again."""
    database_back = asyncio.Event()

    async def answer_while_the_database_is_away(writer: asyncio.StreamWriter) -> None:
        await asyncio.to_thread(mortal_postgres.kill9)
        await status(200)(writer)
        await writer.drain()
        await asyncio.to_thread(mortal_postgres.restart)
        database_back.set()

    url = mortal_postgres.create_database()
    async with (
        receiver(answer_while_the_database_is_away) as customer,
        notifier_pool(url) as pool,
        running_notifier(pool, ENVIRONMENT) as notifier,
    ):
        event = job_completed(customer.url)
        await notifier.publish(event)
        end = await notifier.end_of(event)
        await database_back.wait()
    assert (end.state, end.attempts, len(customer.requests)) == (DeliveryState.DELIVERED, 1, 1)
    customer.requests[0].verify(secret_of(event))


async def test_an_idle_notifier_carries_no_http_client() -> None:
    """The client and its resolver are loaded with the first delivery, and not before."""
    program = "import sys, services.notifier.app; sys.exit(any(name in sys.modules for name in ('aiohttp', 'pycares')))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await process.wait() == 0
