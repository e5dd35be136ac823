"""Endpoints that customers set up: what they hear of, what stops them, and what can be sent again."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from services.notifier.store.wishes import REPLAYS_PER_SECOND
from shared.blobs import open_blobs, transcript_key
from shared.database import Pool
from shared.errors import RetryableError
from shared.schemas.endpoints import Payload, Redeliver, Replay, SigningKey, Test
from shared.schemas.events import (
    ContentErased,
    EndpointChanged,
    JobCancelled,
    JobErased,
    ReportProgressed,
    TranscriptionProgressed,
    TranscriptionState,
)
from shared.schemas.ids import new_id
from shared.schemas.privacy import Part
from shared.schemas.webhooks import WebhookBody, WebhookJob
from shared.signing import endpoint_secret, webhook_secret
from tests.notifying import (
    MASTER,
    NOW,
    RunningNotifier,
    deleted,
    email_changed,
    endpoint_changed,
    job_completed,
    job_failed,
    notifier_pool,
    running_notifier,
    tenant,
    wish,
)
from tests.receivers import Receiver, Request, receiver, status
from tests.unit.notifier.test_notifications import transcript

ENVIRONMENT = {
    "AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8",
    "AUDIO2TXT_WEBHOOK_SCHEDULE": "0,0.02,0.02",
    "AUDIO2TXT_WEBHOOK_TIMEOUT_SECONDS": "0.5",
}
US = tenant(7)
PROGRESS_TOO = ("job.progressed", "job.completed")
BEGINNING = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


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


def told(request: Request) -> WebhookJob:
    """The job that a request is about."""
    return msgspec.json.decode(request.body, type=WebhookBody).data


def types(customer: Receiver) -> list[str]:
    """What a receiver was told about."""
    return [msgspec.json.decode(request.body)["type"] for request in customer.requests]


async def until_settled(notifier: RunningNotifier, endpoint: EndpointChanged, count: int = 1) -> None:
    """Wait until so many deliveries to the endpoint were made and have ended."""

    async def settled() -> bool:
        statuses = await notifier.statuses(endpoint)
        return len(statuses) >= count and "pending" not in statuses

    await notifier.until(settled)


async def test_everybody_who_listens_is_told(notifier: RunningNotifier) -> None:
    """Each endpoint with its own signature, under one id; others of the tenant and other tenants hear nothing."""
    async with receiver() as first, receiver() as second, receiver() as deaf, receiver() as stranger:
        one, two = endpoint_changed(US, first.url), endpoint_changed(US, second.url, events=("job.*",))
        for event in (
            one,
            two,
            endpoint_changed(US, deaf.url, events=("job.failed",)),
            endpoint_changed(tenant(8), stranger.url, events=("*",)),
        ):
            await notifier.publish(event)
        job = job_completed(None, tenant_id=US)
        await notifier.publish(job)
        await until_settled(notifier, one)
        await until_settled(notifier, two)
    for endpoint, customer in ((one, first), (two, second)):
        (request,) = customer.requests
        request.verify(endpoint_secret(MASTER.encode(), endpoint.endpoint_id, 1))
        assert request.headers["webhook-id"] == f"msg_{job.event_id.hex}"
    assert (deaf.requests, stranger.requests) == ([], [])
    assert notifier.finished == []


async def test_a_jobs_callback_and_an_endpoint_with_its_url(notifier: RunningNotifier) -> None:
    """Both were asked for, and both are told, each with its own secret; only the callback shows on the job."""
    async with receiver() as customer:
        endpoint = endpoint_changed(US, customer.url)
        await notifier.publish(endpoint)
        job = job_completed(customer.url, tenant_id=US)
        await notifier.publish(job)
        await notifier.end_of(job)
        await until_settled(notifier, endpoint)
    secrets = {webhook_secret(MASTER.encode(), US), endpoint_secret(MASTER.encode(), endpoint.endpoint_id, 1)}
    assert len(customer.requests) == 2
    assert {secret for request in customer.requests for secret in secrets if _verifies(request, secret)} == secrets
    assert len(notifier.finished) == 1


def _verifies(request: Request, secret: str) -> bool:
    try:
        request.verify(secret)
    except Exception:
        return False
    return True


async def test_rotated_keys_sign_until_they_expire(notifier: RunningNotifier) -> None:
    """Who verifies with the old secret still can, until it has expired."""
    now = dt.datetime.now(dt.UTC)
    keys = (
        SigningKey(number=3),
        SigningKey(number=2, expires_at=now + dt.timedelta(hours=1)),
        SigningKey(number=1, expires_at=now - dt.timedelta(hours=1)),
    )
    async with receiver() as customer:
        endpoint = endpoint_changed(US, customer.url, keys=keys)
        await notifier.publish(endpoint)
        await notifier.publish(job_completed(None, tenant_id=US))
        await until_settled(notifier, endpoint)
    secrets = [endpoint_secret(MASTER.encode(), endpoint.endpoint_id, number) for number in (1, 2, 3)]
    assert [_verifies(customer.requests[0], secret) for secret in secrets] == [False, True, True]


async def test_an_older_change_changes_nothing(notifier: RunningNotifier) -> None:
    """Events come in any order: the newest version counts, and a deleted endpoint stays deleted."""
    async with receiver() as customer, receiver() as former:
        newest = endpoint_changed(US, customer.url, version=3)
        await notifier.publish(newest)
        await notifier.publish(endpoint_changed(US, former.url, version=2, endpoint_id=newest.endpoint_id))
        gone = endpoint_changed(US, former.url, version=1)
        await notifier.publish(deleted(gone))
        await notifier.publish(gone)
        await notifier.publish(job_completed(None, tenant_id=US))
        await until_settled(notifier, newest)
    assert (len(customer.requests), len(former.requests)) == (1, 0)
    assert await notifier.statuses(gone) == []


async def test_a_deleted_endpoint_hears_no_more(notifier: RunningNotifier) -> None:
    """What waits for it is cancelled, and its log stays."""
    async with receiver(status(503, Retry_After="3600")) as customer:
        endpoint = endpoint_changed(US, customer.url)
        await notifier.publish(endpoint)
        first = job_completed(None, tenant_id=US)
        await notifier.publish(first)
        await notifier.after_attempts(first, 1)
        await notifier.publish(deleted(endpoint))
        await notifier.publish(job_completed(None, tenant_id=US))
        assert await notifier.statuses(endpoint) == ["cancelled"]
        assert len(await notifier.attempts(first)) == 1
    assert len(customer.requests) == 1


async def test_a_pause_keeps_what_happens(notifier: RunningNotifier) -> None:
    """Nothing is sent meanwhile, and everything afterwards."""
    async with receiver() as customer:
        paused = endpoint_changed(US, customer.url, paused=True)
        await notifier.publish(paused)
        for _ in range(3):
            await notifier.publish(job_completed(None, tenant_id=US))
        assert await notifier.statuses(paused) == ["pending"] * 3
        assert customer.requests == []
        await notifier.publish(endpoint_changed(US, customer.url, version=2, endpoint_id=paused.endpoint_id))
        await until_settled(notifier, paused, 3)
    assert len(customer.requests) == 3


async def test_gone_is_gone(notifier: RunningNotifier) -> None:
    """410 switches an endpoint off, and cancels what waits; switched on again later, it hears of what is new."""
    async with receiver(status(410), status(200)) as customer:
        endpoint = endpoint_changed(US, customer.url, paused=True)
        await notifier.publish(endpoint)
        for _ in range(20):
            await notifier.publish(job_completed(None, tenant_id=US))
        await notifier.publish(endpoint_changed(US, customer.url, version=2, endpoint_id=endpoint.endpoint_id))

        async def off() -> bool:
            return (await notifier.health(endpoint)).disabled_reason == "gone"

        await notifier.until(off)
        await notifier.publish(job_completed(None, tenant_id=US))
        await until_settled(notifier, endpoint, 20)
        statuses = await notifier.statuses(endpoint)
        assert len(statuses) == 20
        assert statuses.count("failed") == 1
        assert statuses.count("cancelled") >= 17
        sent = len(customer.requests)
        again = endpoint_changed(
            US, customer.url, version=3, endpoint_id=endpoint.endpoint_id, enabled_at=dt.datetime.now(dt.UTC)
        )
        await notifier.publish(again)
        await notifier.publish(job_completed(None, tenant_id=US))
        await until_settled(notifier, endpoint, 21)
        assert (await notifier.health(endpoint)).disabled_at is None
    assert len(customer.requests) == sent + 1


async def test_people_hear_that_an_endpoint_was_switched_off(notifier: RunningNotifier) -> None:
    """The tenant's addresses get a message about it, whatever they listen to; webhooks and other tenants do not."""
    async with receiver(status(410)) as customer, receiver() as other:
        person, stranger = email_changed(US, "chen@example.com"), email_changed(tenant(8), "wang@example.com")
        endpoint = endpoint_changed(US, customer.url)
        for event in (person, stranger, endpoint, endpoint_changed(US, other.url, events=("*",))):
            await notifier.publish(event)
        await notifier.publish(job_failed(None, tenant_id=US))
        await until_settled(notifier, person)
    rows = await notifier.pool.fetch(
        "select l.type, b.body from notifier.delivery_log l join notifier.deliveries d on d.id = l.id "
        "join notifier.bodies b on b.message_id = d.message_id where l.endpoint_id = any($1::uuid[])",
        [person.endpoint_id, stranger.endpoint_id],
    )
    assert [row["type"] for row in rows] == ["endpoint.disabled"]
    about = msgspec.json.decode(rows[0]["body"], type=WebhookBody).data
    assert (about.id, about.title, about.failure and about.failure.code) == (
        endpoint.endpoint_id,
        "http://127.0.0.1/***",
        "http_410",
    )
    assert types(other) == ["job.failed"]


