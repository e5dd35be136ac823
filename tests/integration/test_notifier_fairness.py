"""One slow customer never delays another: whose turn it is, and that a claim is taken by one process only."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest_asyncio

from services.notifier.store import Attempt, Change, Claimed, DeliveryStore, Lane, Limits, NewDelivery
from shared.database import Pool
from shared.schemas.events import DeliveryState
from shared.schemas.ids import new_id
from tests.notifying import NOW, job_completed, notifier_pool, running_notifier, tenant
from tests.receivers import receiver, silence

LIMITS = Limits(total=20, per_tenant=10, per_lane=4)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


@pytest_asyncio.fixture
async def store(pool: Pool) -> DeliveryStore:
    """The deliveries in it."""
    return DeliveryStore(pool)


async def add(store: DeliveryStore, number: int, host: str, *, count: int = 1, wait: float = 0) -> None:
    """Deliveries of the `number`-th tenant to a host."""
    for _ in range(count):
        delivery = NewDelivery(
            id=new_id(),
            event_id=new_id(),
            tenant_id=tenant(number),
            job_id=new_id(),
            run=1,
            traceparent=None,
            url=f"https://{host}/",
            host=host,
            body=b"{}",
        )
        assert await store.add(delivery, wait=wait)


async def claim(store: DeliveryStore, running: Counter[Lane] | None = None, limits: Limits = LIMITS) -> list[Claimed]:
    """One claim with a lease of a minute."""
    return await store.claim(running or Counter(), limits=limits, lease_seconds=60)


def lanes(claims: list[Claimed]) -> Counter[tuple[int, str]]:
    """How many for whom."""
    return Counter((claimed.tenant_id.int, claimed.host) for claimed in claims)


async def test_a_backlog_does_not_hold_up_who_comes_later(store: DeliveryStore) -> None:
    """A tenant's receiver with hundreds waiting gets its few slots; everybody else's single delivery is claimed beside it."""
    await add(store, 1, "backlog.example", count=300)
    for number in range(2, 12):
        await add(store, number, "hooks.example")
    claimed = lanes(await claim(store))
    assert claimed[1, "backlog.example"] == LIMITS.per_lane
    assert all(claimed[number, "hooks.example"] == 1 for number in range(2, 12))


async def test_tenants_take_turns_when_slots_are_few(store: DeliveryStore) -> None:
    """With fewer slots than deliveries, no tenant gets a second one before each has its first."""
    for number in range(1, 6):
        for host in ("a.example", "b.example", "c.example"):
            await add(store, number, host, count=3)
    claims = await claim(store, limits=Limits(total=7, per_tenant=10, per_lane=4))
    by_tenant = Counter(claimed.tenant_id for claimed in claims)
    assert sorted(by_tenant.values()) == [1, 1, 1, 2, 2]


async def test_a_tenant_with_many_dead_hosts_keeps_to_its_share(store: DeliveryStore) -> None:
    """Registering more receivers gives nobody more than a tenant's share."""
    for host in range(30):
        await add(store, 1, f"dead-{host}.example", count=4)
    await add(store, 2, "alive.example")
    claimed = lanes(await claim(store))
    assert sum(count for (number, _), count in claimed.items() if number == 1) == LIMITS.per_tenant
    assert claimed[2, "alive.example"] == 1


async def test_two_tenants_with_the_same_host_do_not_share_its_slots(store: DeliveryStore) -> None:
    """Many customers use the same service; one's backlog there is not another's."""
    await add(store, 1, "hooks.example", count=50)
    await add(store, 2, "hooks.example", count=2)
    claimed = lanes(await claim(store))
    assert (claimed[1, "hooks.example"], claimed[2, "hooks.example"]) == (LIMITS.per_lane, 2)


