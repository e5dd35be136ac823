"""Answers of a language model are kept and never paid for twice, whatever is repeated, lost, killed or drained."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import msgspec
import pytest

from services.reporter import chat_client
from services.reporter import language_model as asking
from shared.schemas.jobs import ReportMode
from tests.fakes.chat import FakeChat
from tests.fakes.faults import Fault, dropped, garbled, slow, status, truncated
from tests.fakes.models import honest, lying
from tests.reporting import MEETING, before, language_model, newsroom, scenario

PATIENCE = 60.0


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any pause between attempts."""
    monkeypatch.setattr(chat_client, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(chat_client, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(asking, "CLOCK_TOLERANCE_SECONDS", 0.2)


async def test_a_repeat_is_answered_from_what_was_kept(tmp_path: Path) -> None:
    """The same bytes and not a single request; another process finds it too. A later attempt is not charged for it again."""
    server = FakeChat(model=honest)
    async with server.serving() as url:
        for _ in range(2):
            async with newsroom(tmp_path, language_model(url), solutions=[scenario()]) as room:
                await room.keep(MEETING)
                first = await room.deliver(solution="trial")
                again = await room.deliver(solution="trial", attempt=2)
                assert first.artifacts == again.artifacts
                assert first.usage is not None
                assert again.usage is not None
                tokens = first.usage.prompt_tokens + first.usage.completion_tokens
                assert (first.usage.kept_tokens, again.usage.kept_tokens) == (0, tokens)
                assert msgspec.structs.replace(again.usage, kept_tokens=0) == first.usage
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