async def test_the_breaker_uses_up_no_attempts(pool: Pool) -> None:
    """Three failures in a row, and the other deliveries wait untouched until the receiver is found alive."""
    environment = ENVIRONMENT | {"AUDIO2TXT_WEBHOOK_SCHEDULE": "0,3600"}
    async with receiver(status(500)) as customer, running_notifier(pool, environment) as notifier:
        endpoint = endpoint_changed(US, customer.url, paused=True)
        await notifier.publish(endpoint)
        for _ in range(30):
            await notifier.publish(job_completed(None, tenant_id=US))
        await notifier.publish(endpoint_changed(US, customer.url, version=2, endpoint_id=endpoint.endpoint_id))

        async def opened() -> bool:
            return (await notifier.health(endpoint)).open_until is not None

        await notifier.until(opened)
        health = await notifier.health(endpoint)
        untouched = await pool.fetchval("select count(*) from notifier.deliveries where attempts = 0")
    assert 3 <= len(customer.requests) <= 4
    assert untouched == 30 - len(customer.requests)
    assert (health.pending, health.last_failure, health.failures) == (30, "http_500", len(customer.requests))
    async with receiver(status(200)), running_notifier(pool, environment) as notifier:
        assert (await notifier.health(endpoint)).open_until == health.open_until


