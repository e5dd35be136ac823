"""For how long things are kept: decided over the API, carried out by what lies in the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.gateway import announcements
from services.gateway.store.erasures import ErasureStore
from services.gateway.store.retention import RetentionStore
from services.gateway.store.transitions import Transitions
from shared import database
from shared.blobs import artifact_key, job_prefix, raw_key, report_key, source_key
from shared.schemas.events import ContentErased, JobErased, JobSubmitted
from shared.schemas.ids import new_id
from shared.schemas.privacy import Part
from tests.gatewaying import PATIENCE, ApiClient, RunningGateway, running_gateway

QUICK = {
    "AUDIO2TXT_SWEEP_SECONDS": "0.05",
    "AUDIO2TXT_RETENTION_SECONDS": "0.05",
    "AUDIO2TXT_RETENTION_RAW_DAYS": "400",
    "AUDIO2TXT_ERASURE_SETTLE_SECONDS": "0.2",
}


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway that looks through the store all the time."""
    async with running_gateway(database_url, tmp_path, settings=QUICK) as running:
        yield running


async def _decide(api: ApiClient, **rules: object) -> None:
    answer = await api.http.put("/v1/retention", json=rules)
    assert answer.status_code == 200, answer.text


async def _done(gateway: RunningGateway, api: ApiClient, **order: object) -> JobSubmitted:
    """A job with everything that a job can have."""
    job = await api.create(**order)
    submitted = await gateway.others.heard(JobSubmitted, job["id"])
    await gateway.blobs.put(raw_key(submitted.tenant_id, submitted.job_id, 1), b"{}")
    await gateway.others.complete(submitted)
    return submitted


async def _folders(gateway: RunningGateway, job_id: object) -> set[str]:
    return {key.split("/")[4] for key in await gateway.keys(str(job_id))}


async def _rounds(gateway: RunningGateway, count: int = 2) -> None:
    """Wait until the store was looked through so often, from beginning to end."""
    async with asyncio.timeout(PATIENCE):
        for _ in range(count):
            before = await gateway.pool.fetchval("select next_at from gateway.rounds")
            while await gateway.pool.fetchval("select next_at from gateway.rounds") == before:
                await asyncio.sleep(0.02)


async def test_parts_go_when_their_time_is_over_and_the_api_says_so(gateway: RunningGateway, api: ApiClient) -> None:
    """The recording and the raw answer go, earlier runs' and late ones' too; the rest stays. What is gone is answered with
    410, the job says what and when, and another scenario's jobs follow its own rule."""
    order = await _done(gateway, api)
    special = await _done(gateway, api, solution="meeting_minutes")
    await _decide(
        api, tenant={"audio": 0, "transcript": 7, "report": None}, solutions={"meeting_minutes": {"audio": None, "report": 0}}
    )
    told = await gateway.others.heard(ContentErased, str(order.job_id))
    assert told.parts == ("audio",)
    await gateway.others.heard(ContentErased, str(special.job_id))
    await _rounds(gateway)
    assert await _folders(gateway, order.job_id) == {"raw", "transcript", "artifacts"}
    assert await _folders(gateway, special.job_id) == {"source", "raw", "transcript"}
    shown = await api.job(str(order.job_id))
    assert [one["part"] for one in shown["removed"]] == ["audio"]
    gone = await api.http.get(f"/v1/jobs/{special.job_id}/artifacts/transcript.txt")
    assert (gone.status_code, gone.json()["code"]) == (410, "report_removed")
    assert (await api.http.get(f"/v1/jobs/{special.job_id}/report")).status_code == 410
    assert [one["url"] for one in (await api.job(str(special.job_id)))["artifacts"]] == [None]

    await gateway.pool.execute(
        "update gateway.jobs set finished_at = finished_at - interval '8 days' where id = $1", order.job_id
    )
    await gateway.others.heard(ContentErased, str(order.job_id), count=2)
    late = source_key(order.tenant_id, order.job_id)
    await gateway.blobs.put(late, b"late")
    await _rounds(gateway)
    assert await _folders(gateway, order.job_id) == {"raw", "artifacts"}
    assert (await api.http.get(f"/v1/jobs/{order.job_id}/transcript")).json()["code"] == "transcript_removed"
    again = await api.http.post(f"/v1/jobs/{order.job_id}/retry", json={"engine": "other"})
    assert (again.status_code, again.json()["code"]) == (410, "audio_removed")
    again = await api.http.post(f"/v1/jobs/{order.job_id}/retry", json={"formats": ["pdf"]})
    assert (again.status_code, again.json()["code"]) == (410, "transcript_removed")


