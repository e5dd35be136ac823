"""Reports by a language model: what is asked, what it costs, what happens when the server fails, and what never happens."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from services.reporter import chat_client, progress
from services.reporter import language_model as asking
from shared.errors import NotNow
from shared.schemas.events import ReportProgressed
from shared.schemas.jobs import LlmAllowance, ReportMode
from shared.schemas.reports import Evidence
from shared.schemas.solutions import Privacy
from shared.schemas.transcripts import Transcript
from tests.fakes.chat import Asked, FakeChat
from tests.fakes.faults import Fault, dropped, garbled, slow, status, truncated
from tests.fakes.models import LINE, answer_to, honest, lying
from tests.reporting import MEETING, Newsroom, language_model, newsroom, scenario
from tests.sandboxes import sandbox
from tests.speech import conversation, said, transcript

PATIENCE = 60.0
OTHER_TENANT = UUID(int=77)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any pause between attempts."""
    monkeypatch.setattr(chat_client, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(chat_client, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(asking, "CLOCK_TOLERANCE_SECONDS", 0.2)


@asynccontextmanager
async def before(server: FakeChat, folder: Path, **settings: object) -> AsyncIterator[Newsroom]:
    """A reporter before a server."""
    async with server.serving() as url, newsroom(folder, language_model(url, **settings), solutions=[scenario()]) as room:
        yield room


ENGLISH = [
    "budget",
    "supplier",
    "contract",
    "delivery",
    "warehouse",
    "invoice",
    "customer",
    "engineer",
    "schedule",
    "prototype",
    "battery",
    "license",
    "auditor",
    "marketing",
    "campaign",
    "training",
    "hospital",
    "railway",
    "bridge",
    "tunnel",
    "harbour",
    "turbine",
    "laboratory",
    "professor",
    "chapter",
    "lecture",
    "mortgage",
    "tenant",
    "heating",
    "insurance",
    "vaccine",
    "orchard",
    "vineyard",
    "pottery",
    "violin",
    "theatre",
    "museum",
    "passport",
    "airline",
    "luggage",
]
CHINESE = [
    "預算",
    "供應商",
    "合約",
    "交貨",
    "倉庫",
    "發票",
    "客戶",
    "工程師",
    "時程",
    "原型",
    "電池",
    "授權",
    "會計師",
    "行銷",
    "活動",
    "訓練",
    "醫院",
    "鐵路",
    "橋樑",
    "隧道",
    "港口",
    "渦輪",
    "實驗室",
    "教授",
    "章節",
    "講座",
    "房貸",
    "房客",
    "暖氣",
    "保險",
    "疫苗",
    "果園",
    "葡萄園",
    "陶器",
    "小提琴",
    "劇院",
    "博物館",
    "護照",
    "航空",
    "行李",
]


def long_meeting(hours: float, *, chinese: bool = False) -> Transcript:
    """A meeting in which something else is said every five seconds."""
    chance = random.Random(1)

    def sentence() -> str:
        words = chance.sample(CHINESE if chinese else ENGLISH, 8)
        return "、".join(words) + "都談到了。" if chinese else f"They talked about {', '.join(words)}."

    segments = [
        said(sentence(), by="AB"[n // 7 % 2], start=n * 5.0, seconds=5.0, words=not chinese) for n in range(int(hours * 720))
    ]
    return transcript(segments, language="zh-Hant" if chinese else "en")


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


async def test_a_repeat_is_answered_from_what_was_kept(tmp_path: Path) -> None:
    """The same bytes, the same usage, and not a single request; another process finds it too."""
    server = FakeChat(model=honest)
    async with server.serving() as url:
        for _ in range(2):
            async with newsroom(tmp_path, language_model(url), solutions=[scenario()]) as room:
                await room.keep(MEETING)
                first = await room.deliver(solution="trial")
                again = await room.deliver(solution="trial", attempt=2)
                assert (first.artifacts, first.usage) == (again.artifacts, again.usage)
    assert len(server.asked) == 1


async def test_the_same_report_twice_at_once_is_asked_for_once(tmp_path: Path) -> None:
    """As when an event is delivered again while it is being worked on."""
    go_on = asyncio.Event()
    server = FakeChat(model=honest, faults=[slow(go_on)])
    async with before(server, tmp_path) as room:
        await room.keep(MEETING)
        both = [asyncio.create_task(room.deliver(solution="trial")) for _ in range(2)]
        await server.wait_for(1)
        go_on.set()
        first, second = await asyncio.gather(*both)
    assert first.event_id == second.event_id
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "fault",
    [status(429, Retry_After="0"), status(429), status(500), status(503), status(503, Retry_After="0"), status(529)],
    ids=["429 with a time", "429", "500", "503", "503 with a time", "529"],
)
async def test_a_request_that_was_not_taken_is_sent_again(fault: Fault, tmp_path: Path) -> None:
    """As often as need be, inside the report's time."""
    server = FakeChat(model=honest, faults=[fault, fault, fault])
    async with before(server, tmp_path) as room:
        written = await room.report(MEETING, solution="trial")
    assert (written.ready.mode, written.report.notes) == (ReportMode.LLM, ())
    assert len(server.asked) == 4


async def test_a_server_that_is_away_leaves_the_report_to_code(tmp_path: Path) -> None:
    """After some tries. Nothing was taken, so nothing is noted, and the next attempt asks again."""
    async with newsroom(tmp_path, language_model("http://127.0.0.1:9/v1"), solutions=[scenario()]) as room:
        written = await room.report(MEETING, solution="trial")
        assert await room.answers() == []
    assert (written.ready.mode, written.report.notes, written.ready.usage) == (
        ReportMode.EXTRACTIVE,
        ("llm_unreachable",),
        None,
    )


async def test_a_server_that_wants_more_patience_than_there_is_is_not_waited_for(tmp_path: Path) -> None:
    """The report does not take an hour because the server says so."""
    server = FakeChat(model=honest, faults=[status(429, Retry_After="3600")])
    async with before(server, tmp_path) as room:
        written = await room.report(MEETING, solution="trial")
    assert (written.ready.mode, written.report.notes) == (ReportMode.EXTRACTIVE, ("llm_unreachable",))


@pytest.mark.parametrize(
    "fault",
    [
        status(401, '{"error": {"message": "Incorrect API key provided: sk-verysecret0123456789abcdef"}}'),
        status(402),
        status(404, '{"error": "no such model"}'),
        status(429, '{"error": {"code": "insufficient_quota", "message": "pay"}}'),
        status(302, Location="http://127.0.0.1:9/"),
    ],
    ids=["key", "unpaid", "model", "quota", "elsewhere"],
)
async def test_a_refusal_is_the_operators_matter(fault: Fault, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not tried again; the log says why without the key, and the report is made by code."""
    server = FakeChat(model=honest, faults=[fault])
    async with before(server, tmp_path, llm_api_key="sk-verysecret0123456789abcdef") as room:
        written = await room.report(MEETING, solution="trial")
    assert len(server.asked) == 1
    assert (written.ready.mode, written.report.notes) == (ReportMode.EXTRACTIVE, ("llm_rejected",))
    logged = capsys.readouterr()
    assert "llm.rejected" in logged.out + logged.err
    assert "verysecret" not in logged.out + logged.err


LOST = [dropped, truncated, garbled, status(504), status(502)]


@pytest.mark.parametrize("fault", LOST, ids=["dropped", "truncated", "garbled", "504", "502"])
async def test_a_lost_answer_is_not_asked_for_again(fault: Fault, tmp_path: Path) -> None:
    """It may have been charged. A redelivery does not ask either; the customer's retry does."""
    server = FakeChat(model=honest, faults=[fault])
    async with before(server, tmp_path, llm_request_seconds=1) as room:
        written = await room.report(MEETING, solution="trial")
        assert (written.ready.mode, written.report.notes) == (ReportMode.EXTRACTIVE, ("llm_lost",))
        assert written.ready.usage is None
        redelivered = await room.deliver(solution="trial")
        assert (redelivered.event_id, len(server.asked)) == (written.ready.event_id, 1)
        retried = await room.deliver(solution="trial", attempt=2)
        assert (retried.mode, len(server.asked)) == (ReportMode.LLM, 2)
        later = await room.deliver(solution="trial", attempt=2)
        assert (later.mode, len(server.asked)) == (ReportMode.LLM, 2)


async def test_an_answer_that_takes_too_long_is_lost(tmp_path: Path) -> None:
    """The report comes out without it."""
    server = FakeChat(model=honest, faults=[slow(asyncio.Event())])
    async with before(server, tmp_path, llm_request_seconds=1) as room:
        written = await room.report(MEETING, solution="trial")
    assert (written.ready.mode, written.report.notes) == (ReportMode.EXTRACTIVE, ("llm_lost",))


@pytest.mark.parametrize("settings", [{"llm_in_house": True}, {"llm_repeat_lost": True}], ids=["in house", "set so"])
async def test_a_lost_answer_is_asked_for_again_where_that_may_be(settings: dict[str, bool], tmp_path: Path) -> None:
    """At a server of one's own it costs nothing, and an operator may prefer to pay."""
    server = FakeChat(model=honest, faults=[dropped])
    async with before(server, tmp_path, **settings) as room:
        written = await room.report(MEETING, solution="trial")
    assert (written.ready.mode, written.report.notes) == (ReportMode.LLM, ())
    assert len(server.asked) == 2


async def _process(folder: Path, url: str, attempt: int = 1) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.reporter_process", str(folder), url, str(attempt)), stdout=asyncio.subprocess.PIPE
    )


async def _last_line(process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(PATIENCE):
        out, _ = await process.communicate()
    return out.decode().strip().splitlines()[-1]


async def test_a_killed_reporter_never_pays_twice(tmp_path: Path) -> None:
    """What was answered before is found again; what was under way is lost, and only a retry asks for it once more."""
    server = FakeChat(
        model=lying(lambda answer: answer["sections"]["points"][0].update(evidence=[])), faults=[None, slow(asyncio.Event())]
    )
    async with server.serving() as url:
        killed = await _process(tmp_path, url)
        await server.wait_for(2)  # the report is answered, the correction is under way
        killed.kill()
        await killed.communicate()
        assert await _last_line(await _process(tmp_path, url)) == "llm llm_lost"
        assert len(server.asked) == 2
        assert await _last_line(await _process(tmp_path, url, attempt=2)) == "llm"
        assert len(server.asked) == 3
    assert len({json.dumps(asked.messages) for asked in server.asked[1:]}) == 1


async def test_a_drained_reporter_keeps_an_answer_that_comes_late(tmp_path: Path) -> None:
    """The handler is gone, the answer is paid for: the next delivery finds it."""
    go_on = asyncio.Event()
    server = FakeChat(model=honest, faults=[slow(go_on)])
    async with server.serving() as url:
        async with newsroom(tmp_path, language_model(url), solutions=[scenario()]) as room:
            await room.keep(MEETING)
            delivery = asyncio.create_task(room.deliver(solution="trial"))
            await server.wait_for(1)
            await room.bus.stop_consuming(0)
            await asyncio.gather(delivery, return_exceptions=True)
            asyncio.get_running_loop().call_later(0.1, go_on.set)
        async with newsroom(tmp_path, language_model(url), solutions=[scenario()]) as room:
            ready = await room.deliver(solution="trial")
    assert (ready.mode, len(server.asked)) == (ReportMode.LLM, 1)


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


@pytest.mark.parametrize("chinese", [False, True], ids=["English", "Chinese"])
async def test_of_eight_hours_every_segment_is_read(chinese: bool, tmp_path: Path) -> None:
    """In parts, side by side; the report is written from the facts of all, and every citation leads to its words."""
    heard = long_meeting(8, chinese=chinese)
    go_on = asyncio.Event()
    server = FakeChat(model=honest, faults=[slow(go_on)] * 4)
    async with before(server, tmp_path, llm_requests=4) as room:
        reporting = asyncio.create_task(room.report(heard, solution="trial"))
        await server.wait_for(4)
        go_on.set()
        written = await reporting
    read = {int(number) for asked in server.asked for number, *_ in LINE.findall(asked.messages[1]["content"])}
    assert read == set(range(1, len(heard.segments) + 1))
    assert 5 < len(server.asked) < 60
    assert server.most_at_once == 4
    assert (written.report.notes, written.doubted, written.report.coverage.complete) == ((), [], True)
    segments = {segment.id: segment.text for segment in heard.segments}
    assert written.items
    assert all((reference.quote or "?") in segments[reference.segment_id] for item in written.items for reference in item.refs)
    assert (written.ready.usage and written.ready.usage.calls) == len(server.asked)


async def test_a_long_report_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ever further, of the attempt it belongs to; whether anybody hears it does not matter."""
    monkeypatch.setattr(progress, "TELL_SECONDS", 0.0)
    async with before(FakeChat(model=honest), tmp_path) as room:
        await room.report(long_meeting(2), solution="trial", attempt=3, formats=("md", "txt"))
    told = [news for news in room.progress.events if isinstance(news, ReportProgressed)]
    shares = [news.progress for news in told]
    assert shares == sorted(shares)
    assert (len(shares) > 8, shares[-1], {news.attempt for news in told}) == (True, 0.9, {3})


async def test_a_part_that_stays_unread_is_told(tmp_path: Path) -> None:
    """The report covers the others, and says up to where it can be relied on."""
    server = FakeChat(model=lambda asked: "no" if "part 2 of" in asked.text else honest(asked))
    async with before(server, tmp_path) as room:
        written = await room.report(long_meeting(2), solution="trial")
    assert written.report.notes == ("llm_unreadable", "llm_part_missing")
    coverage = written.report.coverage
    assert 0 < coverage.segments_used < coverage.segments_total
    assert 0 < coverage.through_ms < coverage.duration_ms
    assert "left a part of the recording unanswered" in written.text("report.md")


async def test_a_budget_for_some_parts_reads_some_parts(tmp_path: Path) -> None:
    """The rest is not asked for, something is left for writing the report, and all of that is said."""
    server = FakeChat(model=honest)
    async with before(server, tmp_path) as room:
        written = await room.report(long_meeting(2), solution="trial", llm=LlmAllowance(tokens=60_000))
    assert written.report.notes == ("llm_budget_spent", "llm_part_missing")
    assert written.ready.mode is ReportMode.LLM
    assert not written.report.coverage.complete
    usage = written.ready.usage
    assert usage is not None
    assert usage.prompt_tokens + usage.completion_tokens <= 60_000
    assert "You do not see its transcript" in server.asked[-1].text


async def test_facts_that_are_not_put_into_words_are_shown_as_they_are(tmp_path: Path) -> None:
    """From the whole recording, as many as each section may have."""
    server = FakeChat(model=lambda asked: "no" if "You do not see its transcript" in asked.text else honest(asked))
    async with before(server, tmp_path) as room:
        written = await room.report(long_meeting(2), solution="trial")
    assert "llm_not_condensed" in written.report.notes
    assert {item.evidence for item in written.items} == {Evidence.VERIFIED}
    moments = [reference.start_ms for item in written.items for reference in item.refs]
    assert max(moments) > long_meeting(2).media.duration_ms / 2


async def test_a_server_that_reads_only_the_end_is_found_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ollama leaves out what is longer than its context and says nothing; its count of tokens gives it away."""
    server = FakeChat(model=honest, context_tokens=2000)
    async with before(server, tmp_path, llm_in_house=True) as room:
        written = await room.report(long_meeting(0.5), solution="trial")
        assert await room.answers() == []
    assert (written.ready.mode, written.report.notes) == (ReportMode.EXTRACTIVE, ("llm_truncated",))
    logged = capsys.readouterr()
    assert "num_ctx" in logged.out + logged.err


@pytest.mark.parametrize(
    ("server", "sent"),
    [
        (FakeChat(model=honest, forms=frozenset({"json_object"})), {"response_format": {"type": "json_object"}}),
        (FakeChat(model=honest, forms=frozenset()), {"response_format": None}),
        (FakeChat(model=honest, refused=frozenset({"response_format"})), {"response_format": None}),
        (FakeChat(model=honest, refused=frozenset({"max_tokens"})), {"max_tokens": None, "max_completion_tokens": 6000}),
        (FakeChat(model=honest, refused=frozenset({"max_tokens", "temperature"})), {"temperature": None}),
        (FakeChat(model=honest, reports_usage=False), {}),
    ],
    ids=["objects only", "no forms", "no response_format", "newer length", "no temperature", "no usage"],
)
async def test_servers_are_spoken_to_in_their_own_words(server: FakeChat, sent: dict[str, object], tmp_path: Path) -> None:
    """What a server refuses is left out from then on."""
    server.asked.clear()
    async with before(server, tmp_path) as room:
        written = await room.report(MEETING, solution="trial")
        refusals = server.refusals
        await room.report(transcript(conversation(("A", "Another recording of the same morning."))), solution="trial")
    assert (written.ready.mode, written.report.notes) == (ReportMode.LLM, ())
    assert {name: server.asked[-1].body.get(name) for name in sent} == sent
    assert server.refusals == refusals
    assert ((written.ready.usage and written.ready.usage.prompt_tokens) or 0) > 100


async def test_the_llm_gateway_of_assemblyai_is_spoken_to(tmp_path: Path) -> None:
    """With the key alone in its header, as the sandbox plays it: it says as little as the form allows."""
    async with sandbox() as running:
        configured = language_model(f"{running.url}/v1", llm_api_key="any-key", llm_key_scheme="plain")
        configured = msgspec.structs.replace(configured, llm_model="claude-sonnet-5")
        async with newsroom(tmp_path, configured, solutions=[scenario()]) as room:
            written = await room.report(MEETING, solution="trial")
    assert (written.ready.mode, written.ready.model, written.report.notes) == (ReportMode.LLM, "claude-sonnet-5", ())
    assert written.items == []
    assert ((written.ready.usage and written.ready.usage.prompt_tokens) or 0) > 500


@pytest.mark.parametrize(
    ("key", "model", "line"),
    [
        ("sk-right", "fake-1", "ok       language model fake-1 at 127.0.0.1, outside"),
        ("sk-right", "gpt-9", "missing  language model 127.0.0.1 has no gpt-9, but fake-1, other"),
        (
            "sk-wrong",
            "fake-1",
            "missing  language model The language model at 127.0.0.1 refuses the key with 401 Unauthorized.",
        ),
    ],
)
async def test_doctor_tells_whether_the_model_can_be_asked(key: str, model: str, line: str, tmp_path: Path) -> None:
    """Without asking it anything."""
    server = FakeChat(model=honest, key="sk-right")
    async with server.serving() as url:
        settings = {"LLM_URL": url, "LLM_MODEL": model, "LLM_API_KEY": key, "DATA_DIR": str(tmp_path)}
        doctor = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services", "doctor"),
            env={**os.environ, **{f"AUDIO2TXT_{name}": value for name, value in settings.items()}},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await doctor.communicate()
    assert line in out.decode().splitlines()
    assert server.asked == []


async def test_a_slow_model_holds_up_nobody_elses_report(tmp_path: Path) -> None:
    """While many reports of one tenant wait for the model, reports without one, and another tenant's with one, come out."""
    go_on = asyncio.Event()
    held = 0

    async def hold(request: object, response: object) -> object:
        nonlocal held
        held += 1
        await go_on.wait()
        return response

    server = FakeChat(model=honest, faults=[hold] * 4)  # type: ignore[list-item]
    async with before(server, tmp_path, llm_requests=8) as room:
        jobs = [UUID(int=n) for n in range(1, 13)]
        for job in jobs:
            await room.keep(MEETING, job_id=job)
        waiting = [asyncio.create_task(room.deliver(solution="trial", job_id=job, title=str(job))) for job in jobs[:4]]
        await server.wait_for(4)
        await room.keep(MEETING, tenant_id=OTHER_TENANT, job_id=jobs[4])
        await room.keep(MEETING, tenant_id=OTHER_TENANT, job_id=jobs[5])
        async with asyncio.timeout(PATIENCE):
            verbatim = await room.deliver(solution="verbatim", tenant_id=OTHER_TENANT, job_id=jobs[4])
            written = await room.deliver(solution="trial", tenant_id=OTHER_TENANT, job_id=jobs[5])
        assert (verbatim.mode, written.mode, held) == (None, ReportMode.LLM, 4)
        go_on.set()
        assert {ready.mode for ready in await asyncio.gather(*waiting)} == {ReportMode.LLM}


async def test_a_tenant_has_only_so_many_reports_in_hand(tmp_path: Path) -> None:
    """What is too many goes to the end of the queue, behind those of others."""
    go_on = asyncio.Event()

    async def hold(request: object, response: object) -> object:
        await go_on.wait()
        return response

    server = FakeChat(model=honest, faults=[hold] * 8)  # type: ignore[list-item]
    async with before(server, tmp_path, llm_requests=16) as room:
        jobs = [UUID(int=n) for n in range(1, 10)]
        for job in jobs:
            await room.keep(MEETING, job_id=job)
        waiting = [asyncio.create_task(room.deliver(solution="trial", job_id=job, title=str(job))) for job in jobs[:8]]
        await server.wait_for(8)
        with pytest.raises(NotNow, match="as many reports in hand"):
            await room.deliver(solution="verbatim", job_id=jobs[8])
        go_on.set()
        await asyncio.gather(*waiting)
        assert (await room.deliver(solution="verbatim", job_id=jobs[8])).mode is None
