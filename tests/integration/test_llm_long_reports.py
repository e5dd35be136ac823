"""Recordings of hours are read whole, in parts; and whatever takes long holds up nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from services.reporter import progress
from shared.errors import NotNow
from shared.schemas.events import ReportProgressed
from shared.schemas.jobs import LlmAllowance, ReportMode
from shared.schemas.reports import Evidence
from tests.fakes.chat import FakeChat
from tests.fakes.faults import slow
from tests.fakes.models import LINE, honest
from tests.reporting import MEETING, before, long_meeting

PATIENCE = 60.0
OTHER_TENANT = UUID(int=77)


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
