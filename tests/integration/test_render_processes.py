from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from services.reporter.workers import RenderFailed, RenderProcess, Workers
from shared.schemas.jobs import ArtifactFormat
from shared.schemas.reports import Report
from tests.speech import assignment, conversation, said, transcript

PATIENCE = 30.0
MEETING = transcript(conversation(("A", "Good morning."), ("B", "大家早。")))
ENDLESS = transcript([said(f"Sentence number {n}, and so on and on.", start=n * 3.0, words=True) for n in range(20_000)])


@asynccontextmanager
async def _workers(*, count: int = 1, seconds: float = 60.0, idle_seconds: float = 60.0) -> AsyncIterator[Workers]:
    workers = Workers(start=RenderProcess.start, count=count, seconds=seconds, idle_seconds=idle_seconds)
    try:
        yield workers
    finally:
        await workers.close()


def _render_processes() -> set[int]:
    """Our children that render."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"services.reporter.worker" in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


async def _until_gone(pid: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
            await asyncio.sleep(0.02)


async def test_a_process_renders_every_format() -> None:
    """The report document first, then all files, from one process that starts with the first request."""
    async with _workers() as workers:
        assert _render_processes() == set()
        async with workers.lend(assignment(MEETING)) as lease:
            opened = await lease.open()
            assert isinstance(opened, bytes)
            report = msgspec.json.decode(opened, type=Report)
            files = {file_format: (await lease.render(file_format)).data for file_format in ArtifactFormat}
        assert report.facts.words == 5
        assert files[ArtifactFormat.PDF].startswith(b"%PDF-1.7")
        assert files[ArtifactFormat.VTT].startswith(b"WEBVTT")
        assert len(_render_processes()) == 1
    assert _render_processes() == set()


async def test_a_rendering_that_takes_too_long_is_given_up() -> None:
    """And its process with it, since nobody knows what it is doing."""
    async with _workers(seconds=0.02) as workers, workers.lend(assignment(ENDLESS)) as lease:
        with pytest.raises(RenderFailed) as failure:
            await lease.render(ArtifactFormat.SRT)
        assert failure.value.code == "render_timeout"
        assert _render_processes() == set()


async def test_a_killed_process_fails_one_rendering() -> None:
    """As when the kernel ends it for want of memory."""
    async with _workers() as workers, workers.lend(assignment(ENDLESS)) as lease:
        await lease.open()
        [pid] = _render_processes()
        rendering = asyncio.create_task(lease.render(ArtifactFormat.SRT))
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(RenderFailed) as failure:
            await rendering
        assert failure.value.code == "render_crashed"
        assert (await lease.render(ArtifactFormat.TEXT)).data.startswith(b"Weekly meeting")
        assert _render_processes().isdisjoint({pid})


async def test_a_cancelled_rendering_leaves_no_process_at_work() -> None:
    """Nobody would hear its answer."""
    async with _workers() as workers:
        async with workers.lend(assignment(ENDLESS)) as lease:
            await lease.open()
            [pid] = _render_processes()
            rendering = asyncio.create_task(lease.render(ArtifactFormat.PDF))
            await asyncio.sleep(0)
            rendering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await rendering
        await _until_gone(pid)


async def test_reports_wait_for_a_free_process() -> None:
    """No more processes than the setting allows, whatever is asked at once."""

    async def report(workers: Workers) -> bytes:
        async with workers.lend(assignment(MEETING)) as lease:
            return (await lease.render(ArtifactFormat.TEXT)).data

    async with _workers(count=2) as workers:
        texts = await asyncio.gather(*(report(workers) for _ in range(8)))
        assert len(set(texts)) == 1
        assert len(_render_processes()) <= 2


async def test_an_idle_process_gives_its_memory_back() -> None:
    """And the next report simply starts another."""
    async with _workers(idle_seconds=0.05) as workers:
        for _ in range(2):
            async with workers.lend(assignment(MEETING)) as lease:
                await lease.open()
                [pid] = _render_processes()
            await _until_gone(pid)


async def test_a_process_knows_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What renders strangers' words could not give them away."""
    monkeypatch.setenv("AUDIO2TXT_SECRET_KEY", "s" * 40)
    async with _workers() as workers, workers.lend(assignment(MEETING)) as lease:
        await lease.open()
        [pid] = _render_processes()
        assert b"AUDIO2TXT_" not in Path(f"/proc/{pid}/environ").read_bytes()


PARENT = """
import asyncio, sys
from services.reporter.protocol import Open
from services.reporter.workers import RenderProcess

async def main():
    process = await RenderProcess.start()
    print(process._process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_process_dies_with_its_parent() -> None:
    """Even when the parent is killed and can tell it nothing."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    while not (line := await parent.stdout.readline()).strip().isdigit():
        assert line, "the parent ended by itself"
    pid = int(line)
    parent.kill()
    await parent.communicate()
    await _until_gone(pid)


def test_the_service_itself_loads_nothing_that_renders() -> None:
    """Its idle memory is that of a consumer."""
    heavy = "print([name for name in ('reportlab', 'uharfbuzz', 'PIL', 'services.reporter.renderers') if name in sys.modules])"
    outcome = subprocess.run(
        [sys.executable, "-c", f"import sys, services.reporter.app; {heavy}"], capture_output=True, text=True, check=True
    )
    assert outcome.stdout == "[]\n"
