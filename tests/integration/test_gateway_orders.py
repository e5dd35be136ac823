"""Orders of jobs over HTTP: once for each key and upload, in one request or two, and refused where they cannot be done."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from shared.schemas.events import JobSubmitted
from tests.gatewaying import ApiClient, RunningGateway, submitted


async def test_the_same_request_with_the_same_key_makes_one_job(gateway: RunningGateway, api: ApiClient) -> None:
    """A repeat gets the first answer again, however far the job is; another request with the key is refused."""
    order = {"audio_url": "https://example.com/a.mp3", "metadata": {"n": "1"}}
    headers = {"Idempotency-Key": '"order-1"'}
    first = await api.http.post("/v1/jobs", json=order, headers=headers)
    await gateway.others.complete(await gateway.others.heard(JobSubmitted, first.json()["id"]))
    again = await api.http.post("/v1/jobs", json=order, headers={"Idempotency-Key": "order-1"})
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.json(), again.headers["Location"]) == (202, first.json(), first.headers["Location"])

    other = await api.http.post("/v1/jobs", json={**order, "title": "x"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await api.http.get("/v1/jobs")).json()["data"]) == 1


async def test_racing_repeats_make_one_job(gateway: RunningGateway, api: ApiClient) -> None:
    """A client that repeats before it has an answer gets the same job from every one."""
    del gateway
    requests = [
        api.http.post("/v1/jobs", json={"audio_url": "https://example.com/a.mp3"}, headers={"Idempotency-Key": "race"})
        for _ in range(8)
    ]
    answers = await asyncio.gather(*requests)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_refused_request_does_not_use_its_key_or_its_upload(gateway: RunningGateway, api: ApiClient) -> None:
    """Nothing is remembered of what was not done."""
    del gateway
    upload = await api.upload()
    headers = {"Idempotency-Key": "k"}
    wrong = {"upload_id": upload["id"], "solution": "nope"}
    assert (await api.http.post("/v1/jobs", json=wrong, headers=headers)).status_code == 422
    right = await api.http.post("/v1/jobs", json={"upload_id": upload["id"]}, headers=headers)
    assert (right.status_code, right.json()["id"]) == (202, upload["id"])


async def test_a_key_used_for_another_upload_leaves_the_upload_unused(gateway: RunningGateway, api: ApiClient) -> None:
    """The statement that finds the key taken undoes all it did."""
    del gateway
    one, other = await api.upload(), await api.upload()
    headers = {"Idempotency-Key": "k"}
    await api.http.post("/v1/jobs", json={"upload_id": one["id"]}, headers=headers)
    assert (await api.http.post("/v1/jobs", json={"upload_id": other["id"]}, headers=headers)).status_code == 422
    assert (await api.http.get(f"/v1/uploads/{other['id']}")).json()["state"] == "ready"


async def test_the_key_of_a_deleted_job_makes_no_second_one(gateway: RunningGateway, api: ApiClient) -> None:
    """A late repeat does not bring back, or pay for, what was deleted."""
    del gateway
    order, headers = {"audio_url": "https://example.com/a.mp3"}, {"Idempotency-Key": "k"}
    job = (await api.http.post("/v1/jobs", json=order, headers=headers)).json()
    await api.http.delete(f"/v1/jobs/{job['id']}")
    answer = await api.http.post("/v1/jobs", json=order, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (410, "job_erased")


async def test_two_jobs_of_one_upload_are_refused_naming_the_first(gateway: RunningGateway, api: ApiClient) -> None:
    """An upload becomes one job, with its own id."""
    del gateway
    upload = await api.upload()
    job = await api.create(upload_id=upload["id"])
    assert job["id"] == upload["id"]
    again = await api.http.post("/v1/jobs", json={"upload_id": upload["id"]})
    assert (again.status_code, again.json()["code"], again.json()["job_id"]) == (409, "upload_used", job["id"])


async def test_a_form_makes_a_job_in_one_request(gateway: RunningGateway, api: ApiClient) -> None:
    """The file of a form becomes the job; a repeat with the same key keeps one job and one file."""
    data = {"language": "en", "formats": "md,txt", "metadata": '{"a": "b"}', "title": "T"}
    files = {"file": ("../週會.wav", b"RIFF\x00\x00\x00\x00WAVE" + bytes(5000))}
    headers = {"Idempotency-Key": "form"}
    first = await api.http.post("/v1/jobs", data=data, files=files, headers=headers)
    assert first.status_code == 202, first.text
    job = first.json()
    assert (job["file_name"], job["formats"], job["metadata"]) == ("週會.wav", ["md", "txt"], {"a": "b"})
    assert job["source"]["size"] == 5012
    again = await api.http.post("/v1/jobs", data=data, files=files, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == job
    stored = [info.key async for info in gateway.blobs.list("t/")]
    assert len(stored) == 1
    assert job["id"] in stored[0]


async def test_a_wrong_form_leaves_no_file(gateway: RunningGateway, api: ApiClient) -> None:
    """Fields after the file are checked too, and the file is not kept for nothing."""
    files = {"file": ("a.wav", b"RIFF\x00\x00\x00\x00WAVE" + bytes(5000))}
    for data in ({"language": "klingon"}, {"colour": "red"}, {"metadata": "{"}, {"upload_id": "x"}):
        answer = await api.http.post("/v1/jobs", data=data, files=files)
        assert answer.status_code == 422, answer.text
    assert [info.key async for info in gateway.blobs.list("t/")] == []


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({}, "source_missing"),
        ({"audio_url": "https://example.com/a", "upload_id": "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"}, "source_ambiguous"),
        ({"audio_url": "https://127.0.0.1/a"}, "address_refused"),
        ({"audio_url": "file:///etc/passwd"}, "url_scheme"),
        ({"audio_url": "https://example.com/a", "callback_url": "https://[::1]/"}, "address_refused"),
        ({"audio_url": "https://example.com/a", "language": "klingon"}, "unknown_language"),
        ({"audio_url": "https://example.com/a", "solution": "nope"}, "unknown_solution"),
        ({"audio_url": "https://example.com/a", "formats": []}, "invalid_request"),
        ({"audio_url": "https://example.com/a", "metadata": {str(n): "" for n in range(51)}}, "invalid_request"),
        ({"audio_url": "https://example.com/a", "metadata": {"a": "b\0"}}, "invalid_request"),
        ({"upload_id": "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"}, "upload_not_found"),
    ],
)
async def test_an_order_that_cannot_be_done_is_refused(
    gateway: RunningGateway, api: ApiClient, order: dict[str, Any], code: str
) -> None:
    """The answer names the value and what is wrong with it."""
    del gateway
    answer = await api.http.post("/v1/jobs", json=order)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["detail"].endswith(".")


async def test_the_trace_of_a_request_goes_on_in_its_events(gateway: RunningGateway, api: ApiClient) -> None:
    """`traceparent` keeps its trace id; a request without one begins a trace."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    answer = await api.http.post("/v1/jobs", json={"audio_url": "https://example.com/a"}, headers=headers)
    order = await gateway.others.heard(JobSubmitted, answer.json()["id"])
    assert order.traceparent is not None
    assert order.traceparent.split("-")[1] == trace
    assert order.traceparent.split("-")[2] != "b7ad6b7169203331"
    begun = await submitted(gateway, api)
    assert begun.traceparent is not None
    assert begun.traceparent.split("-")[1] != trace


async def test_a_deadline_is_set_for_every_job(gateway: RunningGateway, api: ApiClient) -> None:
    """Whoever works on a job knows how long that makes sense."""
    order = await submitted(gateway, api)
    left = order.deadline_at - dt.datetime.now(dt.UTC)
    assert dt.timedelta(hours=23) < left < dt.timedelta(hours=25)
