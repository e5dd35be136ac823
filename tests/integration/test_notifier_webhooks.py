"""Webhooks from the event to receivers on real sockets: what they get, what they answer, and what follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio
from standardwebhooks import WebhookVerificationError

from shared.database import Pool
from shared.schemas.events import DeliveryState, JobErased
from shared.schemas.webhooks import WebhookBody
from shared.signing import webhook_secret
from tests.notifying import (
    MASTER,
    RunningNotifier,
    job_completed,
    job_failed,
    notifier_pool,
    running_notifier,
    secret_of,
    tenant,
)
from tests.receivers import Behaviour, drop, endless, raw, receiver, silence, status

ENVIRONMENT = {
    "AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8",
    "AUDIO2TXT_WEBHOOK_SCHEDULE": "0,0.02,0.02",
    "AUDIO2TXT_WEBHOOK_TIMEOUT_SECONDS": "0.5",
}


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


@pytest_asyncio.fixture
async def notifier(pool: Pool) -> AsyncIterator[RunningNotifier]:
    """A notifier that may talk to loopback and does not wait long."""
    async with running_notifier(pool, ENVIRONMENT) as notifier:
        yield notifier


async def test_a_completed_job_is_told(notifier: RunningNotifier) -> None:
    """The receiver gets one signed request with the job, its artifacts and links; the gateway hears that it did."""
    async with receiver() as customer:
        event = job_completed(customer.url)
        await notifier.publish(event)
        end = await notifier.end_of(event)
    (request,) = customer.requests
    request.verify(secret_of(event))
    assert request.target == "/hook?token=abc"
    assert request.headers["webhook-id"] == f"msg_{event.event_id.hex}"
    assert request.headers["content-type"] == "application/json"
    body = msgspec.json.decode(request.body, type=WebhookBody)
    assert (body.type, body.data.id, body.data.state, body.data.title) == ("job.completed", event.job_id, "completed", "週會")
    assert body.data.url == f"https://audio2txt.example/v1/jobs/{event.job_id}"
    assert body.data.artifacts[0].url == f"https://audio2txt.example/v1/jobs/{event.job_id}/artifacts/minutes%201.pdf"
    assert (end.state, end.attempts, end.status, end.reason) == (DeliveryState.DELIVERED, 1, 204, None)
    assert (end.tenant_id, end.run) == (event.tenant_id, event.run)


async def test_a_failed_job_is_told(notifier: RunningNotifier) -> None:
    """The receiver learns why."""
    async with receiver() as customer:
        event = job_failed(customer.url)
        await notifier.publish(event)
        await notifier.end_of(event)
    body = msgspec.json.decode(customer.requests[0].body, type=WebhookBody)
    assert body.type == "job.failed"
    assert body.data.failure == event.failure


async def test_nobody_to_tell(notifier: RunningNotifier) -> None:
    """A job without a callback URL makes no delivery."""
    event = job_completed(None)
    await notifier.publish(event)
    assert await notifier.state(event) is None


async def test_an_event_that_comes_twice_is_told_once(notifier: RunningNotifier) -> None:
    """The bus delivers at least once, at the same time too; the receiver hears of it once."""
    async with receiver() as customer:
        event = job_completed(customer.url)
        await asyncio.gather(*(notifier.publish(event) for _ in range(5)))
        await notifier.end_of(event)
        await notifier.publish(event)
        other = job_completed(customer.url)
        await notifier.publish(other)
        await notifier.end_of(other)
    assert len(customer.requests) == 2


async def test_another_tenants_secret_does_not_fit(notifier: RunningNotifier) -> None:
    """A receiver that checks signatures refuses what is not signed for it."""
    async with receiver() as customer:
        event = job_completed(customer.url)
        await notifier.publish(event)
        await notifier.end_of(event)
    with pytest.raises(WebhookVerificationError):
        customer.requests[0].verify(webhook_secret(MASTER.encode(), tenant(1)))


async def test_a_receiver_that_recovers(notifier: RunningNotifier) -> None:
    """It fails and then takes it: the same id and bytes, a signature for each attempt, and a log of all of them."""
    async with receiver(drop(), status(500, b"database down"), status(200, b"thanks")) as customer:
        event = job_completed(customer.url)
        await notifier.publish(event)
        end = await notifier.end_of(event)
    assert (end.state, end.attempts, end.status) == (DeliveryState.DELIVERED, 3, 200)
    assert len({(request.headers["webhook-id"], request.body) for request in customer.requests}) == 1
    for request in customer.requests:
        request.verify(secret_of(event))
    log = await notifier.attempts(event)
    assert [(attempt.number, attempt.status, attempt.reason, attempt.response_body) for attempt in log] == [
        (1, None, "connection_lost", b""),
        (2, 500, "http_500", b"database down"),
        (3, 200, None, b"thanks"),
    ]


@pytest.mark.parametrize(
    ("behaviour", "number", "reason"),
    [
        (status(500), 500, "http_500"),
        (status(404), 404, "http_404"),
        (status(301, Location="http://127.0.0.1:1/"), 301, "http_301"),
        (status(307, Location="http://169.254.169.254/"), 307, "http_307"),
        (silence(), None, "timed_out"),
        (drop(), None, "connection_lost"),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), None, "answer_invalid"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 100_000 + b"\r\n\r\n"), None, "answer_invalid"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Le"), None, "connection_lost"),
    ],
    ids=["500", "404", "301", "307", "silence", "drop", "not HTTP", "huge header", "half a head"],
)
async def test_a_receiver_that_never_takes_it(
    notifier: RunningNotifier, behaviour: Behaviour, number: int | None, reason: str
) -> None:
    """All attempts of the schedule are made, then it is given up with the last reason; redirects are not followed."""
    async with receiver(behaviour) as customer:
        event = job_completed(customer.url)
        await notifier.publish(event)
        end = await notifier.end_of(event)
    assert (end.state, end.attempts, end.status, end.reason) == (DeliveryState.FAILED, 3, number, reason)
    assert len(customer.requests) == 3
    assert [attempt.reason for attempt in await notifier.attempts(event)] == [reason] * 3


@pytest.mark.parametrize(
    "behaviour",
    [status(410), status(500, webhook_delivery="abort-message"), status(400, webhook_delivery="disable")],
    ids=["410", "abort-message", "disable"],
)
async def test_a_receiver_that_wants_no_more(notifier: RunningNotifier, behaviour: Behaviour) -> None:
    """Gone, or asking to stop: there is no second attempt."""
    async with receiver(behaviour) as customer:
        event = job_completed(customer.url)
        await notifier.publish(event)
        end = await notifier.end_of(event)
    assert (end.state, end.attempts) == (DeliveryState.FAILED, 1)


@pytest.mark.parametrize(
    "behaviour",
    [
        endless(),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnever more", then_close=False),
    ],
    ids=["endless", "cut off", "stuck"],
)
async def test_the_status_counts_and_not_the_body(notifier: RunningNotifier, behaviour: Behaviour) -> None:
    """Who says 200 has taken it, whatever becomes of the body; little of that is kept."""
    async with receiver(behaviour) as customer:
        event = job_completed(customer.url)
        await notifier.publish(event)
        end = await notifier.end_of(event)
    assert (end.state, end.attempts, end.status) == (DeliveryState.DELIVERED, 1, 200)
    (attempt,) = await notifier.attempts(event)
    assert 0 < len(attempt.response_body) <= 4096


async def test_a_compressed_body_is_not_inflated(notifier: RunningNotifier) -> None:
    """We ask for none, and keep what comes as it came."""
    async with receiver(status(200, b"\x1f\x8b\x08\x00bomb", Content_Encoding="gzip")) as customer:
        event = job_completed(customer.url)
        await notifier.publish(event)
        await notifier.end_of(event)
    assert customer.requests[0].headers["accept-encoding"] == "identity"
    assert [attempt.response_body for attempt in await notifier.attempts(event)] == [b"\x1f\x8b\x08\x00bomb"]


async def test_cookies_are_not_kept(notifier: RunningNotifier) -> None:
    """What one tenant's receiver sets is not shown to another's on the same host."""
    async with receiver(status(200, Set_Cookie="session=1; Path=/")) as customer:
        for event in (job_completed(customer.url), job_completed(customer.url)):
            await notifier.publish(event)
            await notifier.end_of(event)
    assert not any("cookie" in request.headers for request in customer.requests)


async def test_a_connection_that_went_stale_costs_no_attempt(notifier: RunningNotifier) -> None:
    """The receiver closed a kept-alive connection: the request goes over a new one at once, in the same attempt."""

    async with receiver(status(200), drop(), status(200)) as customer:
        first, second = job_completed(customer.url), job_completed(customer.url)
        await notifier.publish(first)
        await notifier.end_of(first)
        await notifier.publish(second)
        end = await notifier.end_of(second)
    assert (end.state, end.attempts) == (DeliveryState.DELIVERED, 1)
    assert (len(customer.requests), customer.connections) == (3, 2)


async def test_a_receiver_asks_for_time(pool: Pool) -> None:
    """`Retry-After` puts the next attempt off beyond the schedule."""
    async with receiver(status(503, Retry_After="3600")) as customer, running_notifier(pool, ENVIRONMENT) as notifier:
        event = job_completed(customer.url)
        await notifier.publish(event)
        log = await notifier.after_attempts(event, 1)
        due = await pool.fetchval("select due_at from notifier.deliveries where job_id = $1", event.job_id)
    assert 3599 <= (due - log[0].started_at).total_seconds() <= 3600 * 1.2 + 5
    assert await notifier.state(event) == "pending"


async def test_nothing_listens(notifier: RunningNotifier) -> None:
    """A refused connection is tried again by schedule, and no address is told."""
    async with receiver() as customer:
        url = customer.url
    event = job_completed(url)
    await notifier.publish(event)
    end = await notifier.end_of(event)
    assert (end.state, end.attempts, end.reason) == (DeliveryState.FAILED, 3, "connection_failed")


async def test_an_erased_job_is_forgotten(notifier: RunningNotifier) -> None:
    """Its pending deliveries, their bodies and their log are gone, and an event that arrives late brings nothing back."""
    async with receiver(status(500, Retry_After="3600")) as customer:
        pending = job_completed(customer.url)
        await notifier.publish(pending)
        await customer.wait_for(1)
        await notifier.publish(JobErased(tenant_id=pending.tenant_id, job_id=pending.job_id))
        await notifier.publish(JobErased(tenant_id=pending.tenant_id, job_id=pending.job_id))
        await notifier.publish(job_completed(customer.url, tenant_id=pending.tenant_id, job_id=pending.job_id))
        assert await notifier.state(pending) is None
        assert await notifier.attempts(pending) == []


async def test_nothing_secret_is_written_down(notifier: RunningNotifier, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither the log nor the tables hold the signing secret; the log holds neither URL nor body."""
    async with receiver(status(500), status(200)) as customer:
        event = job_completed(customer.url)
        await notifier.publish(event)
        await notifier.end_of(event)
    printed = "".join(capfd.readouterr())
    rows = await notifier.pool.fetch("select d::text, a::text from notifier.deliveries d join notifier.attempts a on true")
    assert secret_of(event) not in printed + str(rows)
    assert "token=abc" not in printed
    assert "週會" not in printed
