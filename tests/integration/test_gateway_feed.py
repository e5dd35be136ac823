"""All jobs of a tenant as one stream: nothing is lost or told twice, whatever breaks off, overtakes or reads slowly."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from services.gateway import feed
from services.gateway.feed import Feeds
from services.gateway.snapshots import Place
from services.gateway.store.feed import FeedStore
from shared.schemas.events import JobSubmitted, TranscriptionState
from tests.gatewaying import PATIENCE, ApiClient, RunningGateway, running_gateway

NEW_JOB = {"audio_url": "https://example.com/a.wav"}


@dataclass(frozen=True)
class Told:
    """One event of the stream."""

    id: str | None
    name: str
    data: dict[str, Any]

    @property
    def change(self) -> tuple[str, int | None]:
        """Which job, and its version; null for one that is gone."""
        return self.data["id"], self.data.get("version")


class Stream:
    """An open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> Told:
        """The next event."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if line == "" and "event" in fields:
                    return Told(fields.get("id"), fields["event"], json.loads(fields["data"]))
                if line == "":
                    fields = {}
                elif not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
        raise AssertionError("the stream ended")

    async def until(self, name: str) -> list[Told]:
        """All events up to the first with a name, that included."""
        told = [await self.next()]
        while told[-1].name != name:
            told.append(await self.next())
        return told


@asynccontextmanager
async def following(http: httpx.AsyncClient, last: str | None = None, **parameters: Any) -> AsyncIterator[Stream]:
    """A stream of all jobs."""
    headers = {} if last is None else {"Last-Event-ID": last}
    async with http.stream("GET", "/v1/events", params=parameters, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        yield Stream(response)


async def test_every_job_is_told_as_it_changes_and_when_it_is_deleted(gateway: RunningGateway, api: ApiClient) -> None:
    """From creation to deletion, each event is the job as `GET` shows it; another tenant hears nothing of it."""
    async with await gateway.new_tenant("other") as other, following(api.http) as mine, following(other) as theirs:
        assert (await mine.next()).name == (await theirs.next()).name == "synced"
        job = (await api.http.post("/v1/jobs", json=NEW_JOB)).json()
        created = await mine.next()
        assert (created.name, created.data) == ("job", await api.job(job["id"]))
        order = await gateway.others.heard(JobSubmitted, job["id"])
        await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.5)
        assert (await mine.next()).data["progress"] == pytest.approx(0.475)
        await gateway.others.complete(order)
        while (told := await mine.next()).data["state"] != "completed":
            pass
        assert told.data == await api.job(job["id"])
        await api.http.delete(f"/v1/jobs/{job['id']}")
        gone = await mine.next()
        assert (gone.name, gone.data) == ("deleted", {"id": job["id"]})
        own = (await other.post("/v1/jobs", json=NEW_JOB)).json()
        assert (await theirs.next()).data["id"] == own["id"]


async def test_a_snapshot_and_a_filter_say_which_jobs_one_wants(gateway: RunningGateway, api: ApiClient) -> None:
    """`snapshot` begins with what is not final; `state` tells of jobs when they are in it, and of deletions all the same."""
    done, running = [(await api.http.post("/v1/jobs", json=NEW_JOB)).json()["id"] for _ in range(2)]
    await api.http.post(f"/v1/jobs/{done}/cancel")
    async with following(api.http, snapshot="true") as stream:
        first, synced = await stream.until("synced")
        assert (first.data["id"], first.id, synced.id is None) == (running, None, False)
    await api.http.patch(f"/v1/jobs/{running}", json={"tags": ["board", "2026"]})
    async with following(api.http, state=["cancelled", "failed"], tag="board") as stream:
        await stream.until("synced")
        third = (await api.http.post("/v1/jobs", json=NEW_JOB)).json()["id"]
        await api.http.post(f"/v1/jobs/{third}/cancel")
        await api.http.post(f"/v1/jobs/{running}/cancel")
        await api.http.delete(f"/v1/jobs/{third}")
        assert [(one.name, one.data["id"]) for one in await stream.until("deleted")] == [("job", running), ("deleted", third)]


async def test_a_stream_goes_on_anywhere_without_gap_or_repeat(
    database_url: str, rabbitmq_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off after any event, at either replica, it goes on at the other with exactly the jobs that changed since."""
    monkeypatch.setattr(feed, "PAGE", 3)
    async with (
        running_gateway(database_url, tmp_path, bus_url=rabbitmq_url) as one,
        running_gateway(database_url, tmp_path, bus_url=rabbitmq_url) as two,
        await one.new_tenant("acme") as here,
        two.client(here.headers["Authorization"].removeprefix("Bearer ")) as there,
    ):
        async with following(there) as stream:
            told = await stream.until("synced")
            ids = [
                answer.json()["id"] for answer in await asyncio.gather(*(here.post("/v1/jobs", json=NEW_JOB) for _ in range(8)))
            ]
            await asyncio.gather(*(here.post(f"/v1/jobs/{job_id}/cancel") for job_id in ids[:6]))
            await asyncio.gather(*(here.delete(f"/v1/jobs/{job_id}") for job_id in ids[:2]))
            final = {job_id: None if job_id in ids[:2] else 2 if job_id in ids[:6] else 1 for job_id in ids}
            while dict(one.change for one in told[1:]) != final:
                told.append(await stream.next())
        changes = [one.change for one in told[1:]]
        assert len(changes) == len(set(changes))
        for number, at in enumerate(told):
            known = dict(changes[:number])
            async with following((here, there)[number % 2], at.id) as again:
                news = [one.change for one in (await again.until("synced"))[:-1]]
            assert sorted(news) == sorted(
                (job_id, version) for job_id, version in final.items() if (job_id, version) not in known.items()
            )


