"""Editing a transcript through the API: nobody's edit is lost, and the job's files follow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from services.gateway import announcements
from services.gateway.jobs import Job
from services.gateway.store.jobs import JobStore, Turn
from services.gateway.store.revisions import Revision
from services.gateway.store.transitions import Transitions
from shared.blobs import artifact_key, report_key, transcript_key
from shared.schemas.events import JobCompleted, JobErased, JobSubmitted, ReportReady, TranscriptRevised
from shared.schemas.jobs import ArtifactFormat, JobState
from shared.schemas.reports import Report
from tests.gatewaying import ApiClient, RunningGateway, contents, ready, report_ready, running_gateway, unrendered
from tests.speech import conversation, transcript

REPORT = msgspec.json.decode((Path(__file__).parents[1] / "contract" / "samples" / "report.4.json").read_bytes(), type=Report)
SAID = transcript(conversation(("A", "We sign on the third of June."), ("B", "I agree.")))
FIRST, SECOND = SAID.segments


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway whose sweeper looks often."""
    settings = {"AUDIO2TXT_SWEEP_SECONDS": "0.2", "AUDIO2TXT_WORKING_STALL_SECONDS": "1"}
    async with running_gateway(database_url, tmp_path, settings=settings) as running:
        yield running


def report_of(revision: int) -> bytes:
    """A report on the transcript as it was edited so often."""
    seen = msgspec.structs.replace(REPORT.transcript, revision=revision)
    return msgspec.json.encode(msgspec.structs.replace(REPORT, transcript=seen))


class Editor:
    """Somebody with a completed job before them."""

    def __init__(self, gateway: RunningGateway, api: ApiClient, order: JobSubmitted) -> None:
        self.order = order
        self.job_id = str(order.job_id)
        self._gateway = gateway
        self._api = api

    @property
    def path(self) -> str:
        """Of the transcript."""
        return f"/v1/jobs/{self.job_id}/transcript"

    async def etag(self) -> str:
        """Of the transcript as it is."""
        return (await self._api.http.get(self.path)).headers["etag"]

    async def edit(self, text: str, *, etag: str | None = None) -> httpx.Response:
        """Rewrite the first segment."""
        edits = {"segments": [{"id": FIRST.id, "text": text}]}
        return await self._api.http.patch(self.path, json=edits, headers={"If-Match": etag or await self.etag()})

    async def text(self, **parameters: Any) -> str:
        """What the first segment says."""
        answer = await self._api.http.get(self.path, params=parameters)
        assert answer.status_code == 200, answer.text
        text: str = answer.json()["segments"][0]["text"]
        return text

    async def render(self, revision: int) -> ReportReady:
        """The files of a revision are there, as the reporter tells."""
        about = (self.order.tenant_id, self.order.job_id, self.order.run)
        key = artifact_key(*about, "transcript.txt", revision)
        artifact = msgspec.structs.replace(ready(self.order), key=key, sha256=f"{revision:064}")
        await self._gateway.blobs.put(key, f"revision {revision}".encode())
        await self._gateway.blobs.put(report_key(*about, revision), report_of(revision))
        news = msgspec.structs.replace(
            report_ready(self.order, artifact), revision=revision, report_key=report_key(*about, revision)
        )
        await self._gateway.others.say(news)
        return news

    async def artifact(self) -> bytes:
        """The job's text file."""
        return (await self._api.http.get(f"/v1/jobs/{self.job_id}/artifacts/transcript.txt")).content


@pytest.fixture
async def editor(gateway: RunningGateway, api: ApiClient) -> Editor:
    """Of a job that is completed."""
    order = await gateway.others.heard(JobSubmitted, (await api.create(formats=["txt"]))["id"])
    await gateway.others.transcribe(order)
    about = (order.tenant_id, order.job_id, order.run)
    await gateway.blobs.put(transcript_key(*about), msgspec.json.encode(SAID))
    await gateway.blobs.put(report_key(*about), report_of(0))
    await gateway.others.report(order, ready(order))
    return Editor(gateway, api, order)


