"""Searching titles and transcripts over HTTP: what is found, where, by whom, and what is found no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from services.gateway.permissions import Role
from services.gateway.store.retention import RetentionStore
from shared.blobs import transcript_key
from shared.schemas.events import ContentErased, JobSubmitted
from shared.schemas.privacy import Part
from tests.gatewaying import ApiClient, RunningGateway
from tests.speech import conversation, transcript


async def _spoken(gateway: RunningGateway, api: ApiClient, *lines: str, **order: Any) -> JobSubmitted:
    """A completed job in which this was said."""
    submitted = await gateway.others.heard(JobSubmitted, (await api.create(**order))["id"])
    await gateway.others.complete(submitted)
    about = (submitted.tenant_id, submitted.job_id, submitted.run)
    said = transcript(conversation(*(("A", line) for line in lines)))
    await gateway.blobs.put(transcript_key(*about), msgspec.json.encode(said))
    await gateway.pool.execute("update gateway.jobs set search_at = now() where id = $1", submitted.job_id)
    return submitted


async def _indexed(gateway: RunningGateway) -> None:
    async with asyncio.timeout(30):
        while await gateway.pool.fetchval("select count(*) from gateway.jobs where search_at is not null"):
            await asyncio.sleep(0.05)


async def _found(api: ApiClient, q: str, **parameters: Any) -> list[tuple[str, list[str | None]]]:
    """Titles of the jobs, and which segments were hit, over all pages."""
    found: list[tuple[str, list[str | None]]] = []
    path = "/v1/search"
    asked: dict[str, Any] | None = {"q": q, **parameters}
    while True:
        answer = await api.http.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        found += [(job["title"], [hit["segment_id"] for hit in job["hits"]]) for job in answer.json()["data"]]
        if "next" not in answer.links:
            return found
        path, asked = answer.links["next"]["url"], None


async def test_what_was_said_and_what_jobs_are_called_is_found(gateway: RunningGateway, api: ApiClient) -> None:
    """The newest jobs first, with segment, moment and snippet, in either script, page by page; never another tenant's."""
    first = await _spoken(gateway, api, "我們討論第三季預算。", "預算，核准了。", title="董事會 2026")
    await _spoken(gateway, api, "The budget is approved.", title="預算 meeting")
    async with await gateway.new_tenant("others") as http:
        await _spoken(gateway, ApiClient(http), "預算核准", title="theirs")
    await api.create(title="預算 that waits")
    await _indexed(gateway)

    answer = (await api.http.get("/v1/search", params={"q": "预算核准"})).json()
    (job,) = answer["data"]
    assert (job["job_id"], job["title"], answer["has_more"]) == (str(first.job_id), "董事會 2026", False)
    (hit,) = job["hits"]
    assert hit["start_ms"] < hit["end_ms"]
    shown = (await api.http.get(f"{job['job']}/transcript")).json()["segments"]
    assert [one["start_ms"] for one in shown if one["id"] == hit["segment_id"]] == [hit["start_ms"]]
    assert hit["snippet"] == [{"text": "預算，核准", "match": True}, {"text": "了。", "match": False}]

    everywhere = await _found(api, "預算")
    assert [title for title, _ in everywhere] == ["預算 that waits", "預算 meeting", "董事會 2026"]
    assert [len(hits) for _, hits in everywhere] == [1, 1, 2]
    assert everywhere == await _found(api, "預算", limit=1)
    assert await _found(api, "預算", job=str(first.job_id)) == everywhere[2:]
    assert await _found(api, "budget approved") == [("預算 meeting", [shown[0]["id"]])]
    for wrong in ({"q": "..."}, {}, {"q": "a", "after": "x"}, {"q": "x" * 201}):
        assert (await api.http.get("/v1/search", params=wrong)).status_code == 400, wrong
    log = [entry["after"] for entry in await _audit(api, "transcript.read", until=lambda entries: len(entries) >= 3)]
    assert {"how": "search"} in log


async def test_whoever_may_not_read_transcripts_finds_titles_alone(gateway: RunningGateway, api: ApiClient) -> None:
    """A key without `transcripts:read` learns what jobs are called, and nothing of what was said."""
    order = await _spoken(gateway, api, "預算", title="預算 a")
    await _spoken(gateway, api, "預算", title="b")
    await _indexed(gateway)
    key = {"name": "lister", "role": Role.VIEWER, "scopes": ["jobs:read"]}
    lister = (await api.http.post("/v1/keys", json=key)).json()["key"]
    async with gateway.client(lister) as http:
        assert await _found(ApiClient(http), "預算") == [("預算 a", [None])]
        assert await _found(ApiClient(http), "預算", job=str(order.job_id)) == [("預算 a", [None])]


async def test_the_index_follows_edits_titles_and_deletion(gateway: RunningGateway, api: ApiClient) -> None:
    """What was mended is found as it is now, what was renamed by its new name, and nothing of what was deleted is kept."""
    order = await _spoken(gateway, api, "We meet on Monday.", title="old")
    await _indexed(gateway)
    path = f"/v1/jobs/{order.job_id}"
    ((_, (segment,)),) = await _found(api, "monday")
    edit = {"segments": [{"id": segment, "text": "We meet on Tuesday."}]}
    edited = await api.http.patch(f"{path}/transcript", json=edit, headers={"If-Match": "*"})
    assert edited.status_code == 200, edited.text
    assert (await api.http.patch(path, json={"title": "new"})).status_code == 200
    await _indexed(gateway)
    assert await _found(api, "monday") == await _found(api, "old") == []
    assert await _found(api, "tuesday") == [("new", [segment])]
    assert await _found(api, "new") == [("new", [None])]
    await gateway.pool.execute("update gateway.jobs set reported_revision = revision where id = $1", order.job_id)
    retention = RetentionStore(gateway.pool)
    (remaining,) = await retention.remaining([order.job_id])
    event = ContentErased(tenant_id=order.tenant_id, job_id=order.job_id, parts=(Part.TRANSCRIPT,))
    assert await retention.mark(remaining, {Part.TRANSCRIPT}, event)
    await _indexed(gateway)
    assert (await _found(api, "tuesday"), await _found(api, "new")) == ([], [("new", [None])])
    assert (await api.http.delete(path)).status_code == 204
    assert await gateway.pool.fetchval("select count(*) from gateway.passages") == 0


async def _audit(api: ApiClient, action: str, *, until: Callable[[list[Any]], bool]) -> list[Any]:
    async with asyncio.timeout(30):
        while True:
            entries: list[Any] = (await api.http.get("/v1/audit", params={"action": action})).json()["data"]
            if until(entries):
                return entries
            await asyncio.sleep(0.1)
