"""When the work on jobs begins: at once, after a time, or when it is their turn; over several gateways, and after deaths."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from services.gateway.store.turns import LOCK
from shared.database import transaction
from shared.schemas.events import JobCancelled, JobSubmitted
from tests.gatewaying import PATIENCE, ApiClient, RunningGateway, running_gateway

LIMITS = {"AUDIO2TXT_JOBS_AT_ONCE": "3", "AUDIO2TXT_TENANT_JOBS_AT_ONCE": "2", "AUDIO2TXT_SWEEP_SECONDS": "0.2"}


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway with room for three jobs, two of one tenant, whose sweeper looks often."""
    async with running_gateway(database_url, tmp_path, settings=LIMITS) as running:
        yield running


def _reason(job: dict[str, Any]) -> str | None:
    waiting = job["stages"]["transcription"]["waiting"]
    return None if waiting is None else waiting["code"]


async def _end(gateway: RunningGateway, job: dict[str, Any]) -> None:
    await gateway.others.complete(await gateway.others.heard(JobSubmitted, job["id"]))


async def _in_work(gateway: RunningGateway) -> int:
    return int(
        await gateway.pool.fetchval(
            "select count(*) from gateway.jobs where turn_at is null and state in ('queued', 'transcribing', 'reporting')"
        )
    )


async def test_jobs_wait_for_their_turn_by_priority(gateway: RunningGateway, api: ApiClient) -> None:
    """Two begin at once; of those that wait, the next begins when one ends, the urgent before the others, and all say why."""
    first, second = await api.create(), await api.create()
    await gateway.others.heard(JobSubmitted, second["id"])
    low, normal, high = [await api.create(priority=priority) for priority in ("low", "normal", "high")]
    assert [_reason(job) for job in (first, second, low, normal, high)] == [None, None, "turn", "turn", "turn"]
    assert high["priority"] == "high"
    await asyncio.sleep(0.5)  # a sweeper that took them for stalled would have announced them by now
    assert not [job for job in (low, normal, high) if gateway.others.all_of(JobSubmitted, job["id"])]
    for ending, beginning in ((first, high), (second, normal), (high, low)):
        await _end(gateway, ending)
        await gateway.others.heard(JobSubmitted, beginning["id"])
        assert await _in_work(gateway) <= 2
    assert _reason(await api.job(low["id"])) is None
    order = await gateway.others.heard(JobSubmitted, low["id"])
    assert order.deadline_at > dt.datetime.fromisoformat(low["created_at"]) + dt.timedelta(hours=24)


async def test_a_tenant_with_many_jobs_does_not_delay_anothers_first(gateway: RunningGateway, api: ApiClient) -> None:
    """The place that is left is another tenant's at once, and the next one is a third tenant's before it is the first's."""
    mine = [await api.create() for _ in range(5)]
    async with await gateway.new_tenant("b") as b, await gateway.new_tenant("c") as c:
        theirs = await ApiClient(b).create()
        await gateway.others.heard(JobSubmitted, theirs["id"])
        third = await ApiClient(c).create()
        assert (_reason(theirs), _reason(third)) == (None, "turn")
        await _end(gateway, mine[0])
        await gateway.others.heard(JobSubmitted, third["id"])
        assert _reason(await api.job(mine[2]["id"])) == "turn"