async def test_what_was_committed_late_is_told_late(gateway: RunningGateway, api: ApiClient) -> None:
    """A transaction that began first and ends last is passed over by nobody, and holds nobody up."""
    slow, fast = [(await api.http.post("/v1/jobs", json=NEW_JOB)).json()["id"] for _ in range(2)]
    touch = "update gateway.jobs set version = version + 1 where id = $1"
    async with following(api.http) as stream:
        await stream.until("synced")
        async with gateway.pool.acquire() as connection:
            async with connection.transaction():
                await connection.execute(touch, slow)
                await gateway.pool.execute(touch, fast)
                gateway.miss_broadcasts()
                first = await stream.next()
                assert first.data["id"] == fast
            gateway.miss_broadcasts()
            assert (await stream.next()).data["id"] == slow
    async with following(api.http, first.id) as stream:
        assert [one.change for one in (await stream.until("synced"))[:-1]] == [(slow, 2)]


async def test_a_slow_reader_gets_the_newest_state_and_costs_no_memory(
    gateway: RunningGateway, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever does not read while much happens gets each job once, as it is then, and no more than a few pages wait."""
    monkeypatch.setattr(feed, "PAGE", 2)
    tenant_id = UUID((await api.http.get("/v1/account")).json()["tenant"]["id"])
    ids = [(await api.http.post("/v1/jobs", json=NEW_JOB)).json()["id"] for _ in range(5)]
    store = FeedStore(gateway.pool)
    feeds = Feeds(
        store=store, show=lambda job: msgspec.json.encode({"id": job.id, "version": job.version}), stopping=asyncio.Event()
    )
    running = asyncio.create_task(feeds.run())
    now = await store.now()
    with feeds.follow(tenant_id, now, now=now) as reader, feeds.follow(tenant_id, now, now=now) as sleeper:
        seen: dict[str, int] = {}
        for version in range(2, 12):
            await gateway.pool.execute("update gateway.jobs set version = version + 1 where tenant_id = $1", tenant_id)
            feeds.missed()
            while seen != dict.fromkeys(ids, version):
                await reader.rest(0.1)
                async for told in reader.news():
                    seen |= {job["id"]: job["version"] for job in _jobs(told)}
        late = [job async for page in sleeper.news() for job in _jobs(page)]
    running.cancel()
    assert sorted(job["id"] for job in late) == sorted(ids)
    assert {job["version"] for job in late} == {11}


async def test_the_stream_ends_when_the_process_stops(gateway: RunningGateway, api: ApiClient) -> None:
    """Draining waits for nobody who follows; they connect again elsewhere, where they were."""
    async with following(api.http) as stream:
        await stream.until("synced")
        gateway.platform.stopping.set()
        with pytest.raises(AssertionError, match="the stream ended"):
            await stream.next()


async def test_a_place_that_is_not_known_is_refused_with_what_to_do(gateway: RunningGateway, api: ApiClient) -> None:
    """Nonsense is 400; what is too old, or of a database that counted further, is 410 and names the way on."""
    now = await FeedStore(gateway.pool).now()
    for place, status, code in (
        ("5", 400, "invalid_header"),
        (now.encode() + "/", 400, "invalid_header"),
        (f"{now.at}.9:3:", 400, "invalid_header"),
        (f"{now.at}.3:5:9", 400, "invalid_header"),
        (f"{now.at}.3:5:4/3:5:/{'9' * 20}/{UUID(int=1)}", 400, "invalid_header"),
        (Place(seen=now.seen, at=int(time.time()) - 8 * 86400).encode(), 410, "events_forgotten"),
        (f"{now.at}.{now.seen.next + 1000}:{now.seen.next + 1000}:", 410, "events_forgotten"),
    ):
        answer = await api.http.get("/v1/events", headers={"Last-Event-ID": place})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (status == 410) is ("snapshot=true" in answer.json()["detail"])


async def test_deletions_are_remembered_for_as_long_as_a_place_is_good(gateway: RunningGateway, api: ApiClient) -> None:
    """What is known of a deleted job goes after that time, and of others never."""
    kept, fresh, old = [(await api.http.post("/v1/jobs", json=NEW_JOB)).json()["id"] for _ in range(3)]
    for job_id in (fresh, old):
        await api.http.delete(f"/v1/jobs/{job_id}")
    await gateway.pool.execute("update gateway.job_changes set gone_at = now() - interval '8 days' where job_id = $1", old)
    assert await FeedStore(gateway.pool).forget_gone(after=feed.REMEMBERED) == 1
    known = {str(row["job_id"]) for row in await gateway.pool.fetch("select job_id from gateway.job_changes")}
    assert known == {kept, fresh}


def _jobs(events: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in events.decode().splitlines() if line.startswith("data: ")]
