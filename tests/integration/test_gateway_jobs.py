"""A job from its order to its end, over HTTP, with the other services as stand-ins."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import httpx
import msgspec
import pytest

from shared.schemas.events import (
    JobCancelled,
    JobCompleted,
    JobErased,
    JobFailed,
    JobSubmitted,
    ReportProgressed,
    TranscriptionState,
)
from shared.schemas.jobs import ArtifactFormat, Failure, FileFormat, Waiting
from tests.gatewaying import COST, ApiClient, RunningGateway, contents, ready, report_ready, submitted, unrendered

MOMENT = dt.timedelta(milliseconds=1)
SILENT = Failure(code="no_speech", message="There is no speech in the recording.")


async def _waiting(api: ApiClient, order: JobSubmitted) -> Any:
    return (await api.job(str(order.job_id)))["stages"]["transcription"]["waiting"]


async def test_a_job_goes_from_queued_to_completed(gateway: RunningGateway, api: ApiClient) -> None:
    """Each stage's news moves the job on, and the end is announced with what was made."""
    job = await api.create(language="zh-hant", title=" 週會 ", metadata={"case": "7"}, callback_url="https://example.com/h")
    assert (job["state"], job["run"], job["version"], job["language"], job["title"]) == ("queued", 1, 1, "zh-Hant", "週會")
    order = await gateway.others.heard(JobSubmitted, job["id"])
    assert order.options.language == "zh-Hant"

    await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.5)
    shown = await api.job(job["id"])
    assert shown["state"] == "transcribing"
    assert shown["stages"]["transcription"] == {
        "state": "processing",
        "engine": "scripted",
        "model": None,
        "progress": 0.5,
        "cost": None,
        "waiting": None,
    }

    await gateway.others.transcribe(order)
    shown = await api.job(job["id"])
    assert shown["state"] == "reporting"
    assert shown["stages"]["transcription"]["cost"]["amount"] == COST.amount

    await gateway.others.report(order, ready(order), unrendered())
    done = await api.job(job["id"])
    assert (done["state"], done["progress"], done["duration_ms"], done["detected_language"]) == ("completed", 1.0, 44_000, "en")
    assert [artifact["state"] for artifact in done["artifacts"]] == ["ready", "failed"]
    assert done["finished_at"] is not None

    completed = await gateway.others.heard(JobCompleted, job["id"])
    assert (completed.callback_url, completed.title, completed.duration_ms) == ("https://example.com/h", "週會", 44_000)
    assert completed.metadata == {"case": "7"}
    assert len(completed.artifacts) == 2


async def test_an_untitled_job_is_called_after_its_recording(gateway: RunningGateway, api: ApiClient) -> None:
    """The title on the documents is the uploaded file's name, unless the customer gives another."""
    upload = await api.upload(params={"file_name": "週會.m4a"})
    job = await api.create(upload_id=upload["id"])
    assert (job["title"], job["file_name"]) == ("週會", "週會.m4a")
    assert (await gateway.others.heard(JobSubmitted, job["id"])).options.title == "週會"
    other = await api.upload(params={"file_name": "週會.m4a"})
    assert (await api.create(upload_id=other["id"], title="Board"))["title"] == "Board"


async def test_the_job_says_completed_before_anybody_is_told(gateway: RunningGateway, api: ApiClient) -> None:
    """Whoever hears `job.completed` and asks at once sees `completed`."""
    order = await submitted(gateway, api)
    await gateway.others.complete(order)
    completed = await gateway.others.heard(JobCompleted, str(order.job_id))
    assert (await api.job(str(completed.job_id)))["state"] == "completed"


async def test_a_report_that_overtakes_its_transcript_completes_the_job_with_all_facts(
    gateway: RunningGateway, api: ApiClient
) -> None:
    """What `transcript.ready` would have told is read from the transcript; its late arrival changes nothing."""
    order = await submitted(gateway, api)
    await gateway.others.store_transcript(order)
    await gateway.others.report(order, ready(order))
    completed = await gateway.others.heard(JobCompleted, str(order.job_id))
    assert (completed.duration_ms, completed.language) == (44_000, "en")
    before = await api.job(str(order.job_id))
    assert before["stages"]["transcription"]["cost"]["amount"] == COST.amount
    await gateway.others.transcribe(order)
    await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.2)
    assert await api.job(str(order.job_id)) == before


