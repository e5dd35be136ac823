"""What puts itself right without anybody asking: stalled, overdue, expired, deleted, and the first key."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.gateway import uploads
from services.gateway.auth import ensure_first_key, seed_first_key
from services.gateway.keys import new_key
from shared import migrations
from shared.blobs import artifact_key
from shared.database import Pool, open_pool
from shared.errors import ConfigurationError
from shared.schemas.events import JobFailed, JobSubmitted, TranscriptionState
from tests.gatewaying import PATIENCE, WAV, ApiClient, RunningGateway, running_gateway

QUICK = {
    "AUDIO2TXT_SWEEP_SECONDS": "0.05",
    "AUDIO2TXT_ERASURE_SETTLE_SECONDS": "0.5",
    "AUDIO2TXT_QUEUED_STALL_SECONDS": "3600",
}


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway that sweeps all the time."""
    async with running_gateway(database_url, tmp_path, settings=QUICK) as running:
        yield running


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A migrated database without a gateway."""
    pool = await open_pool(database_url, size=4)
    await migrations.apply(pool, "gateway")
    yield pool
    await pool.close()


async def _until(gateway: RunningGateway, nothing_left: str) -> None:
    """Wait until a count is zero."""
    async with asyncio.timeout(PATIENCE):
        while await gateway.pool.fetchval(f"select count(*) from {nothing_left}"):
            await asyncio.sleep(0.02)


async def _age(gateway: RunningGateway, job: JobSubmitted, **intervals: str) -> None:
    """Let time pass for a job."""
    changes = ", ".join(f"{column} = {column} - interval '{interval}'" for column, interval in intervals.items())
    await gateway.pool.execute(f"update gateway.jobs set {changes} where id = $1", job.job_id)


async def test_a_job_nobody_heard_of_is_announced_again(gateway: RunningGateway, api: ApiClient) -> None:
    """A lost message heals: the same run is submitted again, once per silence."""
    job = await api.create()
    first = await gateway.others.heard(JobSubmitted, job["id"])
    await _age(gateway, first, updated_at="2 hours", announced_at="2 hours")
    again = await gateway.others.heard(JobSubmitted, job["id"], count=2)
    assert (again.run, again.options, again.source_key) == (first.run, first.options, first.source_key)
    assert again.event_id != first.event_id
    assert (await api.job(job["id"]))["version"] == 1
    await _age(gateway, first, announced_at="90 minutes")
    await gateway.others.progress(first, TranscriptionState.PREPARING)
    assert len(gateway.others.all_of(JobSubmitted, job["id"])) == 2


async def test_a_job_with_news_is_left_alone(gateway: RunningGateway, api: ApiClient) -> None:
    """Progress counts as news; a job that is not queued has more patience."""
    job = await api.create()
    order = await gateway.others.heard(JobSubmitted, job["id"])
    await _age(gateway, order, updated_at="2 hours", announced_at="10 minutes")
    other = await api.create()
    seen = await gateway.others.heard(JobSubmitted, other["id"])
    await _age(gateway, seen, updated_at="2 hours", announced_at="2 hours")
    await gateway.others.heard(JobSubmitted, other["id"], count=2)
    assert len(gateway.others.all_of(JobSubmitted, job["id"])) == 1


async def test_a_job_past_its_deadline_fails(gateway: RunningGateway, api: ApiClient) -> None:
    """Every job ends, whoever lost it, with a reason and a way to retry."""
    job = await api.create(callback_url="https://example.com/h")
    order = await gateway.others.heard(JobSubmitted, job["id"])
    await _age(gateway, order, deadline_at="2 days")
    failed = await gateway.others.heard(JobFailed, job["id"])
    assert failed.callback_url == "https://example.com/h"
    shown = await api.job(job["id"])
    assert (shown["state"], shown["failure"]["code"], shown["failure"]["retryable"]) == ("failed", "deadline_exceeded", True)
    again = (await api.http.post(f"/v1/jobs/{job['id']}/retry")).json()
    assert (again["state"], again["run"]) == ("queued", 2)


async def test_what_late_work_writes_for_a_deleted_job_is_removed(gateway: RunningGateway, api: ApiClient) -> None:
    """Deletion is looked after until the store has stayed empty for long enough."""
    job = await api.create()
    order = await gateway.others.heard(JobSubmitted, job["id"])
    await api.http.delete(f"/v1/jobs/{job['id']}")
    await gateway.blobs.put(artifact_key(order.tenant_id, order.job_id, 1, "late.txt"), b"late")
    await _until(gateway, "gateway.erasures")
    assert await gateway.keys(job["id"]) == []


async def test_uploads_nobody_used_are_collected(gateway: RunningGateway, api: ApiClient) -> None:
    """Recordings without a job do not stay for ever, and those with one do."""
    forgotten = await api.upload()
    job = await api.create()
    await gateway.pool.execute("update gateway.uploads set expires_at = now() - interval '1 second'")
    await _until(gateway, "gateway.uploads where state <> 'used'")
    assert await gateway.keys(forgotten["id"]) == []
    assert await gateway.keys(job["id"])
    assert (await api.http.get(f"/v1/uploads/{forgotten['id']}")).status_code == 404


async def test_an_upload_that_breaks_off_with_its_process_is_soon_collected(
    gateway: RunningGateway, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept for some minutes, and for more of them while its bytes come, however slowly."""
    monkeypatch.setattr(uploads, "_NOTED_EVERY", dt.timedelta())
    expiry, soon = "select expires_at - now() from gateway.uploads", dt.timedelta(minutes=2)

    async def slowly() -> AsyncIterator[bytes]:
        yield WAV + bytes(100_000)
        async with asyncio.timeout(10):
            while (left := await gateway.pool.fetchval(expiry)) is None:
                await asyncio.sleep(0.01)
        assert soon < left <= dt.timedelta(minutes=10)
        await gateway.pool.execute("update gateway.uploads set expires_at = now() + interval '1 minute'")
        yield bytes(100_000)
        async with asyncio.timeout(10):
            while await gateway.pool.fetchval(expiry) < soon:
                await asyncio.sleep(0.01)

    assert (await api.http.post("/v1/uploads", content=slowly())).status_code == 201
    assert await gateway.pool.fetchval(expiry) > dt.timedelta(minutes=10)