async def test_a_rate_is_kept_and_can_be_changed(notifier: RunningNotifier) -> None:
    """One a minute: the first is sent, the others wait and use up nothing, until more are allowed."""
    async with receiver() as customer:
        endpoint = endpoint_changed(US, customer.url, rate_per_minute=1)
        await notifier.publish(endpoint)
        for _ in range(5):
            await notifier.publish(job_completed(None, tenant_id=US))

        async def one_is_told() -> bool:
            return sorted(await notifier.statuses(endpoint)) == ["delivered"] + ["pending"] * 4

        await notifier.until(one_is_told)
        assert len(customer.requests) == 1
        assert await notifier.pool.fetchval("select sum(attempts) from notifier.deliveries") == 1
        faster = endpoint_changed(US, customer.url, version=2, endpoint_id=endpoint.endpoint_id, rate_per_minute=60_000)
        await notifier.publish(faster)
        await until_settled(notifier, endpoint, 5)
    assert await notifier.statuses(endpoint) == ["delivered"] * 5


async def test_too_many_requests_rest_the_whole_endpoint(notifier: RunningNotifier) -> None:
    """One 429 with a time, and nothing is sent to it before; no attempt is lost."""
    async with receiver(status(429, Retry_After="600")) as customer:
        endpoint = endpoint_changed(US, customer.url)
        await notifier.publish(endpoint)
        first = job_completed(None, tenant_id=US)
        await notifier.publish(first)
        await notifier.after_attempts(first, 1)
        for _ in range(5):
            await notifier.publish(job_completed(None, tenant_id=US))
        rows = await notifier.pool.fetch("select tries, deferrals, attempts from notifier.deliveries order by attempts desc")
    assert len(customer.requests) == 1
    assert tuple(rows[0]) == (0, 1, 1)
    due = await notifier.pool.fetchval("select extract(epoch from due_at - now()) from notifier.health")
    assert due > 590


