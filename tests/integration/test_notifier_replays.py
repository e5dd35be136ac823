"""What an endpoint missed is told the way it wants to be told, though nobody wanted it so when it happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from shared.blobs import BlobStore, BlobUnavailable, open_blobs, transcript_key
from shared.database import Pool
from shared.schemas.endpoints import Payload, Replay
from shared.schemas.events import EndpointChanged, JobCompleted
from shared.schemas.webhooks import WebhookBody, WebhookJob
from tests.notifying import (
    RunningNotifier,
    endpoint_changed,
    job_completed,
    job_failed,
    notifier_pool,
    running_notifier,
    tenant,
    wish,
)
from tests.receivers import Request, receiver, status
from tests.unit.notifier.test_notifications import transcript

ENVIRONMENT = {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8", "AUDIO2TXT_WEBHOOK_SCHEDULE": "0,0.02,0.02"}
US = tenant(7)
EVERYTHING = Replay(since=dt.datetime(2020, 1, 1, tzinfo=dt.UTC), missing=True)


@pytest_asyncio.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A database with the notifier's tables."""
    async with notifier_pool(database_url) as pool:
        yield pool


@pytest_asyncio.fixture
async def blobs(tmp_path: Path) -> BlobStore:
    """Where transcripts lie."""
    return await open_blobs("file://", data_dir=tmp_path, credentials={})


async def completed(notifier: RunningNotifier, blobs: BlobStore, *texts: str) -> JobCompleted:
    """A job that has ended while nobody listened, with a transcript unless it has no texts."""
    job = job_completed(None, tenant_id=US)
    if texts:
        await blobs.put(transcript_key(US, job.job_id, job.run), msgspec.json.encode(transcript(*texts)))
    await notifier.publish(job)
    return job


async def replayed(notifier: RunningNotifier, endpoint: EndpointChanged, count: int) -> None:
    """Have it told what it missed, and wait until it is."""
    await notifier.publish(endpoint)
    await notifier.publish(wish(endpoint, EVERYTHING))

    async def told_all() -> bool:
        return await notifier.statuses(endpoint) == ["delivered"] * count

    await notifier.until(told_all)


def told(request: Request) -> WebhookJob:
    """The job that a request is about."""
    return msgspec.json.decode(request.body, type=WebhookBody).data


async def test_who_wants_the_text_gets_it(pool: Pool, blobs: BlobStore) -> None:
    """And who wants passages those, who wants neither neither; what has no transcript is told as ever."""
    async with (
        receiver() as reader,
        receiver() as player,
        receiver() as modest,
        running_notifier(pool, ENVIRONMENT, blobs=blobs) as notifier,
    ):
        job = await completed(notifier, blobs, "開始吧。", "好。")
        await notifier.publish(job_failed(None, tenant_id=US))
        await replayed(notifier, endpoint_changed(US, reader.url, include=Payload.TEXT), 2)
        await replayed(notifier, endpoint_changed(US, player.url, include=Payload.SEGMENTS), 2)
        await replayed(notifier, endpoint_changed(US, modest.url), 2)
    text, passages, thin = (
        {str(told(request).state): told(request) for request in each.requests} for each in (reader, player, modest)
    )
    assert (text["completed"].id, text["completed"].text, text["completed"].reduced) == (job.job_id, "開始吧。\n好。", False)
    assert [segment.text for segment in passages["completed"].segments or ()] == ["開始吧。", "好。"]
    assert (thin["completed"].text, thin["completed"].segments) == (None, None)
    assert text["completed"].sequence == thin["completed"].sequence == 1
    assert text["failed"] == passages["failed"] == thin["failed"]


async def test_every_attempt_sends_the_same_bytes(pool: Pool, blobs: BlobStore) -> None:
    """Though the transcript is gone when the second is made."""

    async def lose_it(writer: object) -> None:
        await blobs.delete(transcript_key(US, job.job_id, job.run))
        raise ConnectionError

    async with (
        receiver(lose_it, status(500), status(200)) as reader,
        running_notifier(pool, ENVIRONMENT, blobs=blobs) as notifier,
    ):
        job = await completed(notifier, blobs, "開始吧。")
        await replayed(notifier, endpoint_changed(US, reader.url, include=Payload.TEXT), 1)
    assert len({request.body for request in reader.requests}) == 1
    assert told(reader.requests[0]).text == "開始吧。"
    assert {len(reader.requests), await pool.fetchval("select attempts from notifier.deliveries")} == {3}


async def test_a_transcript_that_is_gone_is_said_to_be_missing(pool: Pool, blobs: BlobStore) -> None:
    """As in messages that are new."""
    async with receiver() as reader, running_notifier(pool, ENVIRONMENT, blobs=blobs) as notifier:
        await completed(notifier, blobs)
        await replayed(notifier, endpoint_changed(US, reader.url, include=Payload.TEXT), 1)
    assert (told(reader.requests[0]).text, told(reader.requests[0]).reduced) == (None, True)


async def test_while_the_store_is_away_messages_wait(pool: Pool, blobs: BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent without what belongs into it, and no attempt is used up."""

    async def away(_key: str) -> bytes:
        raise BlobUnavailable("the store does not answer")

    async with receiver() as reader, running_notifier(pool, ENVIRONMENT, blobs=blobs) as notifier:
        job = await completed(notifier, blobs, "開始吧。")
        monkeypatch.setattr(blobs, "get", away)
        endpoint = endpoint_changed(US, reader.url, include=Payload.TEXT)
        await notifier.publish(endpoint)
        await notifier.publish(wish(endpoint, EVERYTHING))
        (attempt,) = await notifier.after_attempts(job, 1)
        assert (attempt.reason, reader.requests) == ("files_unavailable", [])
        row = await pool.fetchrow("select state, attempts, tries from notifier.deliveries")
    assert row is not None
    assert tuple(row) == ("pending", 1, 0)