async def test_old_idempotency_keys_are_forgotten(gateway: RunningGateway, api: ApiClient) -> None:
    """After a day a key may be used again."""
    order, headers = {"audio_url": "https://example.com/a.mp3"}, {"Idempotency-Key": "k"}
    first = (await api.http.post("/v1/jobs", json=order, headers=headers)).json()
    await gateway.pool.execute("update gateway.idempotency_keys set created_at = created_at - interval '2 days'")
    await _until(gateway, "gateway.idempotency_keys")
    assert (await api.http.post("/v1/jobs", json=order, headers=headers)).json()["id"] != first["id"]


async def test_the_first_key_is_made_once(pool: Pool) -> None:
    """Processes that start side by side make one tenant and one key."""
    keys = await asyncio.gather(*(ensure_first_key(pool) for _ in range(4)))
    assert len([key for key in keys if key is not None]) == 1
    assert await ensure_first_key(pool) is None
    assert await pool.fetchval("select count(*) from gateway.tenants") == 1
    assert not await seed_first_key(pool, new_key())


async def test_the_key_itself_is_stored_nowhere(pool: Pool) -> None:
    """Only its digest is kept."""
    key = await ensure_first_key(pool)
    assert key is not None
    row = await pool.fetchrow("select * from gateway.api_keys")
    assert key not in str(row)


async def test_a_chosen_first_key_works(database_url: str, tmp_path: Path) -> None:
    """A distributed installation is given its first key by a setting."""
    key = new_key()
    settings = {"AUDIO2TXT_BOOTSTRAP_API_KEY": key}
    async with running_gateway(database_url, tmp_path, settings=settings) as gateway, gateway.client(key) as http:
        assert (await http.get("/v1/account")).json()["tenant"]["name"] == "default"


async def test_a_chosen_key_that_is_none_is_refused(pool: Pool) -> None:
    """A word of one's own choice is not strong enough to be a key, and the message does not repeat it."""
    with pytest.raises(ConfigurationError, match="AUDIO2TXT_BOOTSTRAP_API_KEY") as caught:
        await seed_first_key(pool, "hunter2")
    assert "hunter2" not in str(caught.value)