async def test_what_runs_counts(store: DeliveryStore) -> None:
    """Slots in use are not given again, of the tenant, the lane, and all together; the lane with fewest comes first."""
    await add(store, 1, "a.example", count=20)
    await add(store, 1, "b.example", count=20)
    await add(store, 2, "a.example", count=20)
    running = Counter({Lane(tenant(1), "a.example"): 3, Lane(tenant(1), "elsewhere.example"): 4})
    assert lanes(await claim(store, running)) == {(1, "b.example"): 3, (2, "a.example"): 4}
    running = Counter({Lane(tenant(1), "a.example"): 3, Lane(tenant(2), "a.example"): 4, Lane(tenant(1), "b.example"): 4})
    assert lanes(await claim(store, running, Limits(total=20, per_tenant=20, per_lane=4))) == {(1, "a.example"): 1}
    assert await claim(store, Counter({Lane(tenant(3), "x.example"): LIMITS.total})) == []


async def test_what_is_not_due_is_left(store: DeliveryStore) -> None:
    """Nothing is sent early, and the loop learns when to look again."""
    assert await store.seconds_to_next() is None
    await add(store, 1, "later.example", wait=500)
    assert await claim(store) == []
    seconds = await store.seconds_to_next()
    assert seconds is not None
    assert 0 < seconds <= 500


async def test_processes_never_claim_the_same_delivery(store: DeliveryStore) -> None:
    """Claims at the same moment share out what is due."""
    for number in range(1, 21):
        await add(store, number, "hooks.example", count=5)
    limits = Limits(total=1000, per_tenant=1000, per_lane=1000)
    claims = [
        claimed.id for batch in await asyncio.gather(*(claim(store, limits=limits) for _ in range(6))) for claimed in batch
    ]
    claims += [claimed.id for claimed in await claim(store, limits=limits)]
    assert len(claims) == len(set(claims)) == 100


async def test_a_lease_that_ends_frees_the_delivery(store: DeliveryStore, pool: Pool) -> None:
    """The process died or hung: another takes over, and the first can no longer decide anything, only log what it did."""
    await add(store, 1, "hooks.example")
    (lost,) = await store.claim(Counter(), limits=LIMITS, lease_seconds=0.01)
    await asyncio.sleep(0.05)
    (taken,) = await claim(store)
    assert taken.id == lost.id
    attempt = Attempt(number=1, started_at=NOW, duration_ms=5, status=200, reason=None, response=b"")
    assert not await store.record(lost, attempt, Change(end=DeliveryState.FAILED), event=None)
    assert await pool.fetchval("select state from notifier.deliveries") == "pending"
    again = Attempt(number=1, started_at=NOW.replace(year=2027), duration_ms=5, status=200, reason=None, response=b"")
    assert await store.record(taken, again, Change(end=DeliveryState.DELIVERED), event=None)
    assert await pool.fetchval("select count(*) from notifier.attempts") == 2
    assert await claim(store) == []


async def test_old_deliveries_are_forgotten(store: DeliveryStore, pool: Pool) -> None:
    """Ended ones with their log after their time; what is pending stays however old."""
    await add(store, 1, "hooks.example", count=3)
    claimed, *_ = await claim(store)
    attempt = Attempt(number=1, started_at=NOW, duration_ms=5, status=200, reason=None, response=b"")
    await store.record(claimed, attempt, Change(end=DeliveryState.DELIVERED), event=None)
    assert await store.forget(days=1, limit=10) == 0
    await pool.execute("update notifier.deliveries set finished_at = finished_at - interval '2 days'")
    assert await store.forget(days=1, limit=10) == 1
    assert await pool.fetchval("select count(*) from notifier.deliveries") == 2
    assert await pool.fetchval("select count(*) from notifier.attempts") == 0


async def test_a_receiver_that_hangs_does_not_delay_others(pool: Pool) -> None:
    """While everything to one receiver waits for an answer that never comes, all others' webhooks arrive."""
    environment = {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8", "AUDIO2TXT_WEBHOOK_TIMEOUT_SECONDS": "30"}
    async with receiver(silence()) as hanging, receiver() as healthy, running_notifier(pool, environment, drain=0) as notifier:
        stuck = [job_completed(hanging.url, tenant_id=tenant(1)) for _ in range(100)]
        for event in stuck:
            await notifier.publish(event)
        await hanging.wait_for(4)
        others = [job_completed(healthy.url, tenant_id=tenant(number)) for number in (1, 2, 3)]
        for event in others:
            await notifier.publish(event)
        for event in others:
            assert (await notifier.end_of(event)).status == 204
        assert len(hanging.requests) == 4
