"""Who may attempt what: parts of endpoints are one process's, a claimed delivery is nobody else's, and results are fenced."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from services.notifier.callbacks import callback
from services.notifier.health import Health
from services.notifier.pacing import Pace, Standing
from services.notifier.partitions import LEASE_SECONDS, Partitions
from services.notifier.store.claims import Claimed, ClaimStore
from services.notifier.store.intake import Arrival, IntakeStore, NewMessage
from services.notifier.store.partitions import PARTS, PartitionStore, part_of
from services.notifier.store.results import Attempt, Result, ResultStore
from services.notifier.store.upkeep import UpkeepStore
from shared.database import Pool
from shared.schemas.endpoints import DeliveryStatus
from shared.schemas.ids import new_id
from shared.sealing import Sealer
from tests.notifying import MASTER, NOW, notifier_pool, tenant

EVERYTHING = range(PARTS)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


class Process:
    """What one process does to the tables."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.partitions = Partitions(PartitionStore(pool))
        self.claims = ClaimStore(pool)
        self.results = ResultStore(pool)

    async def keep(self) -> tuple[int, ...]:
        """Renew now."""
        self.partitions.next_renewal = 0
        await self.partitions.keep(lambda _: False)
        return self.partitions.active

    async def claim(self, wanted: Mapping[UUID, int], *, lease: float = 60, under_way: Sequence[Claimed] = ()) -> list[Claimed]:
        """Take so many of each endpoint."""
        return await self.claims.claim(
            wanted,
            owner=self.partitions.owner,
            parts=self.partitions.active,
            under_way=[claimed.id for claimed in under_way],
            lease_seconds=lease,
            mail_lease_seconds=lease,
        )

    async def record(self, claimed: Claimed, end: DeliveryStatus | None, health: Health | None = None) -> bool:
        """Write what came of an attempt."""
        attempt = Attempt(
            number=claimed.attempts + 1,
            started_at=NOW + dt.timedelta(microseconds=claimed.lease.int % 10**6),
            duration_ms=5,
            status=200,
            reason=None,
            request_headers={"a": "b"},
            request_body=b"{}",
            response_headers={},
            response_body=b"\x00\xff",
        )
        result = Result(
            delivery_id=claimed.id,
            lease=claimed.lease,
            endpoint_id=claimed.endpoint_id,
            attempt=attempt,
            end=end,
            wait=100,
            counts=True,
            deferred=False,
        )
        return claimed.id in await self.results.write([result], {claimed.endpoint_id: health or Health()})


@pytest_asyncio.fixture
async def process(pool: Pool) -> Process:
    """The only process."""
    process = Process(pool)
    await process.keep()
    return process


async def add(pool: Pool, name: str, *, count: int = 1, number: int = 1) -> UUID:
    """Deliveries to a callback of the `number`-th tenant; returns its endpoint."""
    store, url = IntakeStore(pool), f"https://{name}.example/"
    implicit = callback(Sealer(MASTER.encode(), purpose="endpoint"), tenant(number), url)
    for _ in range(count):
        message = NewMessage(
            id=new_id(),
            tenant_id=tenant(number),
            type="job.completed",
            job_id=new_id(),
            run=1,
            ends_run=True,
            transcript_key=None,
            traceparent=None,
            occurred_at=NOW,
        )
        assert await store.take([Arrival(message=message, encode=lambda *_: b"{}", callback=implicit)]) == [1]
    return implicit.endpoint_id


def of_endpoints(claims: list[Claimed]) -> Counter[UUID]:
    """How many for whom."""
    return Counter(claimed.endpoint_id for claimed in claims)


async def test_a_backlog_holds_up_nobody(pool: Pool, process: Process) -> None:
    """What is due is found by endpoint, however much of one waits; each gives as many as it is asked for."""
    backlog = await add(pool, "backlog", count=50)
    others = [await add(pool, f"other-{number}", number=number) for number in range(2, 12)]
    found = {due.endpoint_id: due.count for due in await process.claims.due(EVERYTHING, within=0)}
    assert found == {backlog: 32, **dict.fromkeys(others, 1)}
    claims = await process.claim({backlog: 2, **dict.fromkeys(others, 2)})
    assert of_endpoints(claims) == {backlog: 2, **dict.fromkeys(others, 1)}