async def test_progress_overtakes_itself(notifier: RunningNotifier) -> None:
    """What was not sent when the next comes is not sent any more; after the end of the job none is; the numbers grow."""
    async with receiver() as customer:
        paused = endpoint_changed(US, customer.url, paused=True, events=PROGRESS_TOO)
        await notifier.publish(paused)
        job = job_completed(None, tenant_id=US)
        for tenth in range(5):
            await notifier.publish(progressed(job.job_id, tenth / 10))
        assert await notifier.statuses(paused) == ["cancelled"] * 4 + ["pending"]
        await notifier.publish(
            endpoint_changed(US, customer.url, version=2, endpoint_id=paused.endpoint_id, events=PROGRESS_TOO)
        )
        await until_settled(notifier, paused, 5)
        await notifier.publish(ReportProgressed(tenant_id=US, job_id=job.job_id, progress=0.5))
        await until_settled(notifier, paused, 6)
        await notifier.publish(job)
        await notifier.publish(progressed(job.job_id, 0.9))
        await until_settled(notifier, paused, 7)
    bodies = [told(request) for request in customer.requests]
    assert [(body.state, body.progress) for body in bodies] == [
        ("transcribing", 0.4),
        ("reporting", 0.5),
        ("completed", None),
    ]
    assert [body.sequence for body in bodies] == [5, 6, 7]


def progressed(job_id: object, progress: float) -> TranscriptionProgressed:
    """A transcription has come so far."""
    return msgspec.structs.replace(
        TranscriptionProgressed(
            tenant_id=US, job_id=new_id(), state=TranscriptionState.PROCESSING, progress=progress, engine="local"
        ),
        job_id=job_id,
    )


async def test_progress_that_nobody_wants_is_not_kept(notifier: RunningNotifier) -> None:
    """It comes once a second."""
    await notifier.publish(endpoint_changed(US, "http://127.0.0.1:9/", paused=True))
    await notifier.publish(progressed(new_id(), 0.5))
    assert await notifier.pool.fetchval("select count(*) from notifier.messages") == 0


async def test_a_cancelled_job_is_told(notifier: RunningNotifier) -> None:
    """To endpoints."""
    async with receiver() as customer:
        endpoint = endpoint_changed(US, customer.url)
        await notifier.publish(endpoint)
        await notifier.publish(JobCancelled(tenant_id=US, job_id=new_id(), title="週會", solution="minutes"))
        await until_settled(notifier, endpoint)
    assert types(customer) == ["job.cancelled"]


