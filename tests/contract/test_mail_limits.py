"""How many e-mails go out, whoever sends them: every notifier counts in the same database."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.notifier.channels.email.limits import MailLimits, Rate, mailbox_of
from services.notifier.store.allowances import AllowanceStore
from services.notifier.store.upkeep import UpkeepStore
from shared.database import Pool, open_pool
from tests.notifying import notifier_pool

CHEN, LIN = "chen@example.com", "lin@example.com"


@pytest_asyncio.fixture
async def pools(database_url: str) -> AsyncIterator[tuple[Pool, Pool]]:
    """What two notifiers have of one database."""
    async with notifier_pool(database_url) as one:
        other = await open_pool(database_url, size=8)
        try:
            yield one, other
        finally:
            await other.close()


def limits(pool: Pool, *, per_minute: int = 1000, per_recipient: int = 20) -> MailLimits:
    """Those of one notifier."""
    return MailLimits(AllowanceStore(pool), per_minute=per_minute, per_recipient_per_hour=per_recipient)


async def pass_time(pool: Pool, seconds: float) -> None:
    """So much later nothing is different but the time."""
    await pool.execute("update notifier.allowances set spent_until = spent_until - make_interval(secs => $1)", seconds)


async def test_two_notifiers_never_exceed_what_one_address_may_get(pools: tuple[Pool, Pool]) -> None:
    """However they race, and however the address is spelt."""
    both = [limits(pool) for pool in pools]
    asked = [both[turn % 2].take(CHEN if turn % 3 else CHEN.upper()) for turn in range(60)]
    waits = await asyncio.gather(*asked)
    assert waits.count(0.0) == 10
    assert all(0 < wait <= 3600 for wait in waits if wait)
    assert await both[0].take(LIN) == 0


async def test_two_notifiers_never_exceed_the_rate_of_all(pools: tuple[Pool, Pool]) -> None:
    """It counts e-mails to anybody."""
    both = [limits(pool, per_minute=12) for pool in pools]
    waits = await asyncio.gather(*(both[turn % 2].take(f"{turn}@example.com") for turn in range(40)))
    assert waits.count(0.0) == 6
    assert all(wait <= 60 for wait in waits)


@pytest.mark.parametrize("most", [1, 2, 3, 20])
async def test_no_hour_has_more_than_the_allowance(pools: tuple[Pool, Pool], most: int) -> None:
    """Not this clock hour, but any: also the one that begins in the middle of a rush. And it is nearly used up by those who
    always want more."""
    both = itertools.cycle(limits(pool, per_recipient=most) for pool in pools)
    chance, now, sent = random.Random(7), 0.0, list[float]()
    for mail, _ in zip(both, range(150), strict=False):
        if await mail.take(CHEN) == 0:
            sent.append(now)
        pause = chance.choice([0.0, 1.0, 100.0, 700.0])
        now += pause
        await pass_time(pools[0], pause)
    # The test itself takes a few seconds, so the hours of the database are that much shorter.
    assert max(sum(moment <= other < moment + 3570 for other in sent) for moment in sent) <= most
    assert len(sent) >= now / 3600 * most * 0.4


async def test_a_wait_is_as_long_as_it_says(pools: tuple[Pool, Pool]) -> None:
    """And takes nothing: whoever has to wait pushes nobody back."""
    one, other = (limits(pool, per_recipient=1) for pool in pools)
    assert await one.take(CHEN) == 0
    waits = [await other.take(CHEN) for _ in range(5)]
    assert waits == pytest.approx([3600] * 5, abs=10)
    await pass_time(pools[0], 3600)
    assert await other.take(CHEN) == 0


async def test_what_was_not_sent_is_given_back(pools: tuple[Pool, Pool]) -> None:
    """A mail server that is away uses up nothing, of no limit."""
    one, other = (limits(pool, per_minute=1, per_recipient=1) for pool in pools)
    for _ in range(5):
        assert await one.take(CHEN, confirmation=True) == 0
        await one.give_back(CHEN, confirmation=True)
    assert await other.take(CHEN) == 0
    assert await one.take(LIN, confirmation=True) > 0
    await pass_time(pools[0], 60)
    assert await one.take(LIN, confirmation=True) == 0


async def test_a_mailbox_is_asked_once_in_three_hours(pools: tuple[Pool, Pool]) -> None:
    """Whoever asks, and whatever stands after the plus that its mail server ignores."""
    one, other = (limits(pool) for pool in pools)
    assert await one.take(CHEN, confirmation=True) == 0
    for spelt in (CHEN, "chen+1@example.com", "CHEN+2@EXAMPLE.COM"):
        assert await other.take(spelt, confirmation=True) == pytest.approx(3 * 3600, abs=10)
    assert await other.take(CHEN) == 0
    await pass_time(pools[0], 3 * 3600)
    assert await other.take("chen+1@example.com", confirmation=True) == 0


def test_mailboxes() -> None:
    """What has nothing before the plus stays as it is."""
    assert [mailbox_of(address) for address in ("chen+a+b@x.org", "+a@x.org", "chen@x.org")] == [
        "chen@x.org",
        "+a@x.org",
        "chen@x.org",
    ]


def test_a_rate_keeps_its_word() -> None:
    """A burst, and what flows in during a stretch that begins with it."""
    for most in range(1, 200):
        rate = Rate(most=most, seconds=60.0)
        flowing = sum(1 for number in range(1, most + 1) if number * rate.gap < rate.seconds - 1e-9)
        assert rate.burst + flowing <= most


async def test_the_table_does_not_grow_with_addresses(pools: tuple[Pool, Pool]) -> None:
    """What is whole again is forgotten; what is not, stays."""
    mail = limits(pools[0])
    await mail.take(LIN)
    await pass_time(pools[0], 3600)
    await mail.take(CHEN)
    await UpkeepStore(pools[1]).tidy(days=30)
    assert await pools[0].fetchval("select count(*) from notifier.allowances where key like 'recipient %'") == 1
