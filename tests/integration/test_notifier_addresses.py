"""Addresses whose readers have not said yes, or have said no: what they get from the notifier, and what not."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest_asyncio

from shared.database import Pool
from shared.mail_links import LinkPurpose, subject_of_token
from shared.schemas.endpoints import Endpoint, EndpointKind, Replay, Test, Withheld
from shared.schemas.events import EndpointChanged
from shared.schemas.ids import new_id
from tests.integration.test_notifier_people import CHEN, completed_for, endpoint, settings
from tests.mailing import mail_server, settled
from tests.notifying import MASTER, NOW, RunningNotifier, endpoint_changed, job_completed, notifier_pool, running_notifier, wish
from tests.receivers import receiver, status

SUBJECT = "請確認您的電子郵件地址"


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


def unconfirmed(asked_at: dt.datetime | None = NOW) -> EndpointChanged:
    """An endpoint whose address is to be asked."""
    setup = endpoint(EndpointKind.EMAIL, CHEN)
    return change(setup, version=1, address_id=new_id(), withheld=Withheld.UNCONFIRMED, asked_at=asked_at)


def change(event: EndpointChanged, *, version: int | None = None, **changes: Any) -> EndpointChanged:
    """Its next version."""
    assert isinstance(event.endpoint, Endpoint)
    return msgspec.structs.replace(
        event,
        event_id=new_id(),
        version=event.version + 1 if version is None else version,
        endpoint=msgspec.structs.replace(event.endpoint, **changes),
    )


async def of_types(notifier: RunningNotifier, setup: EndpointChanged) -> list[tuple[str, str]]:
    """Type and status of the deliveries to an endpoint, the oldest first."""
    rows = await notifier.pool.fetch(
        "select type, status from notifier.delivery_log where endpoint_id = $1 order by created_at, id", setup.endpoint_id
    )
    return [(row["type"], row["status"]) for row in rows]


async def until_delivered(notifier: RunningNotifier, setup: EndpointChanged, count: int) -> None:
    """Wait until so many deliveries have arrived."""

    async def arrived() -> bool:
        return [state for _, state in await of_types(notifier, setup)].count("delivered") == count

    await notifier.until(arrived)


async def test_the_question_is_all_that_is_sent(pool: Pool) -> None:
    """Once, however often the news of it comes; its link is the address's. After the yes comes what happens then, and on
    request what was missed."""
    setup = unconfirmed()
    assert setup.endpoint is not None
    missed, later = completed_for(setup), completed_for(setup)
    async with mail_server() as server, running_notifier(pool, settings(server)) as notifier:
        for event in (setup, setup, change(setup, events=("job.completed",)), missed):
            await notifier.publish(event)
        for wanted in (Test(), Replay(since=NOW, missing=True)):
            await notifier.publish(wish(setup, wanted))
        await until_delivered(notifier, setup, 1)
        assert await of_types(notifier, setup) == [("endpoint.confirmation", "delivered")]
        (mail,) = server.mails
        assert (mail["To"], mail["Subject"]) == ("chen@example.com", SUBJECT)
        part = mail.get_body(("plain",))
        assert part is not None
        (token,) = re.findall(r"/c/([\w-]{43})\b", part.get_content())
        assert subject_of_token(MASTER.encode(), LinkPurpose.CONFIRM, token) == setup.endpoint.address_id

        await notifier.publish(change(setup, version=3, withheld=None))
        await notifier.publish(later)
        await until_delivered(notifier, setup, 2)
        await notifier.publish(wish(setup, Replay(since=NOW - dt.timedelta(days=1), missing=True)))
        await until_delivered(notifier, setup, 3)
    assert [mail["Subject"] for mail in server.mails] == [SUBJECT, "已完成：週會", "已完成：週會"]


async def test_news_in_any_order_asks_once(pool: Pool) -> None:
    """A change of something else may overtake the news that somebody is to be asked."""
    setup = unconfirmed()
    async with mail_server() as server, running_notifier(pool, settings(server)) as notifier:
        await notifier.publish(change(setup, events=("*",)))
        await notifier.publish(setup)
        await until_delivered(notifier, setup, 1)
        assert await of_types(notifier, setup) == [("endpoint.confirmation", "delivered")]
    assert len(server.letters) == 1


async def test_nobody_is_asked_again_within_hours(pool: Pool) -> None:
    """By whichever tenant: what is asked meanwhile waits, of one tenant's questions only the newest, and none once there is an
    answer."""
    first = unconfirmed()
    again = change(first, asked_at=NOW + dt.timedelta(minutes=1))
    beside = msgspec.structs.replace(unconfirmed(NOW + dt.timedelta(minutes=2)), tenant_id=first.tenant_id)
    assert first.endpoint is not None
    beside = change(beside, version=1, address_id=first.endpoint.address_id)
    stranger = unconfirmed()
    async with mail_server() as server, running_notifier(pool, settings(server)) as notifier:
        await notifier.publish(first)
        await until_delivered(notifier, first, 1)
        await notifier.publish(again)

        async def put_off() -> bool:
            reasons = await pool.fetch("select reason from notifier.attempts where reason is not null")
            return [row["reason"] for row in reasons] == ["mail_rate_limited"]

        await notifier.until(put_off)
        for event in (beside, stranger):
            await notifier.publish(event)

        async def only_the_newest_waits() -> bool:
            waiting = [await of_types(notifier, each) for each in (first, beside, stranger)]
            states = [[state for _, state in each] for each in waiting]
            attempts = await pool.fetchval("select count(*) from notifier.attempts where reason = 'mail_rate_limited'")
            return states == [["delivered", "cancelled"], ["pending"], ["pending"]] and attempts == 3

        await notifier.until(only_the_newest_waits)
        soonest = await pool.fetchval("select min(due_at) - now() from notifier.deliveries where state = 'pending'")
        assert soonest > dt.timedelta(hours=2)
        await notifier.publish(change(beside, withheld=None, asked_at=None))
        assert await of_types(notifier, beside) == [("endpoint.confirmation", "cancelled")]
    assert len(server.letters) == 1


async def test_a_no_ends_what_waits(pool: Pool) -> None:
    """Nothing is sent to a suppressed address, nor made for it, warnings included; others of the tenant get theirs."""
    setup, other = change(endpoint(EndpointKind.EMAIL, CHEN), version=1), endpoint(EndpointKind.EMAIL, CHEN, "en")
    other = msgspec.structs.replace(other, tenant_id=setup.tenant_id)
    waiting, later = completed_for(setup), completed_for(setup)
    async with (
        mail_server() as server,
        receiver(status(410)) as gone,
        running_notifier(pool, settings(server)) as notifier,
    ):
        await notifier.publish(change(setup, paused=True))
        await notifier.publish(waiting)
        assert await of_types(notifier, setup) == [("job.completed", "pending")]
        await notifier.publish(change(setup, version=3, withheld=Withheld.SUPPRESSED))
        assert await of_types(notifier, setup) == [("job.completed", "cancelled")]
        await notifier.publish(other)
        await notifier.publish(endpoint_changed(setup.tenant_id, gone.url))
        await notifier.publish(later)
        await until_delivered(notifier, other, 2)
        assert await of_types(notifier, setup) == [("job.completed", "cancelled")]
    assert {mail["Content-Language"] for mail in server.mails} == {"en"}


async def test_what_was_under_way_goes_to_nobody_else(pool: Pool) -> None:
    """An e-mail that is put off while its endpoint gets another address does not go there before its reader says yes."""
    setup = change(endpoint(EndpointKind.EMAIL, CHEN), version=1)
    event = job_completed(None, tenant_id=setup.tenant_id)
    async with (
        mail_server(replies={"DATA": ["451 4.3.0 later"]}) as server,
        running_notifier(pool, settings(server)) as notifier,
    ):
        await notifier.publish(setup)
        await notifier.publish(event)
        await notifier.after_attempts(event, 1)
        await pool.execute("update notifier.deliveries set lease = gen_random_uuid(), due_at = now() + interval '1 hour'")
        await notifier.publish(change(setup, address_id=new_id(), withheld=Withheld.UNCONFIRMED))
        assert await of_types(notifier, setup) == [("job.completed", "pending")]
        await pool.execute("update notifier.deliveries set lease = null, due_at = now()")
        await pool.execute("update notifier.health set due_at = notifier.next_due(endpoint_id)")
        (_, attempt) = await notifier.after_attempts(event, 2)
        assert attempt.reason == "address_unconfirmed"
        assert await of_types(notifier, setup) == [("job.completed", "failed")]
        assert (await notifier.health(setup)).failures == 1
    await settled(lambda: server.open == 0)
    assert server.letters == []
    assert server.commands.count("DATA") == 1
