"""Artifacts and transcripts, fetched over real HTTP: whole, in parts, or told apart from what is not there."""

from __future__ import annotations

import msgspec
import pytest

from shared.schemas.events import JobSubmitted
from tests.gatewaying import ApiClient, RunningGateway, contents, ready, unrendered


async def _completed(gateway: RunningGateway, api: ApiClient, *names: str) -> JobSubmitted:
    job = await api.create()
    order = await gateway.others.heard(JobSubmitted, job["id"])
    await gateway.others.transcribe(order)
    files = [ready(order, name=name) for name in names or ("transcript.txt",)]
    await gateway.others.report(order, *files, unrendered())
    return order


async def test_an_artifact_is_served_whole_and_in_parts(gateway: RunningGateway, api: ApiClient) -> None:
    """GET, HEAD, ranges and validators, as browsers and download managers use them."""
    order = await _completed(gateway, api)
    path, data = f"/v1/jobs/{order.job_id}/artifacts/transcript.txt", contents("transcript.txt")
    whole = await api.http.get(path)
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["Content-Disposition"].startswith("attachment;")
    head = await api.http.head(path)
    assert (head.content, head.headers["Content-Length"]) == (b"", str(len(data)))
    assert head.headers["ETag"] == whole.headers["ETag"]

    part = await api.http.get(path, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, data[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(data)}"
    last = await api.http.get(path, headers={"Range": "bytes=-7", "If-Range": whole.headers["ETag"]})
    assert last.content == data[-7:]
    stale = await api.http.get(path, headers={"Range": "bytes=-7", "If-Range": '"old"'})
    assert (stale.status_code, stale.content) == (200, data)
    beyond = await api.http.get(path, headers={"Range": "bytes=999999-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(data)}")
    assert (await api.http.get(path, headers={"If-None-Match": whole.headers["ETag"]})).status_code == 304


@pytest.mark.parametrize("name", ["逐字稿 1.txt", 'a"b;c.txt', "100%.txt"])
async def test_an_artifact_of_any_name_can_be_fetched_by_its_link(gateway: RunningGateway, api: ApiClient, name: str) -> None:
    """The link in the job works as it is, and the download keeps its name."""
    job = await api.create()
    order = await gateway.others.heard(JobSubmitted, job["id"])
    await gateway.others.transcribe(order)
    stored = ready(order, name="stored.txt")
    await gateway.blobs.put(stored.key or "", b"text")

    await gateway.others.report(order, msgspec.structs.replace(stored, name=name))
    (artifact,) = (await api.job(job["id"]))["artifacts"]
    answer = await api.http.get(artifact["url"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"].isascii()


async def test_what_is_not_there_is_told_apart(gateway: RunningGateway, api: ApiClient) -> None:
    """No transcript yet, no such artifact, a failed artifact: each with its own code."""
    queued = await api.create()
    answers = [await api.http.get(f"/v1/jobs/{queued['id']}/transcript")]
    order = await _completed(gateway, api)
    for path in ("artifacts/nothing.txt", "artifacts/transcript.pdf", "transcript?run=2"):
        answers.append(await api.http.get(f"/v1/jobs/{order.job_id}/{path}"))  # noqa: PERF401
    assert {answer.status_code for answer in answers} == {404}
    codes = [answer.json()["code"] for answer in answers]
    assert codes == ["transcript_not_ready", "artifact_not_found", "artifact_failed", "transcript_not_found"]
    assert "A font is missing" in answers[2].json()["detail"]


async def test_the_transcript_of_every_run_stays(gateway: RunningGateway, api: ApiClient) -> None:
    """A later run adds a transcript and takes none away."""
    order = await _completed(gateway, api)
    path = f"/v1/jobs/{order.job_id}/transcript"
    assert (await api.http.get(path)).json()["version"] == 1
    await api.http.post(f"/v1/jobs/{order.job_id}/retry", json={"engine": "other"})
    second = await gateway.others.heard(JobSubmitted, str(order.job_id), count=2)
    assert (await api.http.get(path)).json()["version"] == 1
    await gateway.others.transcribe(second)
    assert (await api.http.get(path)).json()["version"] == 2
    assert (await api.http.get(path, params={"run": 1})).json()["version"] == 1