async def test_failed_jobs_are_not_passed_over_and_jobs_at_work_are(gateway: RunningGateway, api: ApiClient) -> None:
    """What counts is that a job has ended, however; a report that was removed is there again after a retry."""
    cancelled = await api.create()
    await gateway.others.heard(JobSubmitted, cancelled["id"])
    assert (await api.http.post(f"/v1/jobs/{cancelled['id']}/cancel")).status_code == 200
    working = await api.create()
    await gateway.others.heard(JobSubmitted, working["id"])
    done = await _done(gateway, api)
    waiting = await api.upload()
    await _decide(api, tenant={"audio": 0, "report": 0})
    await gateway.others.heard(ContentErased, cancelled["id"])
    await gateway.others.heard(ContentErased, str(done.job_id))
    await _rounds(gateway)
    assert await gateway.keys(cancelled["id"]) == []
    assert len(await gateway.keys(working["id"])) == len(await gateway.keys(waiting["id"])) == 1
    await _decide(api, tenant={})
    assert (await api.http.post(f"/v1/jobs/{done.job_id}/retry", json={"formats": ["txt", "srt"]})).status_code == 202
    assert [one["part"] for one in (await api.job(str(done.job_id)))["removed"]] == ["audio"]


async def test_a_job_that_changed_meanwhile_keeps_everything(gateway: RunningGateway, api: ApiClient) -> None:
    """What a round decided about a job counts for the job as it was then: not after a retry that ended meanwhile."""
    order = await _done(gateway, api)
    store, transitions = RetentionStore(gateway.pool), Transitions(gateway.pool)
    job = await ErasureStore(gateway.pool).job(order.tenant_id, order.job_id)
    assert job is not None
    [before] = await store.remaining([order.job_id])
    await gateway.pool.execute("update gateway.jobs set finished_at = now(), version = version + 1 where id = $1", job.id)
    event = ContentErased(tenant_id=job.tenant_id, job_id=job.id, run=1, parts=(Part.REPORT,))
    assert not await store.mark(before, [Part.REPORT], event)
    assert not await transitions.erased(job, announcements.erased(job), unless_changed=True)
    assert (await api.job(str(job.id)))["removed"] == []
    assert await gateway.pool.fetchval("select count(*) from gateway.uploads where id = $1", job.id) == 1
    [now] = await store.remaining([order.job_id])
    assert await store.mark(now, [Part.REPORT], event)


async def test_files_that_an_edit_replaced_go_after_a_week(gateway: RunningGateway, api: ApiClient) -> None:
    """Those of the newest revision stay, and so do all reports, and whatever the job leads to; those of a job that has changed
    lately are left alone."""
    order, fresh = await _done(gateway, api), await _done(gateway, api)
    for one in (order, fresh):
        about = (one.tenant_id, one.job_id, 1)
        for revision in (1, 2):
            await gateway.blobs.put(artifact_key(*about, "transcript.txt", revision), b"edited")
            await gateway.blobs.put(report_key(*about, revision), b"{}")
    await gateway.pool.execute("update gateway.jobs set revision = 2, reported_revision = 2")
    led_to = artifact_key(order.tenant_id, order.job_id, 1, "transcript.txt", 1)
    await gateway.pool.execute(
        "update gateway.jobs set updated_at = now() - interval '8 days', "
        "artifacts = jsonb_set(artifacts, '{0,key}', to_jsonb($2::text)) where id = $1",
        *(order.job_id, led_to),
    )
    async with asyncio.timeout(PATIENCE):
        while len(kept := [key for key in await gateway.keys(str(order.job_id)) if "/artifacts/" in key]) > 2:
            await asyncio.sleep(0.02)
    assert sorted(kept) == sorted([led_to, artifact_key(order.tenant_id, order.job_id, 1, "transcript.txt", 2)])
    assert len([key for key in await gateway.keys(str(order.job_id)) if "/report/" in key]) == 2
    assert len([key for key in await gateway.keys(str(fresh.job_id)) if "/artifacts/" in key]) == 3