async def test_cancelling_deleting_and_retrying_work_while_waiting(gateway: RunningGateway, api: ApiClient) -> None:
    """A job that waits can be cancelled and deleted, one that is retried waits again, and each frees what it had."""
    first, second, third, fourth, fifth = [await api.create() for _ in range(5)]
    cancelled = await api.http.post(f"/v1/jobs/{third['id']}/cancel")
    assert (cancelled.json()["state"], _reason(cancelled.json())) == ("cancelled", None)
    await gateway.others.heard(JobCancelled, third["id"])
    assert (await api.http.delete(f"/v1/jobs/{fourth['id']}")).status_code == 204
    retried = (await api.http.post(f"/v1/jobs/{third['id']}/retry")).json()
    assert (retried["state"], retried["run"], _reason(retried)) == ("queued", 2, "turn")
    await api.http.post(f"/v1/jobs/{first['id']}/cancel")
    await gateway.others.heard(JobSubmitted, fifth["id"])
    assert (await api.http.delete(f"/v1/jobs/{second['id']}")).status_code == 204
    order = await gateway.others.heard(JobSubmitted, third["id"])
    assert order.run == 2
    assert not gateway.others.all_of(JobSubmitted, fourth["id"])
    waiting = await api.create()
    assert _reason(waiting) == "turn"
    long_ago = "update gateway.jobs set turn_at = now() - interval '8 days', deadline_at = now() where id = $1"
    await gateway.pool.execute(long_ago, waiting["id"])
    async with asyncio.timeout(30):
        while (await api.job(waiting["id"]))["state"] != "failed":
            await asyncio.sleep(0.05)


async def test_a_scheduled_job_begins_at_its_time(gateway: RunningGateway, api: ApiClient) -> None:
    """It says that it waits for a time and which, takes no place meanwhile, and begins within a moment of it."""
    at = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
    job = await api.create(start_after=at.isoformat())
    assert (_reason(job), dt.datetime.fromisoformat(job["start_after"])) == ("scheduled", at)
    others = [await api.create() for _ in range(2)]
    assert [_reason(other) for other in others] == [None, None]
    await _end(gateway, others[0])
    order = await gateway.others.heard(JobSubmitted, job["id"])
    assert dt.datetime.now(dt.UTC) >= at
    assert order.deadline_at >= at + dt.timedelta(hours=24)
    for wrong in ("tomorrow", "2026-12-01T20:00:00", (at + dt.timedelta(days=91)).isoformat()):
        answer = await api.http.post("/v1/jobs", json={"audio_url": "https://example.com/a.wav", "start_after": wrong})
        assert answer.status_code == 422, wrong


async def test_one_decides_at_a_time_who_begins(gateway: RunningGateway, api: ApiClient) -> None:
    """While another process does, a new job waits although there is room, and so does this process's decision."""
    waits = (
        "select exists (select from pg_locks where locktype = 'advisory' and not granted "
        "and database = (select oid from pg_database where datname = current_database()))"
    )
    async with transaction(gateway.pool) as another:
        await another.execute("select pg_advisory_xact_lock($1)", LOCK)
        job = await api.create()
        assert _reason(job) == "turn"
        async with asyncio.timeout(PATIENCE):
            while not await another.fetchval(waits):
                await asyncio.sleep(0.05)
        assert not gateway.others.all_of(JobSubmitted, job["id"])
    await gateway.others.heard(JobSubmitted, job["id"])


async def test_several_gateways_keep_one_limit(database_url: str, tmp_path: Path) -> None:
    """Forty jobs of two tenants, made at once at two gateways while others end: never more in work than may be, and all end."""
    async with AsyncExitStack() as stack:
        one, two = [
            await stack.enter_async_context(running_gateway(database_url, tmp_path / name, settings=LIMITS)) for name in "ab"
        ]
        first = await stack.enter_async_context(await one.new_tenant("a"))
        second = await stack.enter_async_context(await two.new_tenant("b"))
        order = {"audio_url": "https://example.com/a.wav"}
        answers = []
        for _ in range(5):  # the test's database has few connections
            answers += await asyncio.gather(*(http.post("/v1/jobs", json=order) for http in (first, second) * 4))
        assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
        ids = {answer.json()["id"] for answer in answers}
        ended: set[str] = set()
        async with asyncio.timeout(60):
            while len(ended) < len(ids):
                assert await _in_work(one) <= 3
                for gateway in (one, two):
                    for job_id in ids - ended:
                        if heard := gateway.others.all_of(JobSubmitted, job_id):
                            await gateway.others.complete(heard[0])
                            ended.add(job_id)
                await asyncio.sleep(0.01)
        assert await one.pool.fetchval("select count(*) from gateway.jobs where state = 'completed'") == 40
