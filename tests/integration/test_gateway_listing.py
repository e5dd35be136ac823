"""Finding jobs again: by tags, metadata, state, scenario, language and time; and changing what they are found by."""

from __future__ import annotations

from typing import Any

from shared.schemas.events import JobSubmitted, TranscriptionState
from tests.gatewaying import ApiClient, RunningGateway


async def _found(api: ApiClient, **filters: Any) -> list[str]:
    """The titles of the jobs, over all pages of two, the oldest first."""
    titles, path = [], "/v1/jobs"
    parameters: dict[str, Any] | None = {"limit": 2, **filters}
    while True:
        answer = await api.http.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        titles += [job["title"] for job in answer.json()["data"]]
        if "next" not in answer.links:
            return titles[::-1]
        path, parameters = answer.links["next"]["url"], None


async def test_jobs_are_found_by_every_filter_and_by_all_together(gateway: RunningGateway, api: ApiClient) -> None:
    """Each filter finds its jobs over all pages, several narrow one another, and another tenant's jobs are never among them."""
    async with await gateway.new_tenant("others") as http:
        await ApiClient(http).create(title="theirs", tags=["board"], metadata={"case": "7"})
    orders: dict[str, dict[str, Any]] = {
        "a": {"tags": ["board", " 董事會 ", "board"], "metadata": {"case": "7", "a:b": "c"}},
        "b": {"tags": ["board"], "metadata": {"case": "8"}, "solution": "meeting_minutes"},
        "c": {"tags": ["董事會"], "metadata": {"case": "7"}},
        "d": {"tags": ["board"], "metadata": {"case": "7"}},
        "e": {},
    }
    for title, order in orders.items():
        job = await api.create(title=title, **order)
        if title in "de":
            submitted = await gateway.others.heard(JobSubmitted, job["id"])
            await gateway.others.transcribe(submitted, language="zh-Hant" if title == "d" else "zho")
    listed = (await api.http.get("/v1/jobs")).json()["data"]
    assert listed[-1]["tags"] == ["board", "董事會"]
    times = {job["title"]: job["created_at"] for job in listed}

    assert await _found(api) == ["a", "b", "c", "d", "e"]
    assert await _found(api, tag="board") == ["a", "b", "d"]
    assert await _found(api, tag=["board", "董事會"]) == ["a"]
    assert await _found(api, metadata="case:7") == ["a", "c", "d"]
    assert await _found(api, metadata=["case:7", "a:b:c"]) == ["a"]
    assert await _found(api, tag="board", metadata="case:7", state="reporting") == ["d"]
    assert await _found(api, tag="Board") == await _found(api, metadata="case:") == []
    assert await _found(api, state="queued") == ["a", "b", "c"]
    assert await _found(api, solution="meeting_minutes") == ["b"]
    assert await _found(api, language="ZH") == await _found(api, language="zh-hant") == ["d"]
    assert await _found(api, language="zh-Hans") == []
    assert await _found(api, created_after=times["b"], created_before=times["d"]) == ["b", "c"]
    assert await _found(api, tag="board", created_after=times["b"]) == ["b", "d"]
    assert (await api.http.get("/v1/jobs", params={"tag": [str(n) for n in range(6)]})).status_code == 400


async def test_title_tags_and_metadata_change_at_any_time(gateway: RunningGateway, api: ApiClient) -> None:
    """What is given changes and is found from then on, what is left out stays; an old If-Match changes nothing."""
    job = await api.create(title="draft", tags=["a", "b"], metadata={"case": "7"})
    path = f"/v1/jobs/{job['id']}"
    order = await gateway.others.heard(JobSubmitted, job["id"])
    etag = (await api.http.get(path)).headers["ETag"]
    await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.5)
    late = await api.http.patch(path, json={"title": "late"}, headers={"If-Match": etag})
    assert (late.status_code, late.json()["code"]) == (412, "job_changed")

    answer = await api.http.patch(path, json={"tags": ["b", "c"], "title": "final"})
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert (changed["title"], changed["tags"], changed["metadata"]) == ("final", ["b", "c"], {"case": "7"})
    assert answer.headers["ETag"] == f'"{changed["version"]}"' == (await api.http.get(path)).headers["ETag"]
    assert await _found(api, tag="a") == []
    assert await _found(api, tag=["b", "c"], metadata="case:7") == ["final"]

    await gateway.others.complete(order)
    cleared = await api.http.patch(path, json={"title": None, "metadata": {}}, headers={"If-Match": "*"})
    assert (cleared.json()["title"], cleared.json()["metadata"]) == (None, {})
    assert await _found(api, metadata="case:7") == []
    retry = await api.http.post(f"{path}/retry", json={"formats": ["pdf"]})
    assert (retry.status_code, retry.json()["title"]) == (202, None)
    assert (await api.http.patch(path, json={"tags": ["\u200b"]})).status_code == 422
    assert (await api.http.patch(path, json={"state": "completed"})).status_code == 422
    assert (await api.http.delete(path)).status_code == 204
    assert await gateway.pool.fetchval("select count(*) from gateway.job_labels") == 0


async def test_metadata_from_before_is_found(gateway: RunningGateway, api: ApiClient) -> None:
    """The migration labels the metadata of jobs that are there as the gateway does."""
    await api.create(title="old", metadata={"案號": "2024-117"})
    labels = await gateway.pool.fetch(
        """
        select substring(sha256(convert_to('metadata:' || entry.key || ':' || entry.value, 'UTF8')) for 16) as label
        from gateway.jobs, jsonb_each_text(metadata) as entry
        """
    )
    known = await gateway.pool.fetch("select label from gateway.job_labels")
    assert [row["label"] for row in labels] == [row["label"] for row in known]
