"""Many recordings in one request: each a job or a reason, once however often it is asked, and all of them ended together."""

from __future__ import annotations

from services.gateway.store.upkeep import UpkeepStore
from shared.schemas.events import JobSubmitted
from shared.schemas.ids import new_id
from tests.gatewaying import ApiClient, RunningGateway


async def test_each_recording_of_a_batch_is_a_job_or_a_reason(gateway: RunningGateway, api: ApiClient) -> None:
    """One profile for all, titles, tags and metadata for each; what is wrong with one does not hold up the others."""
    uploads = [(await api.upload(params={"file_name": f"{name}.wav"}))["id"] for name in ("a", "b")]
    order = {
        "language": "zh-Hant",
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
    assert (second["title"], second["language"], second["batch_id"]) == ("b", "zh-Hant", made["id"])
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
