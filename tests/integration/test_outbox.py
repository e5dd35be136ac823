"""The outbox on a real PostgreSQL: what it promises when readers, the bus, the database and the process itself fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from typing_extensions import override

from shared.bus import Bus, BusUnavailable, Envelope, Subscription, subscription
from shared.bus.memory import MemoryBus
from shared.database import Pool, open_pool, transaction
from shared.errors import NotNow, PermanentError, RetryableError
from shared.outbox import Outbox
from shared.outbox import relay as relaying
from shared.outbox.relay import MOST_ATTEMPTS, PER_EVENT
from shared.schemas.events import JobCancelled, JobErased
from tests.messaging import Reader, cancelled, erased
from tests.outboxes import cancel_task, ids, until_empty, until_row, write

StartRelay = Callable[..., Awaitable[None]]


@pytest.fixture
async def start_relay(outbox: Outbox) -> AsyncIterator[StartRelay]:
    """Starts a process: a memory bus with the given subscriptions, fed by a relay of the outbox."""
    async with AsyncExitStack() as stack:

        async def start(*subscriptions: Subscription, of: Outbox = outbox, bus: Bus | None = None) -> None:
            bus = bus or MemoryBus()
            await bus.start(subscriptions)
            stack.push_async_callback(cancel_task, asyncio.create_task(of.relay(bus)))

        yield start


@pytest.fixture
async def another(pool: Pool, database_url: str, outbox: Outbox) -> AsyncIterator[Outbox]:
    """The same outbox, seen from a second process."""
    second = await open_pool(database_url, size=8)
    yield Outbox(pool=second, schema="playground")
    await second.close()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between attempts."""
    monkeypatch.setattr(relaying, "backoff", lambda attempt, longest=0.0: 0.001)


