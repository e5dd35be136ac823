"""Taking in many events at once, while endpoints change and messages are asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from services.notifier.store.endpoints import EndpointStore
from services.notifier.store.intake import Arrival, IntakeStore, NewMessage
from services.notifier.store.wishes import EndpointUnknown, WishStore
from shared.database import Pool, transaction
from shared.schemas.endpoints import Replay, Test
from shared.schemas.ids import new_id
from tests.notifying import NOW, endpoint_changed, notifier_pool, tenant, wish

US = tenant(7)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


def arrival() -> Arrival:
    """A job has been completed."""
    message = NewMessage(
        id=new_id(),
        tenant_id=US,
        type="job.completed",
        job_id=new_id(),
        run=1,
        ends_run=True,
        transcript_key=None,
        traceparent=None,
        occurred_at=NOW,
    )
    return Arrival(message=message, encode=lambda *_: b"{}")


async def until_waiting(pool: Pool, count: int) -> None:
    """Wait until so many transactions wait for a lock."""
    while await pool.fetchval("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") < count:
        await asyncio.sleep(0.01)


async def test_a_replay_misses_nothing_that_is_being_taken_in(pool: Pool) -> None:
    """A message whose transaction did not see the new endpoint yet is found by whoever asks for what the endpoint missed."""
    endpoint = endpoint_changed(US, "https://archive.example/")
    messages, endpoints, wishes = IntakeStore(pool), EndpointStore(pool), WishStore(pool)
    async with transaction(pool) as blocker:
        await blocker.execute("lock notifier.bodies in access exclusive mode")
        taking = asyncio.create_task(messages.take([arrival(), arrival()]))
        await until_waiting(pool, 1)
        await endpoints.change(endpoint)
        replay = Replay(since=NOW, missing=True)
        replaying = asyncio.create_task(wishes.replay(wish(endpoint, replay), replay))
        await until_waiting(pool, 2)
    assert await taking == [0, 0]
    assert await replaying == 2


async def test_repeats_and_news_can_come_together(pool: Pool) -> None:
    """What is known makes nothing, and does not keep what is new from being taken in."""
    await EndpointStore(pool).change(endpoint_changed(US, "https://archive.example/"))
    store, known = IntakeStore(pool), arrival()
    assert await store.take([known]) == [1]
    assert await store.take([known, arrival()]) == [None, 1]
    assert await pool.fetchval("select count(*) from notifier.deliveries") == 2


async def test_a_wish_waits_for_the_endpoint_as_it_was_when_it_was_asked_for(pool: Pool) -> None:
    """News of a rotation and the test after it travel in different queues: the test is signed with the new secret, too."""
    endpoints, wishes = EndpointStore(pool), WishStore(pool)
    endpoint = endpoint_changed(US, "https://archive.example/")
    asked = msgspec.structs.replace(wish(endpoint, Test()), endpoint_version=2)
    await endpoints.change(endpoint)
    with pytest.raises(EndpointUnknown):
        await wishes.test(asked, b"{}")
    await endpoints.change(endpoint_changed(US, "https://archive.example/", endpoint_id=endpoint.endpoint_id, version=2))
    assert await wishes.test(asked, b"{}")
    assert not await wishes.test(asked, b"{}")
