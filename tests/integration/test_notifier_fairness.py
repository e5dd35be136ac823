"""One slow customer never delays another."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from shared.database import Pool
from tests.notifying import job_completed, notifier_pool, running_notifier, tenant
from tests.receivers import receiver, silence

ENVIRONMENT = {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8", "AUDIO2TXT_WEBHOOK_TIMEOUT_SECONDS": "30"}


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


async def test_a_receiver_that_hangs_does_not_delay_others(pool: Pool) -> None:
    """While everything to one receiver waits for an answer that never comes, all others' webhooks arrive, those of the same
    tenant, too. Few of the hundred are sent before it is known."""
    async with receiver(silence()) as hanging, receiver() as healthy, running_notifier(pool, ENVIRONMENT, drain=0) as notifier:
        stuck = [job_completed(hanging.url, tenant_id=tenant(1)) for _ in range(100)]
        for event in stuck:
            await notifier.publish(event)
        await hanging.wait_for(2)
        others = [job_completed(healthy.url, tenant_id=tenant(number)) for number in (1, 2, 3)]
        for event in others:
            await notifier.publish(event)
        for event in others:
            assert (await notifier.end_of(event)).status == 204
        assert len(hanging.requests) == 2
