"""Event streams of a job, over real HTTP: every change, across breaks and replicas, within limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.gateway import live
from shared.schemas.events import JobSubmitted, TranscriptionState
from tests.gatewaying import PATIENCE, ApiClient, RunningGateway, ready, running_gateway, unrendered


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database with three streams for each tenant."""
    limits = {"AUDIO2TXT_STREAMS_PER_TENANT": "3"}
    async with running_gateway(database_url, tmp_path, settings=limits) as running:
        yield running


async def _completed(gateway: RunningGateway, api: ApiClient, *names: str) -> JobSubmitted:
    job = await api.create()
    order = await gateway.others.heard(JobSubmitted, job["id"])
    await gateway.others.transcribe(order)
    files = [ready(order, name=name) for name in names or ("transcript.txt",)]
    await gateway.others.report(order, *files, unrendered())
    return order


Events = list[tuple[int, dict[str, Any]]]


async def _following(api: ApiClient, job_id: str) -> asyncio.Task[Events]:
    """A stream that has begun: its first event is there."""
    begun = asyncio.Event()
    task = asyncio.create_task(_events(api, job_id, begun=begun))
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
    return task


async def _events(api: ApiClient, job_id: str, *, last: int | None = None, begun: asyncio.Event | None = None) -> Events:
    """Every event until the stream ends."""
    events, version = [], 0
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    async with api.http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if line.startswith("id: "):
                version = int(line[4:])
            if line.startswith("data: "):
                events.append((version, json.loads(line[6:])))
                if begun is not None:
                    begun.set()
    return events


async def test_a_stream_tells_every_change_until_the_end(gateway: RunningGateway, api: ApiClient) -> None:
    """The job as it is, then each newer version, and the stream ends with the final state."""
    job = await api.create()
    order = await gateway.others.heard(JobSubmitted, job["id"])
    following = await _following(api, job["id"])
    await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.5)
    await gateway.others.complete(order)
    events = await following
    versions = [version for version, _ in events]
    assert versions == sorted(set(versions))
    assert all(shown["version"] == version for version, shown in events)
    assert events[-1][1] == await api.job(job["id"])
    assert events[-1][1]["state"] == "completed"


async def test_a_stream_is_taken_up_where_it_broke(gateway: RunningGateway, api: ApiClient) -> None:
    """`Last-Event-ID` skips what the client has seen; with the last version nothing is sent."""
    order = await _completed(gateway, api)
    job = await api.job(str(order.job_id))
    assert [version for version, _ in await _events(api, job["id"], last=job["version"] - 1)] == [job["version"]]
    assert await _events(api, job["id"], last=job["version"]) == []
    wrong = await api.http.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": "x"})
    assert wrong.status_code == 400


async def test_a_change_that_nobody_heard_of_is_streamed_too(gateway: RunningGateway, api: ApiClient) -> None:
    """A broadcast may be lost with its connection; then the change is found in the database."""
    job = await api.create()
    following = await _following(api, job["id"])
    await gateway.pool.execute(
        "update gateway.jobs set state = 'cancelled', finished_at = now(), version = version + 1 where id = $1", job["id"]
    )
    gateway.miss_broadcasts()
    assert (await following)[-1][1]["state"] == "cancelled"


async def test_changes_reach_the_streams_of_every_replica_over_the_broker(
    database_url: str, rabbitmq_url: str, tmp_path: Path
) -> None:
    """What one replica changes is streamed, and ends waits, at another at once: its own look at the database comes too late
    for this test."""
    async with (
        running_gateway(database_url, tmp_path, bus_url=rabbitmq_url) as one,
        running_gateway(database_url, tmp_path, bus_url=rabbitmq_url) as two,
        await one.new_tenant("acme") as http,
    ):
        here, there = ApiClient(http), ApiClient(two.client(http.headers["Authorization"].removeprefix("Bearer ")))
        async with there.http:
            job = await here.create()
            following = await _following(there, job["id"])
            waiting = asyncio.create_task(there.job(job["id"], wait=60))
            async with asyncio.timeout(live.SAFETY_SECONDS / 2):
                assert (await here.http.post(f"/v1/jobs/{job['id']}/cancel")).status_code == 200
                assert (await following)[-1][1]["state"] == "cancelled"
                assert (await waiting)["state"] == "cancelled"


async def test_a_stream_of_a_deleted_job_ends(gateway: RunningGateway, api: ApiClient) -> None:
    """There is nothing more to tell."""
    job = await api.create()
    following = await _following(api, job["id"])
    await gateway.others.heard(JobSubmitted, job["id"])
    await api.http.delete(f"/v1/jobs/{job['id']}")
    async with asyncio.timeout(PATIENCE):
        await following


async def test_streams_end_when_the_process_stops(gateway: RunningGateway, api: ApiClient) -> None:
    """Draining does not wait for jobs that take hours; clients connect again, elsewhere."""
    job = await api.create()
    following = await _following(api, job["id"])
    waiting = asyncio.create_task(api.job(job["id"], wait=60))
    await gateway.others.heard(JobSubmitted, job["id"])
    gateway.platform.stopping.set()
    async with asyncio.timeout(PATIENCE):
        assert (await waiting)["state"] == "queued"
        await following


async def test_a_tenant_holds_only_so_many_streams_open(gateway: RunningGateway, api: ApiClient) -> None:
    """One tenant cannot take all places; the others still get in."""
    job = await api.create()
    path = f"/v1/jobs/{job['id']}"
    waits = [asyncio.create_task(api.http.get(path, params={"wait": 30})) for _ in range(4)]
    done, pending = await asyncio.wait(waits, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result().status_code for task in done] == [429]
    assert len(pending) == 3
    for stream in (f"{path}/events", "/v1/events"):
        assert (await api.http.get(stream)).json()["code"] == "too_many_streams"
    async with await gateway.new_tenant("other") as other:
        their = (await other.post("/v1/jobs", json={"audio_url": "https://example.com/a"})).json()
        assert (await other.get(f"/v1/jobs/{their['id']}", params={"wait": 0.01})).status_code == 200
    await api.http.post(f"{path}/cancel")
    await asyncio.gather(*pending)


async def test_a_stream_that_is_left_gives_its_place_back(gateway: RunningGateway, api: ApiClient) -> None:
    """A client that went away does not count as one of those that are open."""
    del gateway
    job = await api.create()
    for _ in range(3):
        async with api.http.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
            assert stream.status_code == 200
    async with asyncio.timeout(PATIENCE):
        while (await api.http.get(f"/v1/jobs/{job['id']}", params={"wait": 0.01})).status_code != 200:
            await asyncio.sleep(0.02)
