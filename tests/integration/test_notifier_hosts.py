"""A host that cannot be reached is found out once, and not by each of its endpoints."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from services.notifier import hosts as module
from services.notifier.hosts import STRIKES
from shared.database import Pool
from tests.notifying import RunningNotifier, job_completed, notifier_pool, running_notifier, tenant
from tests.receivers import receiver, status

ENVIRONMENT = {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8", "AUDIO2TXT_WEBHOOK_SCHEDULE": ",".join(["0"] + ["3"] * 20)}
OTHERS = 30


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts rest for a second, not for a quarter of a minute."""
    monkeypatch.setattr(module, "FIRST_REST", 1.0)


@pytest.fixture
def closed_port() -> int:
    """Nobody listens there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
    return port


async def find_out(notifier: RunningNotifier, port: int) -> None:
    """As many endpoints as it takes fail, one after the other."""
    for number in range(STRIKES):
        event = job_completed(f"http://127.0.0.1:{port}/first/{number}", tenant_id=tenant(number))
        await notifier.publish(event)
        attempt, *_ = await notifier.after_attempts(event, 1)
        assert attempt.reason == "connection_failed"


def held() -> float:
    """Deliveries that were kept from a host."""
    return REGISTRY.get_sample_value("audio2txt_delivery_held_total") or 0


@pytest.mark.usefixtures("hasty")
async def test_others_on_a_dead_host_wait_and_lose_no_attempt(pool: Pool, closed_port: int) -> None:
    """Endpoints of other tenants on the same host and port are not tried; when it is back, all get theirs."""
    before = held()
    async with running_notifier(pool, ENVIRONMENT) as notifier:
        await find_out(notifier, closed_port)
        others = [
            job_completed(f"http://127.0.0.1:{closed_port}/others/{number}", tenant_id=tenant(number))
            for number in range(OTHERS)
        ]
        for event in others:
            await notifier.publish(event)

        async def all_held() -> bool:
            return held() - before >= OTHERS

        await notifier.until(all_held)
        assert await pool.fetchval("select sum(attempts) from notifier.deliveries where attempts <> 0") < STRIKES + OTHERS / 2
        async with receiver(port=closed_port):
            ends = [await notifier.end_of(event) for event in others]
    assert [end.status for end in ends] == [204] * OTHERS
    assert sum(end.attempts == 1 for end in ends) > OTHERS / 2  # the others found out that it was still dead


@pytest.mark.usefixtures("hasty")
async def test_a_bad_path_holds_up_no_good_one(pool: Pool) -> None:
    """On a shared host that answers, whatever it answers, nobody waits for anybody."""
    before = held()
    async with receiver(*[status(500)] * (STRIKES * 2), status(204)) as shared, running_notifier(pool, ENVIRONMENT) as notifier:
        for number in range(STRIKES * 2):
            event = job_completed(f"http://127.0.0.1:{shared.port}/bad/{number}", tenant_id=tenant(1))
            await notifier.publish(event)
            await notifier.after_attempts(event, 1)
        good = job_completed(f"http://127.0.0.1:{shared.port}/good", tenant_id=tenant(2))
        await notifier.publish(good)
        assert (await notifier.end_of(good)).attempts == 1
    assert held() == before


async def test_another_port_is_another_host(pool: Pool, closed_port: int) -> None:
    """Nothing is concluded from one service about another on the same machine."""
    async with receiver() as alive, running_notifier(pool, ENVIRONMENT) as notifier:
        await find_out(notifier, closed_port)
        event = job_completed(alive.url, tenant_id=tenant(2))
        await notifier.publish(event)
        assert (await notifier.end_of(event)).attempts == 1