async def test_a_slow_store_does_not_let_go_of_the_job(
    gateway: RunningGateway, api: ApiClient, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job whose parts are being removed is kept from being begun again for as long as that takes."""
    order = await _done(gateway, api)
    monkeypatch.setattr(database, "IDLE_TRANSACTION_SECONDS", 0.1)
    pool = await database.open_pool(database_url, size=1)
    async with RetentionStore(pool).holding(order.job_id) as removed:
        await gateway.pool.execute("select pg_sleep(0.5)")
        free = await gateway.pool.fetch("select id from gateway.jobs for update skip locked")
    assert (removed, free) == (frozenset(), [])
    await pool.close()


async def test_a_jobs_record_goes_with_everything_and_strangers_stay(
    gateway: RunningGateway, api: ApiClient, tmp_path: Path
) -> None:
    """A job whose own time is over is erased everywhere; what only the store knows is counted and left alone, as after a
    restored database."""
    order = await _done(gateway, api)
    stranger = new_id()
    await gateway.blobs.put(artifact_key(order.tenant_id, stranger, 1, "a.txt"), b"from before the backup")
    foreign = tmp_path / "blobs" / job_prefix(order.tenant_id, order.job_id) / "Copy of it.mp3"
    foreign.write_bytes(b"that an operator put there by hand")
    await _decide(api, tenant={"record": 1})
    await _rounds(gateway)
    assert (await api.job(str(order.job_id)))["state"] == "completed"
    await gateway.pool.execute(
        "update gateway.jobs set created_at = created_at - interval '2 days', finished_at = finished_at - interval '2 days'"
    )
    await gateway.others.heard(JobErased, str(order.job_id))
    async with asyncio.timeout(PATIENCE):
        while await gateway.keys(str(order.job_id)):
            await asyncio.sleep(0.02)
    assert (await api.http.get(f"/v1/jobs/{order.job_id}")).status_code == 404
    await _rounds(gateway)
    assert len(await gateway.keys(str(stranger))) == 1


async def test_rules_are_shown_with_what_counts_and_are_in_the_audit_log(gateway: RunningGateway, api: ApiClient) -> None:
    """An administrator sees what was put, what counts, and who changed it; a scenario that is not there is refused."""
    await _decide(api, tenant={"audio": 30, "deliveries": 5})
    shown = (await api.http.get("/v1/retention")).json()
    assert shown["rules"] == {"tenant": {"audio": 30, "deliveries": 5}, "solutions": {}}
    assert shown["effective"] == {"audio": 30, "raw": 400, "transcript": None, "report": None, "record": None}
    assert (await gateway.pool.fetchval("select days from gateway.delivery_retention")) == 5
    wrong = await api.http.put("/v1/retention", json={"solutions": {"nothing": {"audio": 1}}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown_solution")
    assert (await api.http.put("/v1/retention", json={"tenant": {"audio": -1}})).status_code == 422
    await _decide(api, tenant={})
    async with asyncio.timeout(PATIENCE):
        while len(entries := (await api.http.get("/v1/audit?action=retention.changed")).json()["data"]) < 2:
            await asyncio.sleep(0.05)
    assert '"deliveries":5' in entries[0]["before"]["rules"].replace(" ", "")
