"""Reports after a scenario, in both sizes: every statement leads to the words it rests on, in every file format."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import docx
import pypdf
import pytest

from tests.customer import SAMPLE, Customer, Receiver

FORMATS = {"pdf", "docx", "md", "txt", "json", "srt", "vtt"}
MINUTES = {"engine": "scripted", "solution": "meeting_minutes", "title": "Supplier and office"}


async def report_of(customer: Customer, job: dict[str, Any]) -> dict[str, Any]:
    """The report document, as the API serves it."""
    report: dict[str, Any] = await customer.must("GET", f"/v1/jobs/{job['id']}/report")
    return report


def items_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    """All statements of a report."""
    return [item for section in report["sections"] for item in section.get("items", ())]


def squeezed(text: str) -> str:
    """Without what line breaks and layout put between letters."""
    return re.sub(r"\s", "", text)


async def test_a_meeting_becomes_minutes_whose_every_statement_was_said(customer: Customer, receiver: Receiver) -> None:
    """Each refers to segments of the transcript that hold the words it quotes; nothing is left unchecked."""
    job = await customer.must_submit(SAMPLE.read_bytes(), **MINUTES, callback_url=receiver.url)
    done = await customer.must_end(job["id"])
    assert done["state"] == "completed", done["failure"]
    assert {artifact["format"] for artifact in done["artifacts"]} == FORMATS
    assert all(artifact["state"] == "ready" for artifact in done["artifacts"]), done["artifacts"]
    assert done["stages"]["report"]["mode"] == "extractive"

    report = await report_of(customer, job)
    assert json.loads(await customer.artifact(done, "report.json")) == report
    assert report["mode"] == "extractive"
    assert report["solution"]["id"] == "meeting_minutes"
    transcript = await customer.must("GET", f"/v1/jobs/{job['id']}/transcript")
    said = {segment["id"]: segment for segment in transcript["segments"]}
    items = items_of(report)
    assert items
    for item in items:
        assert item["evidence"] == "verified", item
        for reference in item["refs"]:
            assert reference["quote"] in said[reference["segment_id"]]["text"]
    assert [body["type"] for body in await receiver.wait_for_job(job["id"])] == ["job.completed"]


async def test_decisions_and_actions_are_found_with_their_owners(customer: Customer) -> None:
    """What somebody undertook stands in the table, with whoever said so and the day that was named."""
    job = await customer.must_submit(SAMPLE.read_bytes(), **MINUTES, formats=["txt"])
    await customer.must_end(job["id"])
    report = await report_of(customer, job)
    sections = {section["id"]: section for section in report["sections"]}
    actions = [{cell["column"]: cell for cell in item["cells"]} for item in sections["actions"]["items"]]
    call = next(cells for cells in actions if "call them" in cells["task"]["text"])
    assert call["owner"]["speaker_id"] == "spk_2"
    assert "tomorrow" in call["due"]["text"]
    assert any("hire two more engineers" in item["text"] for item in sections["decisions"]["items"])


async def test_every_format_carries_the_statements_and_their_moments(customer: Customer) -> None:
    """Also the formats that are read by people who have nothing else."""
    job = await customer.must_submit(SAMPLE.read_bytes(), **MINUTES)
    done = await customer.must_end(job["id"])
    decision = next(
        item["text"] for section in (await report_of(customer, job))["sections"] if section["id"] == "decisions"
        for item in section["items"]
    )  # fmt: skip
    pages = pypdf.PdfReader(io.BytesIO(await customer.artifact(done, "report.pdf"))).pages
    word = docx.Document(io.BytesIO(await customer.artifact(done, "report.docx")))
    texts = {
        "pdf": "".join(page.extract_text() for page in pages),
        "docx": "".join("".join(element.itertext()) for element in word.element.body),
        "md": (await customer.artifact(done, "report.md")).decode().replace("\\", ""),
        "txt": (await customer.artifact(done, "report.txt")).decode(),
    }
    for file_format, text in texts.items():
        assert squeezed(decision) in squeezed(text), file_format
    assert re.search(r"\[\^\d+\]", texts["md"])
    assert (await customer.artifact(done, "transcript.vtt")).startswith(b"WEBVTT")


async def test_a_report_can_be_in_traditional_chinese(customer: Customer) -> None:
    """Headings and labels; what was said in English stays in English."""
    job = await customer.must_submit(
        SAMPLE.read_bytes(), engine="scripted", solution="business_meeting", report_language="zh-Hant", formats=["md"]
    )
    done = await customer.must_end(job["id"])
    assert done["solution"] == "meeting_minutes"
    text = (await customer.artifact(done, "report.md")).decode()
    assert "## 核心決策" in text
    assert "## 行動項目" in text
    assert "hire two more engineers" in text


async def test_another_scenario_can_be_tried_on_the_same_transcript(customer: Customer) -> None:
    """Nothing is transcribed again."""
    job = await customer.must_submit(SAMPLE.read_bytes(), **MINUTES, formats=["md"])
    first = await customer.must_end(job["id"])
    again = await customer.must("POST", f"/v1/jobs/{job['id']}/retry", json={"solution": "action_items"})
    assert (again["state"], again["run"], again["solution"]) == ("reporting", first["run"], "action_items")
    done = await customer.must_end(job["id"])
    assert done["state"] == "completed", done["failure"]
    assert (await report_of(customer, job))["solution"]["id"] == "action_items"


async def test_a_report_comes_out_where_no_language_model_is_set_up(customer: Customer) -> None:
    """Code writes it instead, and the report and its readers are told."""
    job = await customer.must_submit(SAMPLE.read_bytes(), **MINUTES, report_mode="llm", formats=["txt"])
    done = await customer.must_end(job["id"])
    assert (done["state"], done["stages"]["report"]["mode"]) == ("completed", "extractive")
    assert "llm_not_configured" in (await report_of(customer, job))["notes"]
    assert "No language model is set up here" in (await customer.artifact(done, "report.txt")).decode()


@pytest.mark.parametrize(
    ("order", "pointer", "code"),
    [
        ({"solution": "no_such_scenario"}, "/solution", "unknown_solution"),
        ({"solution": "legal_consultation", "inputs": {"colour": "blue"}}, "/inputs/colour", None),
        ({"solution": "verbatim", "report_mode": "llm"}, "/report_mode", None),
    ],
)
async def test_what_no_report_can_be_is_refused_at_once(
    customer: Customer, order: dict[str, Any], pointer: str, code: str | None
) -> None:
    """With the place and the reason, before anything is transcribed."""
    upload_id = await customer.must_upload(SAMPLE.read_bytes())
    answer = await customer.call("POST", "/v1/jobs", json={"upload_id": upload_id, "engine": "scripted", **order})
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["errors"][0]["pointer"] == pointer, problem
    assert code is None or problem["code"] == code
