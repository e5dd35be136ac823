"""The same recording sent twice, and what the customer wants to happen then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.schemas.events import JobSubmitted
from tests.gatewaying import WAV, ApiClient, RunningGateway, running_gateway

RECORDING = WAV + bytes(range(200)) * 20
OTHER = WAV + bytes(range(200)) * 21


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database."""
    async with running_gateway(database_url, tmp_path, settings={"AUDIO2TXT_SWEEP_SECONDS": "0.2"}) as running:
        yield running


async def _send(api: ApiClient, data: bytes = RECORDING, *, key: str | None = None, **order: Any) -> tuple[int, dict[str, Any]]:
    upload = await api.upload(data, params={"file_name": "meeting.wav"})
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await api.http.post("/v1/jobs", json={"upload_id": upload["id"], **order}, headers=headers)
    return answer.status_code, answer.json()


async def test_without_a_word_every_upload_makes_a_job(gateway: RunningGateway, api: ApiClient) -> None:
    """As it always was."""
    del gateway
    first, second = await _send(api), await _send(api)
    assert (first[0], second[0]) == (202, 202)
    assert first[1]["id"] != second[1]["id"]


async def test_a_job_that_was_asked_for_the_same_is_reused(gateway: RunningGateway, api: ApiClient) -> None:
    """It answers as it stands, nothing is transcribed again, and the second upload goes."""
    _, first = await _send(api, language="en")
    order = await gateway.others.heard(JobSubmitted, first["id"])
    await gateway.others.complete(order)
    status, again = await _send(api, language="en", duplicates="reuse", title="Another title")
    assert (status, again["id"], again["state"]) == (200, first["id"], "completed")
    async with asyncio.timeout(30):
        await gateway.pool.execute("update gateway.uploads set expires_at = expires_at - interval '11 minutes'")
        while await gateway.pool.fetchval("select count(*) from gateway.uploads where state <> 'used'"):
            await asyncio.sleep(0.02)
    assert len(gateway.others.all_of(JobSubmitted, first["id"])) == 1


@pytest.mark.parametrize("order", [{"language": "yue"}, {"solution": "meeting_minutes"}, {"formats": ["pdf"]}])
async def test_other_wishes_make_another_job(gateway: RunningGateway, api: ApiClient, order: dict[str, Any]) -> None:
    """Whoever asks for something else than the job there is, gets it."""
    del gateway
    _, first = await _send(api, language="en")
    status, second = await _send(api, duplicates="reuse", **{"language": "en", **order})
    assert status == 202
    assert second["id"] != first["id"]


async def test_a_duplicate_is_refused_by_name(gateway: RunningGateway, api: ApiClient) -> None:
    """Whatever was asked of the first; the upload stays, so that the customer can think again."""
    del gateway
    _, first = await _send(api, language="en")
    upload = await api.upload(RECORDING)
    order = {"upload_id": upload["id"], "language": "yue"}
    answer = await api.http.post("/v1/jobs", json={**order, "duplicates": "refuse"})
    assert (answer.status_code, answer.json()["code"], answer.json()["job_id"]) == (409, "duplicate_recording", first["id"])
    assert (await api.http.post("/v1/jobs", json=order)).status_code == 202


@pytest.mark.parametrize("duplicates", ["reuse", "refuse"])
async def test_what_counts_as_a_duplicate(gateway: RunningGateway, api: ApiClient, duplicates: str) -> None:
    """Neither other bytes, nor a job that came to nothing or was deleted, nor another tenant's."""
    _, cancelled = await _send(api)
    await api.http.post(f"/v1/jobs/{cancelled['id']}/cancel")
    _, deleted = await _send(api, duplicates=duplicates)
    await api.http.delete(f"/v1/jobs/{deleted['id']}")
    assert (await _send(api, OTHER, duplicates=duplicates))[0] == 202
    async with await gateway.new_tenant("other") as http:
        assert (await _send(ApiClient(http)))[0] == 202
    assert (await _send(api, duplicates=duplicates))[0] == 202


@pytest.mark.parametrize("duplicates", ["reuse", "refuse"])
async def test_a_repeat_gets_the_same_answer(gateway: RunningGateway, api: ApiClient, duplicates: str) -> None:
    """With an Idempotency-Key a request is no duplicate of itself, and a reused job is remembered."""
    del gateway
    upload = await api.upload(RECORDING)
    order = {"upload_id": upload["id"], "duplicates": duplicates}
    answers = [await api.http.post("/v1/jobs", json=order, headers={"Idempotency-Key": "a"}) for _ in range(2)]
    assert [(answer.status_code, answer.json()["id"]) for answer in answers] == [(202, upload["id"])] * 2
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    second = await api.upload(RECORDING)
    order = {"upload_id": second["id"], "duplicates": "reuse"}
    answers = [await api.http.post("/v1/jobs", json=order, headers={"Idempotency-Key": "b"}) for _ in range(2)]
    assert [answer.json()["id"] for answer in answers] == [upload["id"]] * 2


@pytest.mark.parametrize(("duplicates", "made"), [("reuse", 1), ("refuse", 1), ("allow", 8)])
async def test_of_many_at_once_one_is_the_first(gateway: RunningGateway, api: ApiClient, duplicates: str, made: int) -> None:
    """Duplicates that arrive at the same moment are duplicates, too."""
    answers = await asyncio.gather(*(_send(api, duplicates=duplicates) for _ in range(8)))
    assert [status for status, _ in answers].count(202) == made
    assert await gateway.pool.fetchval("select count(*) from gateway.jobs") == made


async def test_a_form_reuses_too(gateway: RunningGateway, api: ApiClient) -> None:
    """And leaves nothing behind."""
    _, first = await _send(api)
    answer = await api.http.post("/v1/jobs", data={"duplicates": "reuse"}, files={"file": ("a.wav", RECORDING)})
    assert (answer.status_code, answer.json()["id"]) == (200, first["id"])
    assert await gateway.pool.fetchval("select count(*) from gateway.uploads where state <> 'used'") == 0
    answer = await api.http.post("/v1/jobs", data={"duplicates": "refuse"}, files={"file": ("a.wav", RECORDING)})
    assert answer.json()["code"] == "duplicate_recording"
    assert await gateway.pool.fetchval("select count(*) from gateway.uploads where state <> 'used'") == 0


async def test_what_lies_at_a_url_is_not_known_before(gateway: RunningGateway, api: ApiClient) -> None:
    """The customer is told, instead of a wish that is not heard."""
    del gateway
    order = {"audio_url": "https://example.com/a.mp3", "duplicates": "reuse"}
    answer = await api.http.post("/v1/jobs", content=json.dumps(order), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "recording_unknown")
    assert answer.json()["errors"][0]["pointer"] == "/duplicates"