async def test_repeats_of_any_news_change_nothing(gateway: RunningGateway, api: ApiClient) -> None:
    """Delivery is at least once: the job is completed and announced once."""
    order = await submitted(gateway, api)
    for _ in range(3):
        await gateway.others.transcribe(order)
    report = report_ready(order, ready(order))
    for _ in range(3):
        await gateway.others.say(report)
    version = (await api.job(str(order.job_id)))["version"]
    await gateway.others.say(report)
    await gateway.others.heard(JobCompleted, str(order.job_id))
    assert (await api.job(str(order.job_id)))["version"] == version
    assert len(gateway.others.all_of(JobCompleted, str(order.job_id))) == 1


async def test_progress_only_grows(gateway: RunningGateway, api: ApiClient) -> None:
    """Old progress that arrives late is ignored."""
    order = await submitted(gateway, api)
    await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.6)
    await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.3)
    await gateway.others.progress(order, TranscriptionState.PREPARING)
    stage = (await api.job(str(order.job_id)))["stages"]["transcription"]
    assert (stage["state"], stage["progress"]) == ("processing", 0.6)


async def test_the_report_tells_how_far_it_is(gateway: RunningGateway, api: ApiClient) -> None:
    """It only grows, and begins again with a retry, to which news of the attempt before it mean nothing."""
    order = await submitted(gateway, api, formats=["txt", "pdf"])

    async def told(progress: float, attempt: int = 1) -> tuple[Any, Any]:
        about: dict[str, Any] = {"tenant_id": order.tenant_id, "job_id": order.job_id, "run": order.run}
        await gateway.others.say(ReportProgressed(**about, progress=progress, attempt=attempt))
        job = await api.job(str(order.job_id))
        return job["stages"]["report"]["progress"], job["progress"]

    assert (await told(0.1))[0] is None  # there is no transcript yet
    await gateway.others.transcribe(order)
    assert await told(0.4) == (0.4, 0.97)
    assert await told(0.2) == (0.4, 0.97)
    await gateway.others.report(order, ready(order), unrendered())
    assert (await api.job(str(order.job_id)))["stages"]["report"]["progress"] is None  # it is done
    await api.http.post(f"/v1/jobs/{order.job_id}/retry")
    assert await told(0.9) == (None, 0.95)
    assert await told(0.2, attempt=2) == (0.2, 0.96)


async def test_a_job_says_what_it_waits_for(gateway: RunningGateway, api: ApiClient) -> None:
    """Also before it is begun, whatever order the news come in; and no longer once its work goes on."""
    order = await submitted(gateway, api)
    began = dt.datetime.now(dt.UTC)
    waiting = Waiting(code="throttled", message="The provider takes no more requests for now.", since=began)
    version = (await api.job(str(order.job_id)))["version"]
    await gateway.others.progress(order, TranscriptionState.QUEUED, waiting=waiting, occurred_at=began)
    job = await api.job(str(order.job_id))
    assert (job["state"], job["version"] > version) == ("queued", True)
    assert job["stages"]["transcription"]["waiting"] == msgspec.to_builtins(waiting)
    later = began + dt.timedelta(seconds=60)
    await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.2, occurred_at=later)
    await gateway.others.progress(order, TranscriptionState.PREPARING, waiting=waiting, occurred_at=began)
    await gateway.others.progress(order, TranscriptionState.PROCESSING, waiting=waiting, occurred_at=began)
    assert await _waiting(api, order) is None
    await gateway.others.progress(order, TranscriptionState.PROCESSING, waiting=waiting, occurred_at=later + MOMENT)
    stage = (await api.job(str(order.job_id)))["stages"]["transcription"]
    assert (stage["waiting"]["code"], stage["progress"]) == ("throttled", 0.2)
    await api.http.post(f"/v1/jobs/{order.job_id}/cancel")
    assert await _waiting(api, order) is None
    await api.http.post(f"/v1/jobs/{order.job_id}/retry")
    assert await _waiting(api, order) is None


async def test_news_that_work_goes_on_may_come_before_news_of_the_wait(gateway: RunningGateway, api: ApiClient) -> None:
    """The older news does not make the job wait for ever."""
    order = await submitted(gateway, api)
    began = dt.datetime.now(dt.UTC)
    waiting = Waiting(code="outage", message="The engine cannot be reached.", since=began)
    await gateway.others.progress(order, TranscriptionState.QUEUED, occurred_at=began + MOMENT)
    await gateway.others.progress(order, TranscriptionState.QUEUED, waiting=waiting, occurred_at=began)
    assert await _waiting(api, order) is None


