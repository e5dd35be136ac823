"""Chat servers that refuse, are away, read half or speak another dialect: the report comes out, and says what happened."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import msgspec
import pytest

from services.reporter import chat_client
from services.reporter import language_model as asking
from shared.schemas.jobs import ReportMode
from tests.fakes.chat import FakeChat
from tests.fakes.faults import Fault, status
from tests.fakes.models import honest
from tests.reporting import MEETING, before, language_model, long_meeting, newsroom, scenario
from tests.sandboxes import sandbox
from tests.speech import conversation, transcript


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any pause between attempts."""
    monkeypatch.setattr(chat_client, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(chat_client, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(asking, "CLOCK_TOLERANCE_SECONDS", 0.2)


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


async def test_a_refusal_that_repeats_what_it_was_sent_is_not_logged_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What somebody said stands in no log, nor does a key that does not look like one."""
    said = MEETING.segments[0].text[:40]
    refusal = status(400, json.dumps({"error": {"message": f"The key hunter-two may not ask this: {said} and so on"}}))
    async with before(FakeChat(model=honest, faults=[refusal] * 4), tmp_path, llm_api_key="hunter-two") as room:
        written = await room.report(MEETING, solution="trial")
    assert written.report.notes == ("llm_rejected",)
    logged = capsys.readouterr()
    assert "The key … may not ask this:" in logged.out + logged.err
    assert said[:20] not in logged.out + logged.err
    assert "hunter" not in logged.out + logged.err


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