async def test_a_reader_without_room_is_asked_again_for_ever(
    pool: Pool, outbox: Outbox, start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no failure: whatever waits behind the event goes first, and it never becomes a dead letter."""
    monkeypatch.setattr(relaying, "NOT_NOW_DELAY", 0.001)
    refused, handled, first, second = 0, Reader(), cancelled(), cancelled()

    async def handle(event: JobCancelled) -> None:
        nonlocal refused
        if event == first and (refused <= MOST_ATTEMPTS or second not in handled.events):
            refused += 1
            raise NotNow("no room")
        await handled(event)

    await start_relay(subscription("transcriber", JobCancelled, handle))
    await write(pool, outbox, first)
    await write(pool, outbox, second)
    assert await handled.received(2) == [second, first]
    await until_empty(pool)
    assert await outbox.dead_letters(10) == []


async def test_an_event_arrives_when_its_transaction_commits(pool: Pool, outbox: Outbox, start_relay: StartRelay) -> None:
    """Committed events reach their reader and leave the outbox; those of a rolled-back transaction never existed."""
    reader, event = Reader(), cancelled()
    await start_relay(subscription("transcriber", JobCancelled, reader))
    async with pool.acquire() as connection:
        undone = connection.transaction()
        await undone.start()
        await outbox.append(connection, cancelled())
        await undone.rollback()
    await write(pool, outbox, event)
    assert await reader.received(1) == [event]
    await until_empty(pool)


async def test_an_event_appended_twice_is_one_event(pool: Pool, outbox: Outbox, start_relay: StartRelay) -> None:
    """The event's id is the row's key, so a repeated transaction adds nothing."""
    reader, event, last = Reader(), cancelled(), cancelled()
    await write(pool, outbox, event, event)
    await write(pool, outbox, event)
    assert await pool.fetchval("select count(*) from playground.outbox") == 1
    await start_relay(subscription("transcriber", JobCancelled, reader))
    await write(pool, outbox, last)
    assert len(await reader.received(2)) == 2
    await until_empty(pool)
    assert len(reader.events) == 2


async def test_a_delayed_event_waits_for_its_time(pool: Pool, outbox: Outbox, start_relay: StartRelay) -> None:
    """`deliver_at` in the future keeps a row back and out of the lag, until its time has come."""
    reader, now, later = Reader(), cancelled(), cancelled()
    await start_relay(subscription("transcriber", JobCancelled, reader))
    async with transaction(pool) as connection:
        await outbox.append(connection, later)
        await connection.execute("update playground.outbox set deliver_at = now() + interval '1 hour'")
    assert await outbox.lag_seconds() == 0
    await write(pool, outbox, now)
    assert await reader.received(1) == [now]
    await pool.execute("update playground.outbox set deliver_at = now()")
    assert await reader.received(2) == [now, later]


async def test_two_relays_never_have_the_same_row(pool: Pool, outbox: Outbox, another: Outbox, start_relay: StartRelay) -> None:
    """Two processes share the rows of one outbox: each event is handled, and handled once."""
    reader = Reader()
    events = [cancelled() for _ in range(200)]
    await write(pool, outbox, *events)
    for process in (outbox, another):
        await start_relay(subscription("transcriber", JobCancelled, reader), of=process)
    await reader.received(200)
    await until_empty(pool)
    assert ids(reader) == sorted(event.event_id for event in events)


async def test_a_row_at_work_stays_claimed(
    pool: Pool, outbox: Outbox, another: Outbox, start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler may take longer than a claim: the relay renews it, and the other relay leaves the row alone."""
    monkeypatch.setattr(relaying, "CLAIM_SECONDS", 2)
    release, taken = asyncio.Event(), Reader()

    async def work(event: JobCancelled) -> None:
        await taken(event)
        await release.wait()

    await write(pool, outbox, cancelled())
    for process in (outbox, another):
        await start_relay(subscription("transcriber", JobCancelled, work), of=process)
    await taken.received(1)
    first = await pool.fetchval("select held_until from playground.outbox")
    await until_row(pool, f"select id from playground.outbox where held_until > timestamptz '{first}' + interval '2 s'")
    release.set()
    await until_empty(pool)
    assert len(taken.events) == 1


async def test_a_cancelled_relay_frees_its_rows(pool: Pool, outbox: Outbox, another: Outbox, start_relay: StartRelay) -> None:
    """After an orderly stop the next process need not wait for the claims to run out."""
    taken, reader, event = Reader(), Reader(), cancelled()

    async def hang(event: JobCancelled) -> None:
        await taken(event)
        await asyncio.Event().wait()

    await write(pool, outbox, event)
    bus = MemoryBus()
    await bus.start([subscription("transcriber", JobCancelled, hang)])
    relay = asyncio.create_task(outbox.relay(bus))
    await taken.received(1)
    await cancel_task(relay)
    await start_relay(subscription("transcriber", JobCancelled, reader), of=another)
    assert await reader.received(1) == [event]


async def test_a_failing_event_backs_off_and_the_others_go_on(pool: Pool, outbox: Outbox, start_relay: StartRelay) -> None:
    """A row whose reader raises waits for its next attempt with the reason on it, and counts as lag."""
    failed, reader = Reader(), Reader()

    async def fail(event: JobCancelled) -> None:
        await failed(event)
        raise RuntimeError("a defect")

    await start_relay(subscription("transcriber", JobCancelled, fail), subscription("notifier", JobErased, reader))
    await write(pool, outbox, cancelled())
    await failed.received(2)
    await write(pool, outbox, erased())
    await reader.received(1)
    row = await until_row(pool, "select * from playground.outbox where attempts >= 2 and held_until > now()")
    assert "a defect" in row["last_error"]
    assert await outbox.lag_seconds() > 0


@pytest.mark.usefixtures("at_once")
async def test_an_event_that_always_fails_becomes_a_dead_letter(pool: Pool, outbox: Outbox, start_relay: StartRelay) -> None:
    """After so many failures the event leaves the outbox and is kept with the last reason."""
    attempts, event = Reader(), cancelled()

    async def fail(event: JobCancelled) -> None:
        await attempts(event)
        raise RuntimeError("a defect")

    await start_relay(subscription("transcriber", JobCancelled, fail))
    await write(pool, outbox, event)
    await until_row(pool, "select id from playground.dead_letters")
    await until_empty(pool)
    [letter] = await outbox.dead_letters(10)
    assert (letter.message_id, letter.routing_key, letter.attempts) == (event.event_id, "job.cancelled", MOST_ATTEMPTS)
    assert letter.payload == Envelope.of(event).payload
    assert "a defect" in letter.error
    assert letter.replayed_at is None
    assert len(attempts.events) == MOST_ATTEMPTS


@pytest.mark.usefixtures("at_once")
async def test_an_outage_never_makes_a_dead_letter(pool: Pool, outbox: Outbox, start_relay: StartRelay) -> None:
    """A reader that says "away" more often than a defect may fail gets its event in the end."""
    attempts = Reader()

    async def handle(event: JobCancelled) -> None:
        await attempts(event)
        if len(attempts.events) < 2 * MOST_ATTEMPTS:
            raise RetryableError("the store is away")

    await start_relay(subscription("transcriber", JobCancelled, handle))
    await write(pool, outbox, cancelled())
    await attempts.received(2 * MOST_ATTEMPTS)
    await until_empty(pool)
    assert await outbox.dead_letters(10) == []


async def test_a_refused_event_is_a_dead_letter_at_once_and_can_be_replayed(
    pool: Pool, outbox: Outbox, start_relay: StartRelay
) -> None:
    """`PermanentError` ends the attempts; replayed, one by its number or all, the event goes through the outbox again."""
    refusing, reader = True, Reader()

    async def handle(event: JobCancelled) -> None:
        if refusing:
            raise PermanentError("No such tenant.")
        await reader(event)

    await start_relay(subscription("transcriber", JobCancelled, handle))
    await write(pool, outbox, cancelled(), cancelled(), cancelled())
    await until_row(pool, "select 1 from playground.dead_letters having count(*) = 3")
    await until_empty(pool)
    refusing = False
    newest, *_ = letters = await outbox.dead_letters(10)
    assert [letter.attempts for letter in letters] == [1, 1, 1]
    assert "No such tenant." in newest.error
    assert await outbox.replay([newest.id]) == 1
    await reader.received(1)
    assert ids(reader) == [newest.message_id]
    assert await outbox.replay(None) == 2
    await reader.received(3)
    assert await outbox.replay(None) == 0
    assert all(letter.replayed_at for letter in await outbox.dead_letters(10))


async def test_an_event_waits_for_a_reader_that_has_not_started(pool: Pool, outbox: Outbox, start_relay: StartRelay) -> None:
    """Services start in any order: what nobody reads yet is delivered soon after its reader is there."""
    reader, event, bus = Reader(), cancelled(), MemoryBus()
    await start_relay(bus=bus)
    await write(pool, outbox, event)
    await until_row(pool, "select id from playground.outbox where attempts = 1")
    await bus.start([subscription("transcriber", JobCancelled, reader)])
    assert await reader.received(1) == [event]


async def test_a_slow_event_type_holds_no_other_up(pool: Pool, outbox: Outbox, start_relay: StartRelay) -> None:
    """With a long queue of events whose reader is stuck, an event of another type written last still arrives."""
    release, begun, reader = asyncio.Event(), Reader(), Reader()

    async def wait(event: JobCancelled) -> None:
        await begun(event)
        await release.wait()

    await start_relay(
        subscription("transcriber", JobCancelled, wait, concurrency=1000), subscription("notifier", JobErased, reader)
    )
    await write(pool, outbox, *(cancelled() for _ in range(5 * PER_EVENT)))
    await begun.received(PER_EVENT)
    await write(pool, outbox, erased())
    await reader.received(1)
    assert len(begun.events) == PER_EVENT
    release.set()
    await begun.received(5 * PER_EVENT)


class Unplugged(MemoryBus):
    """A bus that cannot be reached until it is plugged in."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = asyncio.Event()
        self.plugged_in = False

    @override
    async def publish(self, envelope: Envelope) -> None:
        if not self.plugged_in:
            self.tried.set()
            raise BusUnavailable("away")
        await super().publish(envelope)


async def test_an_unreachable_bus_counts_against_no_event(pool: Pool, outbox: Outbox, start_relay: StartRelay) -> None:
    """While the broker is down the rows stay as they were written; when it is back they are delivered."""
    reader, event, bus = Reader(), cancelled(), Unplugged()
    await start_relay(subscription("transcriber", JobCancelled, reader), bus=bus)
    await write(pool, outbox, event)
    await bus.tried.wait()
    assert await pool.fetchval("select attempts from playground.outbox") == 0
    assert await outbox.lag_seconds() > 0
    bus.plugged_in = True
    assert await reader.received(1) == [event]


async def test_an_event_of_a_newer_version_is_left_to_newer_code(pool: Pool, outbox: Outbox, start_relay: StartRelay) -> None:
    """After a rollback the outbox may hold an event type this code does not know: it stays, and harms nobody."""
    reader = Reader()
    await pool.execute(
        "insert into playground.outbox (message_id, routing_key, payload) values (gen_random_uuid(), 'job.painted', '')"
    )
    await start_relay(subscription("transcriber", JobCancelled, reader))
    await write(pool, outbox, cancelled())
    await reader.received(1)
    row = await until_row(pool, "select min(routing_key) as key from playground.outbox having count(*) = 1")
    assert row["key"] == "job.painted"
