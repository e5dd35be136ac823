"""The main job, in both sizes: real speech in, every artifact and a signed webhook out."""

from __future__ import annotations

import json

import pytest

from tests.customer import SAMPLE, Customer, Receiver
from tests.fixtures_installation import StoredKeys
from tests.recordings import silence

FORMATS = {"md", "txt", "json", "srt", "vtt", "pdf", "docx"}


async def test_real_speech_becomes_every_artifact_and_a_signed_webhook(customer: Customer, receiver: Receiver) -> None:
    """A recording of 44 seconds is transcribed by the local engine, rendered in every format, and announced once."""
    job = await customer.must_submit(SAMPLE.read_bytes(), language="en", callback_url=receiver.url)
    assert job["state"] == "queued"
    done = await customer.must_end(job["id"])

    assert done["state"] == "completed", done["failure"]
    assert {artifact["format"] for artifact in done["artifacts"]} == FORMATS
    assert all(artifact["state"] == "ready" for artifact in done["artifacts"])
    text = (await customer.artifact(done, "transcript.txt")).decode()
    assert "best of times" in text.lower()
    assert (await customer.artifact(done, "transcript.pdf")).startswith(b"%PDF-")
    assert json.loads(await customer.artifact(done, "transcript.json"))
    assert b"-->" in await customer.artifact(done, "transcript.srt")
    assert (await customer.artifact(done, "transcript.vtt")).startswith(b"WEBVTT")

    (webhook,) = await receiver.wait_for_job(job["id"])
    assert webhook["type"] == "job.completed"
    receiver.verify_all((await customer.must("GET", "/v1/webhook-secret"))["secret"])


async def test_whoever_gets_the_webhook_and_asks_at_once_sees_completed(customer: Customer, receiver: Receiver) -> None:
    """The webhook leaves in the transaction that completes the job, never before it."""
    job = await customer.must_submit(SAMPLE.read_bytes(), engine="scripted", callback_url=receiver.url)
    await receiver.wait_for_job(job["id"])
    assert (await customer.must("GET", f"/v1/jobs/{job['id']}"))["state"] == "completed"


async def test_progress_is_streamed_and_can_be_taken_up_again(customer: Customer) -> None:
    """The event stream tells every state once, and `Last-Event-ID` skips what the client has seen."""
    job = await customer.must_submit(SAMPLE.read_bytes(), engine="scripted")
    versions, last = [], {}
    async with customer.http.stream("GET", f"{customer.url}/v1/jobs/{job['id']}/events") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("id:"):
                versions.append(int(line[3:]))
            if line.startswith("data:"):
                last = json.loads(line[5:])
    assert versions == sorted(set(versions))
    assert last["state"] == "completed"

    headers = {"Last-Event-ID": str(versions[-1] - 1)}
    answer = await customer.call("GET", f"/v1/jobs/{job['id']}/events", headers=headers)
    assert answer.text.count("data:") == 1


async def test_a_failed_transcription_can_be_retried_from_the_kept_audio(customer: Customer) -> None:
    """A retry with another engine after a failure starts the next run without a new upload."""
    job = await customer.must_submit(silence(3), engine="local", language="en")
    failed = await customer.must_end(job["id"])
    assert failed["state"] == "failed"
    assert failed["failure"]["code"] == "no_speech"
    again = await customer.must("POST", f"/v1/jobs/{job['id']}/retry", json={"engine": "scripted"})
    assert again["run"] == 2
    assert (await customer.must_end(job["id"]))["state"] == "completed"


async def test_a_completed_job_can_be_heard_by_another_engine(customer: Customer) -> None:
    """The kept audio is transcribed once more, and the new files replace the old ones."""
    job = await customer.must_submit(SAMPLE.read_bytes(), engine="scripted", language="en", formats=["txt"])
    invented = await customer.must_end(job["id"])
    before = await customer.artifact(invented, "transcript.txt")
    again = await customer.must("POST", f"/v1/jobs/{job['id']}/retry", json={"engine": "local"})
    assert (again["run"], again["engine"]) == (2, "local")
    heard = await customer.must_end(job["id"])
    assert heard["state"] == "completed"
    assert heard["stages"]["transcription"]["engine"] == "local"
    assert await customer.artifact(heard, "transcript.txt") != before


async def test_the_engines_of_the_installation_are_listed(customer: Customer) -> None:
    """From its very start, with the default among them."""
    engines = {engine["name"]: engine for engine in (await customer.must("GET", "/v1/engines"))["data"]}
    assert {"local", "scripted"} <= set(engines)
    assert [name for name, engine in engines.items() if engine["default"]] == ["local"]
    assert not engines["local"]["rented"]


async def test_a_completed_job_can_be_asked_for_more_formats(customer: Customer) -> None:
    """A retry with other formats renders them from the transcript that is there, and keeps those it had."""
    job = await customer.must_submit(SAMPLE.read_bytes(), engine="scripted", formats=["txt"])
    await customer.must_end(job["id"])
    again = await customer.must("POST", f"/v1/jobs/{job['id']}/retry", json={"formats": ["pdf"]})
    assert (again["state"], again["run"]) == ("reporting", 1)
    done = await customer.must_end(job["id"])
    assert done["state"] == "completed", done["failure"]
    assert {artifact["format"] for artifact in done["artifacts"]} == {"txt", "pdf"}
    assert (await customer.artifact(done, "transcript.pdf")).startswith(b"%PDF-")


async def test_deleting_a_job_leaves_nothing_of_it(customer: Customer, stored_keys: StoredKeys) -> None:
    """After DELETE the job is unknown and the store holds no blob below its prefix."""
    job = await customer.must_submit(SAMPLE.read_bytes(), engine="scripted")
    await customer.must_end(job["id"])
    assert await stored_keys(job["id"])
    await customer.must("DELETE", f"/v1/jobs/{job['id']}")
    assert (await customer.call("GET", f"/v1/jobs/{job['id']}")).status_code == 404
    assert await stored_keys(job["id"]) == []


async def test_a_cancelled_job_stays_cancelled(customer: Customer) -> None:
    """Cancelling stops the work; nothing that arrives later changes the state."""
    job = await customer.must_submit(SAMPLE.read_bytes(), language="en")
    cancelled = await customer.must("POST", f"/v1/jobs/{job['id']}/cancel")
    assert cancelled["state"] == "cancelled"
    assert (await customer.must_end(job["id"]))["state"] == "cancelled"


@pytest.mark.parametrize("unsafe", ["../../etc/passwd", "<script>alert(1)</script>.mp3", "a\u202eb\r\nX: y.ogg"])
async def test_a_hostile_file_name_is_only_ever_a_name(customer: Customer, unsafe: str) -> None:
    """Paths, markup, control and bidi characters in a file name reach neither the store nor a header."""
    upload_id = await customer.must_upload(SAMPLE.read_bytes(), file_name=unsafe)
    job = await customer.must_create(upload_id=upload_id, engine="scripted")
    done = await customer.must_end(job["id"])
    assert done["state"] == "completed"
    assert not set("/\\\r\n\u202e") & set(done["file_name"])
    answer = await customer.call("GET", f"/v1/jobs/{job['id']}/artifacts/transcript.txt")
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