async def test_an_endpoint_may_want_the_text(pool: Pool, tmp_path: Path) -> None:
    """It gets the transcript in the message, others beside it do not; one that is gone is said to be missing. Once the
    transcript is kept no longer, neither the message nor the log of its attempts tells it."""
    blobs = await open_blobs("file://", data_dir=tmp_path, credentials={})
    job = job_completed(None, tenant_id=US)
    await blobs.put(transcript_key(US, job.job_id, job.run), msgspec.json.encode(transcript("開始吧。", "好。")))
    async with (
        receiver() as curious,
        receiver() as modest,
        running_notifier(pool, ENVIRONMENT, blobs=blobs) as notifier,
    ):
        wanting = endpoint_changed(US, curious.url, include=Payload.TEXT)
        plain = endpoint_changed(US, modest.url)
        await notifier.publish(wanting)
        await notifier.publish(plain)
        await notifier.publish(job)
        await until_settled(notifier, wanting)
        await until_settled(notifier, plain)
        await notifier.publish(job_completed(None, tenant_id=US))
        await until_settled(notifier, wanting, 2)
        said = "select count(*) from notifier.attempts where position(convert_to('開始吧', 'utf8') in request_body) > 0"
        kept = "select count(*) from notifier.bodies where position(convert_to('開始吧', 'utf8') in body) > 0"
        assert (await pool.fetchval(said), await pool.fetchval(kept)) == (1, 1)
        await notifier.publish(ContentErased(tenant_id=US, job_id=job.job_id, parts=(Part.TRANSCRIPT,)))
        assert (await pool.fetchval(said), await pool.fetchval(kept)) == (0, 0)
        assert await pool.fetchval("select count(*) from notifier.attempts") >= 3
    assert [(told(request).text, told(request).reduced) for request in curious.requests] == [
        ("開始吧。\n好。", False),
        (None, True),
    ]
    assert told(modest.requests[0]).text is None


async def test_a_test_message(notifier: RunningNotifier) -> None:
    """Sent once per wish, whatever the endpoint listens to."""
    async with receiver() as customer:
        endpoint = endpoint_changed(US, customer.url, events=("job.failed",))
        await notifier.publish(endpoint)
        wanted = wish(endpoint, Test())
        await notifier.publish(wanted)
        await notifier.publish(wanted)
        await until_settled(notifier, endpoint)
        await notifier.publish(msgspec.structs.replace(wish(endpoint, Test()), tenant_id=tenant(8)))
    assert types(customer) == ["endpoint.test"]
    customer.requests[0].verify(endpoint_secret(MASTER.encode(), endpoint.endpoint_id, 1))


async def test_a_wish_that_comes_before_its_endpoint_waits_for_it(notifier: RunningNotifier) -> None:
    """Events come in any order: the bus brings it again, and then it is done."""
    async with receiver() as customer:
        endpoint = endpoint_changed(US, customer.url)
        wanted = wish(endpoint, Test())
        with pytest.raises(RetryableError):
            await notifier.publish(wanted)
        await notifier.publish(endpoint)
        await notifier.publish(wanted)
        await until_settled(notifier, endpoint)
    assert types(customer) == ["endpoint.test"]


async def test_one_message_is_sent_again(notifier: RunningNotifier) -> None:
    """Whatever became of it: under the same id, with the same bytes, and the log goes on."""
    async with receiver() as customer:
        endpoint = endpoint_changed(US, customer.url)
        await notifier.publish(endpoint)
        job = job_completed(None, tenant_id=US)
        await notifier.publish(job)
        await until_settled(notifier, endpoint)
        delivery_id = await notifier.pool.fetchval("select id from notifier.deliveries")
        wanted = wish(endpoint, Redeliver(delivery_id=delivery_id))
        await notifier.publish(wanted)
        await customer.wait_for(2)
        await until_settled(notifier, endpoint)
        await notifier.publish(wanted)
        await notifier.publish(msgspec.structs.replace(wish(endpoint, Redeliver(delivery_id=delivery_id)), tenant_id=tenant(8)))
        assert await notifier.statuses(endpoint) == ["delivered"]
    first, second = customer.requests
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert [attempt.number for attempt in await notifier.attempts(job)] == [1, 2]


