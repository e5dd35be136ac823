"""Reports by a language model: what is asked, what it costs, and when nobody is asked."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from shared.schemas.jobs import LlmAllowance, ReportMode
from shared.schemas.reports import Evidence
from shared.schemas.solutions import Privacy
from tests.fakes.chat import Asked, FakeChat
from tests.fakes.models import answer_to, honest
from tests.reporting import MEETING, before, language_model, newsroom, scenario
from tests.speech import conversation, said, transcript


async def test_a_report_says_who_wrote_it_and_what_it_cost(tmp_path: Path) -> None:
    """In the event, in the report document and in every file; the key goes in its header, and the greatest length along."""
    server = FakeChat(model=honest, key="sk-test-1")
    async with before(server, tmp_path, llm_api_key="sk-test-1", llm_prompt_usd=2, llm_completion_usd=8) as room:
        written = await room.report(MEETING, solution="trial", formats=("md", "txt", "json", "pdf", "docx", "srt", "vtt"))
    assert list(written.files) == [
        *("report.md", "report.txt", "report.json", "report.pdf", "report.docx"),
        *("transcript.srt", "transcript.vtt"),
    ]
    [asked] = server.asked
    assert asked.authorization == "Bearer sk-test-1"
    assert (asked.body["max_tokens"], asked.body["temperature"], asked.body["stream"]) == (6000, 0.2, False)
    assert asked.body["response_format"]["json_schema"]["strict"] is True
    usage = written.ready.usage
    assert usage is not None
    assert (written.ready.mode, written.ready.model, usage.calls) == (ReportMode.LLM, "fake-1", 1)
    cost = (2 * usage.prompt_tokens + 8 * usage.completion_tokens) / 1_000_000
    assert usage.cost_usd == f"{cost:.6f}"
    assert (written.report.mode, written.report.model, written.report.usage) == (ReportMode.LLM, "fake-1", usage)
    assert "fake-1" in written.text("report.md")
    assert {item.evidence for item in written.items} == {Evidence.VERIFIED}
    assert len(written.items) == len(MEETING.segments)


async def test_a_report_is_written_in_the_language_that_was_chosen(tmp_path: Path) -> None:
    """The model is told, and given the scenario's words in that language."""
    server = FakeChat(model=honest)
    async with before(server, tmp_path) as room:
        written = await room.report(MEETING, solution="meeting_minutes", report_language="zh-Hant")
    assert "in Traditional Chinese as written in Taiwan" in server.asked[0].text
    assert room.solutions["meeting_minutes"].sections[0].title["zh-Hant"] in server.asked[0].text
    assert written.report.language == "zh-Hant"


async def test_what_is_fixed_comes_first_and_the_task_last(tmp_path: Path) -> None:
    """So that servers need not read again what they have read for the last recording of the same scenario."""
    server = FakeChat(model=honest)
    async with before(server, tmp_path) as room:
        await room.report(MEETING, solution="trial", title="One")
        await room.report(
            transcript(conversation(("A", "Something else entirely was said here."))), solution="trial", title="2"
        )
    first, second = (asked.messages for asked in server.asked)
    assert first[0] == second[0]
    assert "Something else" not in second[0]["content"]
    assert first[1]["content"].rstrip().splitlines()[-1].startswith("Write all sections of the report now")


async def test_speakers_are_named_by_id_and_called_by_name_in_the_report(tmp_path: Path) -> None:
    """Braces that the model forgets are set, so that a renamed speaker is renamed everywhere."""

    def model(asked: Asked) -> str:
        answer = answer_to(asked)
        answer["sections"]["points"][0]["text"] = "spk_A wants to talk about the budget for the new office in Taipei."
        return json.dumps(answer)

    async with before(FakeChat(model=model), tmp_path) as room:
        written = await room.report(MEETING, solution="trial")
    assert written.items[0].text.startswith("{spk_A} wants to talk")
    assert "Alice Chen wants to talk about the budget" in written.text("report.md")