async def test_processes_never_claim_the_same_delivery(pool: Pool, process: Process) -> None:
    """Claims at the same moment share out what is due."""
    endpoint = await add(pool, "hooks", count=60)
    batches = await asyncio.gather(*(process.claim({endpoint: 20}) for _ in range(6)))
    claims = [claimed.id for batch in batches for claimed in batch]
    claims += [claimed.id for claimed in await process.claim({endpoint: 100})]
    assert len(claims) == len(set(claims)) == 60


async def test_a_lease_that_ends_frees_the_delivery(pool: Pool, process: Process) -> None:
    """The process died or hung: another claim takes over; the first can no longer decide anything, only log what it did."""
    endpoint = await add(pool, "hooks")
    (lost,) = await process.claim({endpoint: 1}, lease=0.01)
    await asyncio.sleep(0.05)
    (taken,) = await process.claim({endpoint: 1})
    assert taken.id == lost.id
    assert taken.lease != lost.lease
    assert not await process.record(lost, DeliveryStatus.FAILED)
    assert await pool.fetchval("select state from notifier.deliveries") == "pending"
    assert await pool.fetchval("select bool_and(orphan) from notifier.attempts")
    assert await process.record(taken, DeliveryStatus.DELIVERED)
    assert await process.claim({endpoint: 1}) == []


async def test_writing_a_result_twice_is_writing_it_once(pool: Pool, process: Process) -> None:
    """As after a commit whose confirmation was lost."""
    endpoint = await add(pool, "hooks")
    (claimed,) = await process.claim({endpoint: 1})
    assert await process.record(claimed, DeliveryStatus.DELIVERED)
    assert not await process.record(claimed, DeliveryStatus.DELIVERED)
    rows = await pool.fetch("select attempts, state, (select count(*) from notifier.attempts) from notifier.deliveries")
    assert [tuple(row) for row in rows] == [(1, "delivered", 1)]


async def test_what_is_not_due_is_left(pool: Pool, process: Process) -> None:
    """Nothing is sent early, and the loop learns when to look again."""
    endpoint = await add(pool, "later")
    (claimed,) = await process.claim({endpoint: 1})
    assert await process.record(claimed, None)
    assert await process.claim({endpoint: 1}) == []
    assert await process.claims.due(EVERYTHING, within=50) == []
    (due,) = await process.claims.due(EVERYTHING, within=101)
    assert 90 < due.seconds <= 100
    assert due.count == 0


async def test_giving_back_is_as_if_it_had_not_been_taken(pool: Pool, process: Process) -> None:
    """No attempt is counted, and it is due at once."""
    endpoint = await add(pool, "hooks")
    await process.claims.give_back(await process.claim({endpoint: 1}))
    (again,) = await process.claim({endpoint: 1})
    assert again.attempts == again.tries == 0


async def test_health_survives(pool: Pool, process: Process) -> None:
    """What was learnt of an endpoint is there for the next owner, unless somebody has changed it meanwhile."""
    endpoint = await add(pool, "hooks", count=2)
    claimed, other = await process.claim({endpoint: 2})
    (before,) = await process.claims.due(EVERYTHING, within=0)
    now = asyncio.get_running_loop().time()
    pace = Pace(standing=Standing.SUSPECT, window=4, ema=1.5, strikes=2, opened=1, open_until=now + 500, recovering=True)
    health = Health(pace=pace, revision=before.health.revision, failures=7, failing_since=now - 1000, last_failure="http_500")
    assert await process.record(claimed, None, health)
    (after,) = await process.claims.due(EVERYTHING, within=1000)
    assert msgspec.structs.replace(after.health.pace, open_until=0) == msgspec.structs.replace(pace, open_until=0)
    assert after.health.pace.open_until == pytest.approx(pace.open_until, abs=2)
    assert (after.health.failures, after.health.last_failure) == (7, "http_500")
    assert after.health.failing_since == pytest.approx(now - 1000, abs=2)
    assert 490 < after.seconds <= 500
    await pool.execute("update notifier.health set revision = revision + 1, failures = 0")
    assert await process.record(other, None, health)
    assert await pool.fetchval("select failures from notifier.health") == 0