async def test_a_failed_transcription_fails_the_job_with_its_reason(gateway: RunningGateway, api: ApiClient) -> None:
    """The customer is told why, and so is whoever delivers the webhook."""
    order = await submitted(gateway, api)
    await gateway.others.progress(order, TranscriptionState.FAILED, failure=SILENT)
    job = await api.job(str(order.job_id))
    assert job["state"] == "failed"
    assert job["failure"] == {"code": "no_speech", "message": SILENT.message, "retryable": False}
    assert (await gateway.others.heard(JobFailed, job["id"])).failure == SILENT


async def test_a_report_without_a_single_file_fails_the_job(gateway: RunningGateway, api: ApiClient) -> None:
    """One readable file is a result; none is a failure, and its reasons stay visible."""
    order = await submitted(gateway, api)
    await gateway.others.transcribe(order)
    await gateway.others.report(order, unrendered())
    job = await api.job(str(order.job_id))
    assert (job["state"], job["failure"]["code"]) == ("failed", "report_failed")
    assert job["artifacts"][0]["failure"]["code"] == "font_missing"
    assert job["stages"]["transcription"]["state"] == "done"


async def test_a_failed_transcription_is_retried_in_the_next_run(gateway: RunningGateway, api: ApiClient) -> None:
    """News of the failed run no longer counts."""
    first = await submitted(gateway, api, engine="no-such-engine")
    job_id = str(first.job_id)
    await gateway.others.progress(first, TranscriptionState.FAILED, failure=SILENT)
    again = await api.http.post(f"/v1/jobs/{job_id}/retry", json={"engine": "scripted"})
    assert again.status_code == 202
    assert (again.json()["state"], again.json()["run"], again.json()["failure"]) == ("queued", 2, None)
    second = await gateway.others.heard(JobSubmitted, job_id, count=2)
    assert (second.run, second.options.engine, second.source_key) == (2, "scripted", first.source_key)

    await gateway.others.progress(first, TranscriptionState.FAILED, failure=SILENT)
    await gateway.others.complete(first)
    assert (await api.job(job_id))["state"] == "queued"
    await gateway.others.complete(second)
    assert (await api.job(job_id))["state"] == "completed"


async def test_failed_and_further_files_are_rendered_from_the_stored_transcript(
    gateway: RunningGateway, api: ApiClient
) -> None:
    """The retry keeps its run, keeps what it has until then, and is not ended by the report from before."""
    order = await submitted(gateway, api, formats=["txt", "pdf"])
    job_id = str(order.job_id)
    await gateway.others.transcribe(order)
    old = await gateway.others.report(order, ready(order), unrendered())
    again = (await api.http.post(f"/v1/jobs/{job_id}/retry", json={"formats": ["srt"]})).json()
    assert (again["state"], again["run"], again["formats"]) == ("reporting", 1, ["txt", "pdf", "srt"])
    assert len(again["artifacts"]) == 2
    order = await gateway.others.heard(JobSubmitted, job_id, count=2)
    assert order.run == 1

    await gateway.others.say(old)
    assert (await api.job(job_id))["state"] == "reporting"
    files = [ready(order, kind) for kind in (ArtifactFormat.TEXT, ArtifactFormat.PDF, ArtifactFormat.SRT)]
    await gateway.others.report(order, *files)
    done = await api.job(job_id)
    assert done["state"] == "completed"
    assert {artifact["format"] for artifact in done["artifacts"]} == {"txt", "pdf", "srt"}


