"""A transcript is mended by hand, in both sizes: the files follow, and the report says what no longer stands."""

from __future__ import annotations

import io
import json
from typing import Any

import pypdf

from tests.customer import SAMPLE, Customer, Receiver

MINUTES = {"engine": "scripted", "solution": "meeting_minutes", "title": "Supplier and office"}


class Editor:
    """Somebody who reads a finished job's transcript and mends it."""

    def __init__(self, customer: Customer, job: dict[str, Any]) -> None:
        self._customer = customer
        self.path = f"/v1/jobs/{job['id']}/transcript"
        self.job = job

    async def transcript(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The newest, and the header to edit it with."""
        answer = await self._customer.call("GET", self.path)
        return answer.json(), {"If-Match": answer.headers["etag"]}

    async def edit(self, **edits: Any) -> dict[str, Any]:
        """Edit, and wait for the files; the job."""
        _, headers = await self.transcript()
        await self._customer.must("PATCH", self.path, json=edits, headers=headers)
        return await self.done()

    async def restore(self, revision: int) -> dict[str, Any]:
        """Go back, and wait for the files; the job."""
        _, headers = await self.transcript()
        await self._customer.must("POST", f"{self.path}/restore", json={"revision": revision}, headers=headers)
        return await self.done()

    async def done(self) -> dict[str, Any]:
        """The job, once its files are there."""
        job: dict[str, Any] = await self._customer.must("GET", f"/v1/jobs/{self.job['id']}", params={"wait": 60})
        assert (job["state"], job["stages"]["report"]["state"]) == ("completed", "done")
        return job

    async def statements(self) -> list[dict[str, Any]]:
        """All of the report's."""
        report = await self._customer.must("GET", f"/v1/jobs/{self.job['id']}/report")
        return [item for section in report["sections"] for item in section.get("items", ())]


async def finished(customer: Customer, **order: Any) -> Editor:
    """A job that is completed."""
    job = await customer.must_submit(SAMPLE.read_bytes(), **{**MINUTES, **order})
    done = await customer.must_end(job["id"])
    assert done["state"] == "completed", done["failure"]
    return Editor(customer, done)


def doubted(statements: list[dict[str, Any]]) -> list[str]:
    """The segments that stale statements rest on."""
    stale = [one for one in statements if "stale" in one.get("doubts", ())]
    assert all(one["evidence"] == "unverified" for one in stale)
    return [reference["segment_id"] for one in stale for reference in one["refs"]]


async def test_a_statement_whose_words_were_mended_is_marked_in_every_file(customer: Customer, receiver: Receiver) -> None:
    """And no other; once the words are back it stands again. The customer's system hears of the job once."""
    editor = await finished(customer, callback_url=receiver.url)
    before = await editor.statements()
    assert doubted(before) == []
    decision = next(one for one in before if "hire two more engineers" in one["text"])
    (cited,) = {reference["segment_id"] for reference in decision["refs"]}
    transcript, _ = await editor.transcript()
    text = next(segment["text"] for segment in transcript["segments"] if segment["id"] == cited)

    done = await editor.edit(segments=[{"id": cited, "text": text.replace("two more engineers", "no more engineers")}])
    assert done["revision"] == 1
    after = await editor.statements()
    assert [one["text"] for one in after] == [one["text"] for one in before]
    assert set(doubted(after)) == {cited}
    words = "The words it rests on have been edited since."
    assert words in (await customer.artifact(done, "report.md")).decode()
    assert words in (await customer.artifact(done, "report.txt")).decode()
    pages = pypdf.PdfReader(io.BytesIO(await customer.artifact(done, "report.pdf"))).pages
    assert "have been edited since" in " ".join("".join(page.extract_text() for page in pages).split())
    assert "no more engineers" in (await customer.artifact(done, "transcript.srt")).decode().replace("\n", " ")
    assert json.loads(await customer.artifact(done, "report.json"))["transcript"]["revision"] == 1

    await editor.restore(0)
    assert doubted(await editor.statements()) == []
    assert [body["type"] for body in await receiver.wait_for_job(editor.job["id"])] == ["job.completed"]


async def test_a_speakers_name_stands_in_every_file(customer: Customer) -> None:
    """Without a word of the report having changed."""
    editor = await finished(customer)
    transcript, _ = await editor.transcript()
    speaker = transcript["speakers"][0]["id"]
    done = await editor.edit(speakers=[{"id": speaker, "name": "王小明"}])
    assert doubted(await editor.statements()) == []
    for name in ("report.md", "report.txt", "transcript.vtt"):
        assert "王小明" in (await customer.artifact(done, name)).decode(), name
    pages = pypdf.PdfReader(io.BytesIO(await customer.artifact(done, "report.pdf"))).pages
    assert "王小明" in "".join(page.extract_text() for page in pages)
    assert "Edited by hand" not in (await customer.artifact(done, "report.md")).decode()


async def test_a_new_report_rests_on_the_mended_words(customer: Customer) -> None:
    """A retry writes it from the edited transcript, without transcribing again."""
    editor = await finished(customer, formats=["md"])
    transcript, _ = await editor.transcript()
    cited = next(one for one in transcript["segments"] if "hire two more engineers" in one["text"])
    await editor.edit(segments=[{"id": cited["id"], "text": cited["text"].replace("two more", "seven more")}])
    retry = await customer.must("POST", f"/v1/jobs/{editor.job['id']}/retry", json={"solution": "executive_decisions"})
    assert (retry["state"], retry["run"]) == ("reporting", 1)
    done = await customer.must_end(editor.job["id"])
    assert done["state"] == "completed", done["failure"]
    statements = await editor.statements()
    assert doubted(statements) == []
    assert any("seven more engineers" in one["text"] for one in statements)
    assert "Edited by hand: 1 of the" in (await customer.artifact(done, "report.md")).decode()