async def test_an_edit_makes_a_revision_and_has_the_files_made_anew(
    gateway: RunningGateway, api: ApiClient, editor: Editor
) -> None:
    """The job stays completed and its files stay there until the new ones take their place; no second webhook goes out."""
    answer = await editor.edit("We sign on the first of June.")
    assert (answer.status_code, answer.json()["number"], answer.json()["segments"]) == (200, 1, 1), answer.text
    assert answer.headers["etag"] == await editor.etag()
    job = await api.job(editor.job_id)
    assert (job["state"], job["revision"], job["stages"]["report"]["state"]) == ("completed", 1, "rendering")
    assert await editor.artifact() == contents("transcript.txt")

    event = await gateway.others.heard(TranscriptRevised, editor.job_id)
    assert event.options.revision is not None
    assert (event.options.revision.number, event.options.revision.key) == (1, event.transcript_key)
    assert event.report_key == report_key(event.tenant_id, event.job_id, 1)
    assert await gateway.blobs.get(event.transcript_key) == (await api.http.get(editor.path)).content

    await editor.render(1)
    job = await api.job(editor.job_id, wait=10)
    assert (job["state"], job["stages"]["report"]["state"]) == ("completed", "done")
    assert await editor.artifact() == b"revision 1"
    assert (await api.http.get(f"/v1/jobs/{editor.job_id}/report")).content == report_of(1)
    assert len(gateway.others.all_of(JobCompleted, editor.job_id)) == 1


async def test_whoever_follows_the_job_sees_its_files_come(gateway: RunningGateway, api: ApiClient, editor: Editor) -> None:
    """The stream of a completed job goes on while the files of an edited transcript are made, and ends with them."""
    await editor.edit("We never sign.")
    states = []
    async with api.http.stream("GET", f"/v1/jobs/{editor.job_id}/events") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                states.append(json.loads(line[6:])["stages"]["report"]["state"])
                if states == ["rendering"]:
                    await editor.render(1)
    assert states == ["rendering", "done"]


async def test_transcript_and_report_can_be_asked_about_without_their_bytes(api: ApiClient, editor: Editor) -> None:
    """Whoever edits needs the ETag alone."""
    for path in (editor.path, f"/v1/jobs/{editor.job_id}/report"):
        whole = await api.http.get(path)
        head = await api.http.head(path)
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", whole.headers["etag"])
        assert head.headers["content-length"] == str(len(whole.content))


async def test_every_revision_can_be_read_and_gone_back_to(api: ApiClient, editor: Editor) -> None:
    """The transcript as it was transcribed first of all."""
    await editor.edit("We sign on the first of June.")
    await editor.edit("We never sign.")
    texts = [await editor.text(revision=number) for number in range(3)]
    assert texts == [FIRST.text, "We sign on the first of June.", "We never sign."]
    seen = {"If-Match": await editor.etag()}
    answer = await api.http.post(f"{editor.path}/restore", json={"revision": 0}, headers=seen)
    assert (answer.status_code, answer.json()["number"], answer.json()["restored"]) == (200, 3, 0), answer.text
    assert await editor.text() == FIRST.text
    listed = (await api.http.get(f"{editor.path}/revisions")).json()["data"]
    assert [(one["number"], one["segments"], one["restored"]) for one in listed] == [(3, 1, 0), (2, 1, None), (1, 1, None)]
    missing = await api.http.get(editor.path, params={"revision": 9})
    assert (missing.status_code, missing.json()["code"]) == (404, "revision_not_found")


async def test_of_two_edits_at_once_one_is_told_to_look_again(gateway: RunningGateway, editor: Editor) -> None:
    """Nobody overwrites what they have not seen, not even in the same instant; and what was refused is not kept."""
    etag = await editor.etag()
    answers = await asyncio.gather(*(editor.edit(f"We sign on day {day}.", etag=etag) for day in range(8)))
    made = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(made) == 1
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(412, "transcript_changed")}
    assert len([key for key in await gateway.keys(editor.job_id) if "/revisions/" in key]) == 1
    late = await editor.edit("Too late.", etag=etag)
    assert (late.status_code, late.json()["code"]) == (412, "transcript_changed")