async def test_a_redacted_recording_is_fetched_like_any_file(gateway: RunningGateway, api: ApiClient) -> None:
    """It comes with a redacted transcript, and cannot be ordered as a format."""
    order = await submitted(gateway, api)
    await gateway.others.transcribe(order)
    recording = msgspec.structs.replace(
        ready(order, name="redacted.mp3"), format=FileFormat.MP3, media_type="audio/mpeg", sha256=None
    )
    await gateway.others.report(order, ready(order), recording)
    shown = (await api.job(str(order.job_id)))["artifacts"][1]
    assert (shown["name"], shown["format"]) == ("redacted.mp3", "mp3")
    answer = await api.http.get(shown["url"])
    assert (answer.content, answer.headers["content-type"]) == (contents("redacted.mp3"), "audio/mpeg")
    refused = await api.http.post("/v1/jobs", json={"audio_url": "https://example.com/a.mp3", "formats": ["mp3"]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/formats/0")


async def test_the_same_report_twice_does_not_end_a_retry(gateway: RunningGateway, api: ApiClient) -> None:
    """A retry of a failed file ends with the new report, not with the redelivered old one."""
    order = await submitted(gateway, api)
    await gateway.others.transcribe(order)
    old = await gateway.others.report(order, ready(order), unrendered())
    await api.http.post(f"/v1/jobs/{order.job_id}/retry")
    await gateway.others.say(old)
    assert (await api.job(str(order.job_id)))["state"] == "reporting"
    order = await gateway.others.heard(JobSubmitted, str(order.job_id), count=2)
    await gateway.others.report(order, ready(order), ready(order, ArtifactFormat.PDF))
    assert all(item["state"] == "ready" for item in (await api.job(str(order.job_id)))["artifacts"])


@pytest.mark.parametrize("finish", [False, True], ids=["running", "nothing lacks"])
async def test_a_retry_that_makes_no_sense_is_refused(gateway: RunningGateway, api: ApiClient, finish: bool) -> None:
    """A job at work is not retried, and a complete one has nothing to retry."""
    order = await submitted(gateway, api)
    if finish:
        await gateway.others.complete(order)
    answer = await api.http.post(f"/v1/jobs/{order.job_id}/retry", json={})
    assert answer.status_code == 409
    assert answer.json()["code"] == ("nothing_to_retry" if finish else "job_not_final")


async def test_a_cancelled_job_stays_cancelled(gateway: RunningGateway, api: ApiClient) -> None:
    """Cancelling twice is cancelling once; what the work still produces does not revive the job."""
    order = await submitted(gateway, api)
    for _ in range(2):
        answer = await api.http.post(f"/v1/jobs/{order.job_id}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert (await gateway.others.heard(JobCancelled, str(order.job_id))).run == 1
    await gateway.others.complete(order)
    job = await api.job(str(order.job_id))
    assert job["state"] == "cancelled"
    assert len(gateway.others.all_of(JobCancelled, str(order.job_id))) == 1


async def test_a_transcript_that_came_after_the_cancelling_is_not_paid_for_again(
    gateway: RunningGateway, api: ApiClient
) -> None:
    """The retry goes on with what is there."""
    order = await submitted(gateway, api)
    await api.http.post(f"/v1/jobs/{order.job_id}/cancel")
    await gateway.others.transcribe(order)
    again = (await api.http.post(f"/v1/jobs/{order.job_id}/retry")).json()
    assert (again["state"], again["run"]) == ("reporting", 1)


async def test_a_completed_job_cannot_be_cancelled(gateway: RunningGateway, api: ApiClient) -> None:
    """What is done is done."""
    order = await submitted(gateway, api)
    await gateway.others.complete(order)
    answer = await api.http.post(f"/v1/jobs/{order.job_id}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_final")


async def test_the_delivery_of_the_webhook_is_shown(gateway: RunningGateway, api: ApiClient) -> None:
    """The job tells how its callback went."""
    order = await submitted(gateway, api, callback_url="https://example.com/h")
    assert (await api.job(str(order.job_id)))["callback"]["state"] == "pending"
    await gateway.others.complete(order)
    await gateway.others.deliver(order, attempts=2, status=204)
    callback = (await api.job(str(order.job_id)))["callback"]
    assert callback == {"url": "https://example.com/h", "state": "delivered", "attempts": 2, "status": 204}


async def test_a_deleted_job_is_gone_everywhere(gateway: RunningGateway, api: ApiClient) -> None:
    """Row, upload and files go at once, the others are told, and deleting again finds nothing."""
    order = await submitted(gateway, api)
    job_id = str(order.job_id)
    await gateway.others.complete(order)
    assert await gateway.keys(job_id)
    assert (await api.http.delete(f"/v1/jobs/{job_id}")).status_code == 204
    await gateway.others.heard(JobErased, job_id)
    assert await gateway.keys(job_id) == []
    for path in (f"/v1/jobs/{job_id}", f"/v1/jobs/{job_id}/transcript", f"/v1/uploads/{job_id}"):
        assert (await api.http.get(path)).status_code == 404
    assert (await api.http.delete(f"/v1/jobs/{job_id}")).status_code == 404
    await gateway.others.complete(order)
    assert (await api.http.get(f"/v1/jobs/{job_id}")).status_code == 404


async def test_jobs_are_listed_page_by_page(gateway: RunningGateway, api: ApiClient) -> None:
    """Newest first, every job once, with a link to the next page and a filter by state."""
    made = [(await api.create(audio_url="https://example.com/a.mp3"))["id"] for _ in range(5)]
    await api.http.post(f"/v1/jobs/{made[0]}/cancel")
    listed: list[str] = []
    url: str | None = "/v1/jobs?limit=2"
    while url is not None:
        answer = await api.http.get(url)
        page = answer.json()
        listed += [job["id"] for job in page["data"]]
        assert page["has_more"] is ("next" in answer.links)
        url = answer.links["next"]["url"] if page["has_more"] else None
    assert listed == made[::-1]
    cancelled = (await api.http.get("/v1/jobs", params={"state": "cancelled"})).json()["data"]
    assert [job["id"] for job in cancelled] == [made[0]]
    assert gateway.url


async def test_another_tenant_sees_and_does_nothing(gateway: RunningGateway, api: ApiClient) -> None:
    """Every route that takes an id answers another tenant as if there were nothing, and the job stays as it is."""
    order = await submitted(gateway, api)
    await gateway.others.complete(order)
    job_id, spare = str(order.job_id), await api.upload()
    async with await gateway.new_tenant("other") as other:
        requests = [
            ("GET", ""),
            ("DELETE", ""),
            ("GET", "/events"),
            ("POST", "/cancel"),
            ("POST", "/retry"),
            ("GET", "/transcript"),
            ("GET", "/artifacts"),
            ("GET", "/artifacts/transcript.txt"),
            ("HEAD", "/artifacts/transcript.txt"),
        ]
        answers = [await other.request(method, f"/v1/jobs/{job_id}{path}") for method, path in requests]
        answers.append(await other.get(f"/v1/uploads/{spare['id']}"))
        assert {answer.status_code for answer in answers} == {404}
        stolen = await other.post("/v1/jobs", json={"upload_id": spare["id"]})
        assert (stolen.status_code, stolen.json()["code"]) == (422, "upload_not_found")
        assert (await other.get("/v1/jobs")).json()["data"] == []
        secrets = {(await http.get("/v1/webhook-secret")).json()["secret"] for http in (other, api.http)}
        assert len(secrets) == 2
    assert (await api.job(job_id))["state"] == "completed"


async def test_a_waiting_request_is_answered_when_the_job_ends(gateway: RunningGateway, api: ApiClient) -> None:
    """`?wait=` returns the final job as soon as there is one."""
    order = await submitted(gateway, api)
    waiting = asyncio.create_task(api.job(str(order.job_id), wait=30))
    await gateway.others.complete(order)
    assert (await waiting)["state"] == "completed"


async def test_a_waiting_request_ends_with_its_time(gateway: RunningGateway, api: ApiClient) -> None:
    """A job that is not final by then is shown as it is."""
    order = await submitted(gateway, api)
    assert (await api.job(str(order.job_id), wait=0.05))["state"] == "queued"


async def test_an_unchanged_job_is_not_sent_again(gateway: RunningGateway, api: ApiClient) -> None:
    """The ETag is the version."""
    order = await submitted(gateway, api)
    path = f"/v1/jobs/{order.job_id}"
    etag = (await api.http.get(path)).headers["ETag"]
    assert (await api.http.get(path, headers={"If-None-Match": etag})).status_code == 304
    await gateway.others.transcribe(order)
    assert (await api.http.get(path, headers={"If-None-Match": etag})).status_code == 200


async def test_unknown_events_do_no_harm(gateway: RunningGateway, api: ApiClient) -> None:
    """News about a job that is not there is taken and forgotten."""
    order = await submitted(gateway, api)
    await api.http.delete(f"/v1/jobs/{order.job_id}")
    await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.1)
    await gateway.others.progress(order, TranscriptionState.FAILED, failure=SILENT)
    await gateway.others.complete(order)
    await gateway.others.deliver(order)
    assert gateway.others.all_of(JobCompleted, str(order.job_id)) == []


async def test_keys_are_required(gateway: RunningGateway) -> None:
    """Every route but the API's own description needs a key."""
    async with httpx.AsyncClient(base_url=gateway.url) as http:
        for path in ("/v1/jobs", "/v1/solutions", "/v1/account", "/v1/webhook-secret"):
            answer = await http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await http.get("/v1/openapi.json")).status_code == 200