NOT_ASKED = [
    ({}, {"llm": None}, "llm_no_budget"),
    ({}, {"llm": LlmAllowance(tokens=0)}, "llm_no_budget"),
    ({}, {"llm": LlmAllowance(tokens=1000)}, "llm_budget_spent"),
    ({}, {"llm": LlmAllowance(tokens=10**7, outside=False)}, "llm_not_allowed"),
    ({}, {"llm": LlmAllowance(tokens=10**7, cost_usd="5")}, "llm_price_unknown"),
    ({"llm_prompt_usd": 2, "llm_completion_usd": 8}, {"llm": LlmAllowance(tokens=10**7, cost_usd="0.05")}, "llm_budget_spent"),
    ({"llm_context_tokens": 4096, "llm_max_output_tokens": 3900}, {}, "llm_context_too_small"),
]


@pytest.mark.parametrize(
    ("settings", "options", "note"), NOT_ASKED, ids=lambda value: value if isinstance(value, str) else None
)
async def test_nothing_is_sent_that_may_not_be(
    settings: dict[str, object], options: dict[str, object], note: str, tmp_path: Path
) -> None:
    """Not a byte; the report is made by code and says why."""
    server = FakeChat(model=honest)
    async with before(server, tmp_path, **settings) as room:
        written = await room.report(MEETING, solution="trial", **options)
    assert server.asked == []
    assert (written.ready.mode, written.report.notes) == (ReportMode.EXTRACTIVE, (note,))


async def test_a_confidential_scenario_is_sent_nowhere_outside(tmp_path: Path) -> None:
    """Whatever the job says; a server in the house may read it."""
    server = FakeChat(model=honest)
    confidential = scenario(privacy=Privacy(allow_cloud_llm=False))
    async with server.serving() as url:
        async with newsroom(tmp_path / "1", language_model(url), solutions=[confidential]) as room:
            written = await room.report(MEETING, solution="trial", report_mode=ReportMode.LLM)
        assert server.asked == []
        assert written.report.notes == ("llm_not_allowed",)
        async with newsroom(tmp_path / "2", language_model(url, llm_in_house=True), solutions=[confidential]) as room:
            written = await room.report(MEETING, solution="trial", llm=LlmAllowance(tokens=10**6, outside=False))
    assert (written.ready.mode, len(server.asked)) == (ReportMode.LLM, 1)


async def test_without_a_server_code_writes(tmp_path: Path) -> None:
    """As on every fresh installation."""
    async with newsroom(tmp_path, solutions=[scenario()]) as room:
        written = await room.report(MEETING, solution="trial")
    assert (written.ready.mode, written.report.notes) == (ReportMode.EXTRACTIVE, ("llm_not_configured",))


async def test_a_customer_may_choose_who_writes(tmp_path: Path) -> None:
    """Then nobody else is asked."""
    server = FakeChat(model=honest)
    async with before(server, tmp_path) as room:
        written = await room.report(MEETING, solution="trial", report_mode=ReportMode.EXTRACTIVE)
    assert (written.ready.mode, written.report.notes, server.asked) == (ReportMode.EXTRACTIVE, (), [])


@pytest.mark.parametrize("segments", [[], [said("")], [said("   ")]], ids=["none", "empty", "blank"])
async def test_about_nothing_nobody_is_asked(segments: list[msgspec.Struct], tmp_path: Path) -> None:
    """There is a report all the same."""
    server = FakeChat(model=honest)
    async with before(server, tmp_path) as room:
        written = await room.report(transcript(segments), solution="trial")  # type: ignore[arg-type]
    assert (server.asked, written.items) == ([], [])


async def test_one_word_is_a_recording_too(tmp_path: Path) -> None:
    """The model is asked and says what there is."""
    async with before(FakeChat(model=honest), tmp_path) as room:
        written = await room.report(transcript([said("Yes.")]), solution="trial")
    assert written.ready.mode is ReportMode.LLM


async def test_a_scenario_without_sections_asks_nobody(tmp_path: Path) -> None:
    """A verbatim transcript is a transcript."""
    server = FakeChat(model=honest)
    async with before(server, tmp_path) as room:
        written = await room.report(MEETING, solution="verbatim")
    assert (server.asked, written.ready.mode, written.report.notes) == ([], None, ())
    assert list(written.files) == ["transcript.md"]
