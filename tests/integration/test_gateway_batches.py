"""Many recordings in one request: each a job or a reason, once however often it is asked, and all of them ended together."""

from __future__ import annotations

import asyncio
import datetime as dt

from services.gateway.store.upkeep import UpkeepStore
from shared.schemas.events import BatchCompleted, BatchErased, JobSubmitted, TranscriptionState
from shared.schemas.ids import new_id
from shared.schemas.jobs import Failure
from tests.gatewaying import ApiClient, RunningGateway


async def test_each_recording_of_a_batch_is_a_job_or_a_reason(gateway: RunningGateway, api: ApiClient) -> None:
    """One profile for all, titles, tags and metadata for each; what is wrong with one does not hold up the others."""
    uploads = [(await api.upload(params={"file_name": f"{name}.wav"}))["id"] for name in ("a", "b")]
    order = {
        "language": "zh-Hant",
        "title": "Archive",
        "tags": ["archive"],
        "metadata": {"case": "7", "box": "1"},
        "items": [
            {"upload_id": uploads[0], "title": "First", "tags": ["old"], "metadata": {"box": "2"}},
            {"upload_id": str(new_id())},
            {"upload_id": uploads[1]},
            {"audio_url": "http://127.0.0.1/a.wav"},
            {},
        ],
    }
    answer = await api.http.post("/v1/batches", json=order, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 202, answer.text
    made = answer.json()
    assert [item["job_id"] for item in made["items"]] == [uploads[0], None, uploads[1], None, None]
    refusals = [item["refusal"] and item["refusal"]["code"] for item in made["items"]]
    assert refusals[::2] == [None, None, "source_missing"]
    assert refusals[1] == "upload_not_found"
    assert refusals[3] is not None
    assert (made["size"], made["made"], made["ended"], made["states"], made["refused"]) == (5, True, False, {"queued": 2}, 3)

    first, second = await api.job(uploads[0]), await api.job(uploads[1])
    assert (first["title"], first["tags"], first["metadata"]) == ("First", ["archive", "old"], {"case": "7", "box": "2"})
    assert (second["title"], second["language"], second["batch_id"]) == ("Archive", "zh-Hant", made["id"])
    listed = (await api.http.get(made["jobs"].removeprefix(gateway.url))).json()["data"]
    assert {job["id"] for job in listed} == set(uploads)

    again = await api.http.post("/v1/batches", json=order, headers={"Idempotency-Key": "k"})
    assert (again.json()["id"], again.headers["Idempotent-Replayed"]) == (made["id"], "true")
    other = await api.http.post("/v1/batches", json={"items": [{}]}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await api.http.post("/v1/batches", json={"items": []})).status_code == 422

    await gateway.others.complete(await gateway.others.heard(JobSubmitted, uploads[0]))
    await gateway.others.complete(await gateway.others.heard(JobSubmitted, uploads[1]))
    assert (await api.http.delete(f"/v1/jobs/{uploads[1]}")).status_code == 204
    (shown,) = (await api.http.get("/v1/batches")).json()["data"]
    assert (shown["ended"], shown["states"], shown["deleted"]) == (True, {"completed": 1}, 1)


async def test_the_end_of_a_batch_is_told_once(gateway: RunningGateway, api: ApiClient) -> None:
    """When its last job has ended, however; of two that end at once neither keeps the other back, and what is retried later is
    not told again. With its last job goes what was said of it."""
    items = [{"audio_url": f"https://example.com/{name}.wav"} for name in "abcde"]
    order = {"title": "Archive", "metadata": {"box": "1"}, "items": [*items, {}]}
    made = (await api.http.post("/v1/batches", json=order)).json()
    path, jobs = f"/v1/batches/{made['id']}", [item["job_id"] for item in made["items"][:5]]
    orders = [await gateway.others.heard(JobSubmitted, job_id) for job_id in jobs]
    await gateway.others.complete(orders[0])
    failure = Failure(code="no_speech", message="Nobody speaks.", retryable=False)
    await gateway.others.progress(orders[1], TranscriptionState.FAILED, failure=failure)
    assert (await api.http.delete(f"/v1/jobs/{jobs[2]}")).status_code == 204
    assert (await api.http.get(path)).json()["ended_at"] is None
    await asyncio.gather(gateway.others.complete(orders[3]), api.http.post(f"/v1/jobs/{jobs[4]}/cancel"))

    told = await gateway.others.heard(BatchCompleted, made["id"])
    assert (told.title, told.metadata, told.size) == ("Archive", {"box": "1"}, 6)
    counts = (told.completed, told.failed, told.cancelled, told.refused, told.deleted)
    assert counts == (2, 1, 1, 1, 1)
    shown = (await api.http.get(path)).json()
    assert (shown["ended"], shown["title"], shown["metadata"]) == (True, "Archive", {"box": "1"})
    assert dt.datetime.fromisoformat(shown["ended_at"]) == told.ended_at

    assert (await api.http.post(f"/v1/jobs/{jobs[4]}/retry", json={})).status_code == 202
    again = await gateway.others.heard(JobSubmitted, jobs[4], count=2)
    await gateway.others.complete(again)
    for job_id in set(jobs) - {jobs[2]}:
        assert (await api.http.delete(f"/v1/jobs/{job_id}")).status_code == 204
    await gateway.others.heard(BatchErased, made["id"])
    assert len(gateway.others.all_of(BatchCompleted, made["id"])) == 1
    emptied = (await api.http.get(path)).json()
    assert (emptied["title"], emptied["metadata"], emptied["deleted"]) == (None, {}, 5)
    assert emptied["ended_at"] == shown["ended_at"]


async def test_a_batch_of_which_nothing_is_left_to_wait_for(gateway: RunningGateway, api: ApiClient) -> None:
    """One whose recordings are all refused ends when it is made, and is told of with its title; one whose jobs were deleted,
    without."""
    refused = (await api.http.post("/v1/batches", json={"title": "Nothing", "items": [{}, {}]})).json()
    told = await gateway.others.heard(BatchCompleted, refused["id"])
    assert (told.title, told.refused, told.size) == ("Nothing", 2, 2)
    order = {"title": "Gone", "items": [{"audio_url": "https://example.com/a.wav"}]}
    gone = (await api.http.post("/v1/batches", json=order)).json()
    assert (await api.http.delete(f"/v1/jobs/{gone['items'][0]['job_id']}")).status_code == 204
    told = await gateway.others.heard(BatchCompleted, gone["id"])
    assert (told.title, told.deleted, told.size) == (None, 1, 1)
    assert not gateway.others.all_of(BatchErased, gone["id"])


async def test_a_batch_that_broke_off_goes_on_with_its_key(gateway: RunningGateway, api: ApiClient) -> None:
    """Whoever asks again gets the rest made, and what was made before it as it is; however late."""
    order = {"items": [{"audio_url": f"https://example.com/{name}.wav"} for name in "abc"]}
    made = (await api.http.post("/v1/batches", json=order, headers={"Idempotency-Key": "k"})).json()
    await gateway.pool.execute("update gateway.batches set results = null")  # as when the process dies over it
    assert (await api.http.get(f"/v1/batches/{made['id']}")).json()["made"] is False
    await UpkeepStore(gateway.pool).forget_idempotency_keys(older_than=-1)
    again = await api.http.post("/v1/batches", json=order, headers={"Idempotency-Key": "k"})
    assert again.json() == made
    assert await gateway.pool.fetchval("select count(*) from gateway.jobs") == 3


async def test_a_batch_is_cancelled_as_a_whole(gateway: RunningGateway, api: ApiClient) -> None:
    """Its jobs that have not ended are cancelled; those that have stay as they are."""
    order = {"items": [{"audio_url": f"https://example.com/{name}.wav"} for name in "abc"]}
    made = (await api.http.post("/v1/batches", json=order)).json()
    await gateway.others.complete(await gateway.others.heard(JobSubmitted, made["items"][0]["job_id"]))
    cancelled = await api.http.post(f"/v1/batches/{made['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["ended"]) == (200, True)
    assert cancelled.json()["states"] == {"completed": 1, "cancelled": 2}
    assert (await api.http.get(f"/v1/batches/{new_id()}")).json()["code"] == "batch_not_found"