async def test_what_failed_is_sent_again_slowly(notifier: RunningNotifier) -> None:
    """In order, so many a second, and after whatever is new."""
    async with receiver(*[status(404)] * 12, status(200)) as customer:
        endpoint = endpoint_changed(US, customer.url)
        await notifier.publish(endpoint)
        for place in range(4):
            await notifier.publish(job_failed(None, tenant_id=US, occurred_at=NOW + dt.timedelta(minutes=place)))
        await until_settled(notifier, endpoint, 4)
        assert await notifier.statuses(endpoint) == ["failed"] * 4
        await notifier.publish(wish(endpoint, Replay(since=NOW + dt.timedelta(minutes=1), types=("job.failed",))))
        waits = await notifier.pool.fetch(
            "select extract(epoch from due_at - created_at)::float8 from notifier.deliveries where replay order by due_at"
        )
        await until_settled(notifier, endpoint, 4)
        assert sorted(await notifier.statuses(endpoint)) == ["delivered"] * 3 + ["failed"]
    assert len(waits) == 3
    assert waits[2][0] - waits[0][0] >= 0.9 / REPLAYS_PER_SECOND


async def test_what_was_never_made_is_made(notifier: RunningNotifier) -> None:
    """An endpoint that came late hears of what it would have listened to, and of nothing twice."""
    for _ in range(3):
        await notifier.publish(job_completed(None, tenant_id=US))
    await notifier.publish(job_failed(None, tenant_id=US))
    await notifier.publish(job_completed(None, tenant_id=tenant(8)))
    async with receiver() as customer:
        endpoint = endpoint_changed(US, customer.url, events=("job.completed",))
        await notifier.publish(endpoint)
        await notifier.publish(wish(endpoint, Replay(since=BEGINNING)))
        assert await notifier.statuses(endpoint) == []
        await notifier.publish(wish(endpoint, Replay(since=BEGINNING, missing=True)))
        await until_settled(notifier, endpoint, 3)
        await notifier.publish(wish(endpoint, Replay(since=BEGINNING, missing=True)))
        assert await notifier.statuses(endpoint) == ["delivered"] * 3
    assert types(customer) == ["job.completed"] * 3


async def test_an_erased_job_comes_back_in_no_replay(notifier: RunningNotifier) -> None:
    """Its messages are gone, bodies and all."""
    job = job_completed(None, tenant_id=US)
    await notifier.publish(job)
    await notifier.publish(JobErased(tenant_id=US, job_id=job.job_id))
    endpoint = endpoint_changed(US, "http://127.0.0.1:9/")
    await notifier.publish(endpoint)
    await notifier.publish(wish(endpoint, Replay(since=BEGINNING, missing=True)))
    assert await notifier.statuses(endpoint) == []
    assert await notifier.pool.fetchval("select count(*) from notifier.bodies") == 0


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://10.0.0.1/"])
async def test_an_address_that_no_request_is_made_to(notifier: RunningNotifier, url: str) -> None:
    """Fails at once; the third time, the endpoint is switched off as misconfigured."""
    endpoint = endpoint_changed(US, url)
    await notifier.publish(endpoint)
    for count in range(1, 4):
        await notifier.publish(job_completed(None, tenant_id=US))
        await until_settled(notifier, endpoint, count)
    health = await notifier.health(endpoint)
    assert (health.disabled_reason, health.last_failure) == ("misconfigured", "address_refused")
    assert await notifier.statuses(endpoint) == ["failed"] * 3