async def test_whoever_read_the_job_before_it_changed_changes_nothing(
    gateway: RunningGateway, api: ApiClient, editor: Editor
) -> None:
    """Between a look at the job and the move that follows from it, another process may have edited, rendered or retried."""
    jobs, moves = JobStore(gateway.pool), Transitions(gateway.pool)

    async def job() -> Job:
        found = await jobs.find(editor.order.tenant_id, editor.order.job_id)
        assert found is not None
        return found

    async def revise(of: Job) -> bool:
        revision = Revision(number=of.revision + 1, key="k", segments=1, speakers=0, created_at=of.created_at)
        as_revised = msgspec.structs.replace(of, revision=revision.number, revision_key=revision.key)
        return await moves.revised(of, revision, announcements.revised(as_revised))

    async def retry(of: Job) -> bool:
        options = msgspec.structs.replace(of.options, attempt=of.options.attempt + 1)
        again = msgspec.structs.replace(of, options=options)
        turn = Turn(at=of.created_at)
        return await moves.retried(of, again, JobState.REPORTING, announcements.submitted(again), turn)

    completed = await job()
    assert await revise(completed)
    assert not await revise(completed)
    assert not await retry(completed)
    news = await editor.render(1)
    revised = await job()
    assert not await moves.rendered_anew(revised, news)
    assert await retry(revised)
    assert not await revise(revised)
    options = (await job()).options
    again = report_ready(msgspec.structs.replace(editor.order, options=options), ready(editor.order))
    await gateway.others.say(msgspec.structs.replace(again, revision=1))
    assert (await job()).state is JobState.COMPLETED
    assert not await revise(revised)
    assert await revise(await job())


async def test_files_of_an_older_revision_come_too_late(gateway: RunningGateway, api: ApiClient, editor: Editor) -> None:
    """Whoever renders may be overtaken by the next edit."""
    await editor.edit("We sign on the first of June.")
    await editor.edit("We never sign.")
    await editor.render(1)
    assert (await api.job(editor.job_id))["stages"]["report"]["state"] == "rendering"
    assert await editor.artifact() == contents("transcript.txt")
    news = await editor.render(2)
    assert await editor.artifact() == b"revision 2"
    version = (await api.job(editor.job_id))["version"]
    await gateway.others.say(news)
    assert (await api.job(editor.job_id))["version"] == version


async def test_files_that_do_not_come_are_asked_for_again(gateway: RunningGateway, api: ApiClient, editor: Editor) -> None:
    """Whoever was to make them may have lost the news."""
    await editor.edit("We never sign.")
    again = await gateway.others.heard(TranscriptRevised, editor.job_id, count=2)
    first = await gateway.others.heard(TranscriptRevised, editor.job_id)
    assert (again.transcript_key, again.options) == (first.transcript_key, first.options)
    assert (await api.job(editor.job_id))["stages"]["report"]["state"] == "rendering"


async def test_a_file_that_cannot_be_made_says_so(gateway: RunningGateway, api: ApiClient, editor: Editor) -> None:
    """The job stays completed, and a retry renders it again, from the edited transcript."""
    await editor.edit("We never sign.")
    news = msgspec.structs.replace(report_ready(editor.order, unrendered(ArtifactFormat.TEXT)), revision=1)
    await gateway.others.say(news)
    job = await api.job(editor.job_id)
    assert (job["state"], [one["state"] for one in job["artifacts"]]) == ("completed", ["failed"])
    assert (await api.http.post(f"/v1/jobs/{editor.job_id}/retry")).status_code == 202
    order = await gateway.others.heard(JobSubmitted, editor.job_id, count=2)
    assert order.options.revision is not None
    assert order.options.revision.number == 1