async def test_parts_are_shared_out(pool: Pool) -> None:
    """One process has all; a second gets half when the first has let go; when one is gone, the other has all again."""
    first, second = Process(pool), Process(pool)
    assert await first.keep() == tuple(EVERYTHING)
    assert await second.keep() == ()
    assert len(await first.keep()) == PARTS // 2
    held = {*await first.keep()}, {*await second.keep()}
    assert [len(parts) for parts in held] == [PARTS // 2] * 2
    assert held[0] | held[1] == set(EVERYTHING)
    await second.partitions.leave()
    assert await first.keep() == tuple(EVERYTHING)


async def test_a_part_is_not_given_away_in_the_middle_of_an_attempt(pool: Pool) -> None:
    """Its endpoints' limits are exact because one process owns them."""
    first, second = Process(pool), Process(pool)
    await first.keep()
    await second.keep()
    first.partitions.next_renewal = 0
    await first.partitions.keep(lambda part: part == PARTS - 1)
    assert len(first.partitions.active) == PARTS // 2
    assert PARTS - 1 not in {*await second.keep()}
    await first.keep()
    assert PARTS - 1 in {*await second.keep()}


def time_passes(process: Process, seconds: float) -> None:
    """For what a process has seen of the others."""
    watched = process.partitions._pulses
    watched.update({id_: (pulse, since - seconds) for id_, (pulse, since) in watched.items()})


async def test_a_dead_owner_is_followed_and_can_claim_no_more(pool: Pool, process: Process) -> None:
    """When nothing was seen of it for a lease's time another takes its parts; should it live after all, it gets nothing."""
    endpoint = await add(pool, "hooks")
    assert part_of(endpoint) in process.partitions.active
    heir = Process(pool)
    assert await heir.keep() == ()
    time_passes(heir, LEASE_SECONDS - 1)
    assert await heir.keep() == ()
    time_passes(heir, 1)
    assert await heir.keep() == tuple(EVERYTHING)
    assert await process.claim({endpoint: 1}) == []
    assert len(await heir.claim({endpoint: 1})) == 1


async def test_who_shows_a_pulse_is_not_followed(pool: Pool, process: Process) -> None:
    """Neither when the other could not look for long, nor when the database's clock says that its lease has ended."""
    other = Process(pool)
    await other.keep()
    await process.keep()
    time_passes(other, 10 * LEASE_SECONDS)
    assert await other.keep() == tuple(range(PARTS // 2, PARTS))
    await pool.execute("update notifier.partitions set held_until = now() - interval '3 hours'")
    await pool.execute("update notifier.senders set alive_until = now() - interval '3 hours'")
    assert await other.keep() == tuple(range(PARTS // 2, PARTS))
    assert await process.keep() == tuple(range(PARTS // 2))


async def test_after_an_outage_nobody_is_taken_for_dead(pool: Pool, process: Process) -> None:
    """The database was away from all: whoever asks first sees old pulses, and waits for new ones."""
    other = Process(pool)
    await other.keep()
    await process.keep()
    assert len(await other.keep()) == PARTS // 2
    time_passes(other, LEASE_SECONDS)
    other.partitions._until -= LEASE_SECONDS
    assert len(await other.keep()) == PARTS // 2


async def test_what_is_under_way_is_not_claimed_again(pool: Pool, process: Process) -> None:
    """Not even by its own process, which a clock that jumps could make believe that the lease has ended."""
    endpoint = await add(pool, "hooks", count=2)
    (first,) = await process.claim({endpoint: 1}, lease=0)
    (second,) = await process.claim({endpoint: 2}, lease=0, under_way=[first])
    assert second.id != first.id
    assert await process.claim({endpoint: 2}, under_way=[first, second]) == []
    assert await process.record(first, DeliveryStatus.DELIVERED)


async def test_a_process_that_was_stopped_knows_that_its_lease_has_ended(
    pool: Pool, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own monotonic clock, without asking anybody."""
    assert process.partitions.active
    monkeypatch.setattr(process.partitions, "_until", process.partitions._until - LEASE_SECONDS)
    assert process.partitions.active == ()


async def test_old_messages_are_forgotten(pool: Pool, process: Process) -> None:
    """Ended ones with their log after their time; what is pending stays however old; so does nothing that is left over."""
    endpoint, upkeep = await add(pool, "hooks", count=3), UpkeepStore(pool)
    claimed, *others = await process.claim({endpoint: 3})
    await process.record(claimed, DeliveryStatus.DELIVERED)
    assert await upkeep.forget(days=1, limit=10) == 0
    await pool.execute("update notifier.deliveries set finished_at = finished_at - interval '2 days'")
    await pool.execute("update notifier.messages set created_at = created_at - interval '2 days'")
    tenant_id = await pool.fetchval("select tenant_id from notifier.deliveries limit 1")
    assert await upkeep.forget(days=1, wishes={tenant_id: None}, limit=10) == 0
    assert await upkeep.forget(days=3000, wishes={tenant_id: 1}, limit=10) == 1
    assert await upkeep.forget(days=1, limit=10) == 1
    assert await pool.fetchval("select count(*) from notifier.deliveries") == 2
    assert await pool.fetchval("select count(*) from notifier.messages") == 2
    assert await pool.fetchval("select count(*) from notifier.attempts") == 0
    for other in others:
        await process.record(other, DeliveryStatus.FAILED)
    await pool.execute("update notifier.deliveries set finished_at = finished_at - interval '2 days'")
    await pool.execute("update notifier.jobs set touched_at = touched_at - interval '2 days'")
    await pool.execute("update notifier.endpoints set created_at = created_at - interval '2 days'")
    await upkeep.forget(days=1, limit=10)
    await upkeep.forget(days=1, limit=10)
    await upkeep.tidy(days=1)
    await upkeep.tidy(days=1)
    for table in ("deliveries", "messages", "bodies", "attempts", "jobs", "endpoints", "health"):
        assert await pool.fetchval(f"select count(*) from notifier.{table}") == 0, table
    assert (await upkeep.backlog()).waiting == ()


async def test_the_backlog_tells_what_waits_and_why(pool: Pool, process: Process) -> None:
    """By lane: what could be sent, since it could; what is under way is not waiting; what a breaker holds stands apart."""
    upkeep = UpkeepStore(pool)
    fast, held, busy = [await add(pool, name, count=count) for name, count in (("fast", 3), ("held", 2), ("busy", 1))]
    assert len(await process.claim({busy: 1})) == 1
    await pool.execute("update notifier.deliveries set due_at = due_at - interval '1 hour' where lease is null")
    await pool.execute(
        "update notifier.health set standing = 'trusted', not_before = now() - interval '1 minute', last_success_at = now() "
        "where endpoint_id = $1",
        fast,
    )
    await pool.execute(
        "update notifier.health set standing = 'suspect', open_until = now() + interval '1 minute' where endpoint_id = $1", held
    )
    backlog = await upkeep.backlog()
    assert backlog.breakers_open == 0  # it only waits for its host
    await pool.execute("update notifier.health set opened = 1 where open_until > now()")
    waiting = {(each.standing, each.held): each for each in backlog.waiting}
    assert {key: each.deliveries for key, each in waiting.items()} == {
        (Standing.TRUSTED, False): 3,
        (Standing.SUSPECT, True): 2,
    }
    assert waiting[Standing.TRUSTED, False].oldest == pytest.approx(60, abs=30)
    assert waiting[Standing.SUSPECT, True].oldest == pytest.approx(3600, abs=30)
    backlog = await upkeep.backlog()
    assert (backlog.breakers_open, backlog.active, backlog.disabled) == (1, 1, 0)