async def test_another_report_is_of_the_edited_transcript(gateway: RunningGateway, api: ApiClient, editor: Editor) -> None:
    """Once the edit's files are there; a new transcription begins with no edit."""
    await editor.edit("We never sign.")
    retry = f"/v1/jobs/{editor.job_id}/retry"
    early = await api.http.post(retry, json={"solution": "meeting_minutes"})
    assert (early.status_code, early.json()["code"]) == (409, "job_revising")
    await editor.render(1)
    assert (await api.http.post(retry, json={"solution": "meeting_minutes"})).status_code == 202
    order = await gateway.others.heard(JobSubmitted, editor.job_id, count=2)
    assert order.options.revision is not None
    stale = report_ready(order, ready(order))
    await gateway.others.say(stale)
    assert (await api.job(editor.job_id))["state"] == "reporting"
    await gateway.others.say(msgspec.structs.replace(stale, revision=1))
    assert (await api.job(editor.job_id))["state"] == "completed"

    assert (await api.http.post(retry, json={"engine": "another"})).status_code == 202
    order = await gateway.others.heard(JobSubmitted, editor.job_id, count=3)
    assert (order.run, order.options.revision) == (2, None)
    assert (await api.job(editor.job_id))["revision"] == 0
    assert await editor.text() == "We never sign."


async def test_the_same_report_can_be_written_anew_once_the_transcript_is_edited(api: ApiClient, editor: Editor) -> None:
    """On the mended words; before there is nothing that it would say otherwise."""
    retry, same = f"/v1/jobs/{editor.job_id}/retry", {"solution": "verbatim"}
    early = await api.http.post(retry, json=same)
    assert (early.status_code, early.json()["code"]) == (409, "nothing_to_retry")
    await editor.edit("We never sign.")
    await editor.render(1)
    nothing = await api.http.post(retry)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_retry")
    again = await api.http.post(retry, json=same)
    assert (again.status_code, again.json()["state"], again.json()["revision"]) == (202, "reporting", 1), again.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"segments": [{"id": "s99", "text": "Hello."}]}, 422, "edit_impossible"),
        ({"segments": [{"id": FIRST.id, "text": FIRST.text}]}, 422, "nothing_changed"),
        ({"segments": [{"id": FIRST.id, "start_ms": 5}]}, 422, "invalid_request"),
        ({"speakers": [{"id": "not an id", "name": "A"}]}, 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_edited_is_said(
    api: ApiClient, editor: Editor, body: dict[str, Any], status: int, code: str
) -> None:
    """And nothing is changed."""
    answer = await api.http.patch(editor.path, json=body, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await api.job(editor.job_id))["revision"] == 0


async def test_an_edit_names_what_it_edits_and_a_job_that_is_done(api: ApiClient, editor: Editor) -> None:
    """Without If-Match somebody else's edit could be lost; before the end there is nothing to edit."""
    blind = await api.http.patch(editor.path, json={"speakers": [{"id": "spk_A", "name": "Anna"}]})
    assert (blind.status_code, blind.json()["code"]) == (428, "precondition_required")
    early = await api.create()
    answer = await api.http.patch(f"/v1/jobs/{early['id']}/transcript", json={}, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_completed")


async def test_a_stranger_reads_and_edits_nothing(gateway: RunningGateway, editor: Editor) -> None:
    """Another tenant's job is one that does not exist."""
    async with await gateway.new_tenant("rival") as http:
        for method, path in (("PATCH", ""), ("GET", "/revisions"), ("POST", "/restore"), ("GET", "?revision=0")):
            answer = await http.request(method, editor.path + path, json={"revision": 1} if "restore" in path else {})
            assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found"), (method, path, answer.text)


async def test_a_deleted_job_leaves_no_revision(gateway: RunningGateway, api: ApiClient, editor: Editor) -> None:
    """Neither in the database nor in the store."""
    await editor.edit("We never sign.")
    assert (await api.http.delete(f"/v1/jobs/{editor.job_id}")).status_code == 204
    await gateway.others.heard(JobErased, editor.job_id)
    assert await gateway.pool.fetchval("select count(*) from gateway.revisions") == 0
    assert await gateway.keys(editor.job_id) == []
