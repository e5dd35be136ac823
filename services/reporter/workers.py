"""Render processes: started when first needed, kept warm, ended when idle, replaced when they die or take too long.

A job's renderings go through one process, which reads the transcript once. A hop through its pipes costs a tenth of
a millisecond; in return nothing that was spoken reaches ReportLab, HarfBuzz or a regular expression in the main process,
and their memory is gone when there is nothing to do.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

import services
from services.reporter.protocol import LENGTH_BYTES, Answer, Asking, Assignment, Done, Failed, Open, Render, Request, frame
from shared.schemas.jobs import ArtifactFormat
from shared.settings import PREFIX

PIPE_BYTES = 1024 * 1024
"""How much of an answer is taken from the pipe at once."""

_ANSWERS = msgspec.msgpack.Decoder(Answer)

log = structlog.get_logger(__name__)


class RenderFailed(Exception):
    """A rendering did not come about; `code` and the message are the customer's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Worker(Protocol):
    """One process, which can be asked one thing at a time."""

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as we have heard."""

    async def ask(self, request: Request) -> Answer:
        """Send a request and wait for its answer; raises `EOFError` or `ConnectionError` when the process is gone."""

    def end(self) -> None:
        """Let it end when it has done what it does."""

    def kill(self) -> None:
        """End it now."""

    async def wait(self) -> None:
        """Wait until it has ended."""


Start = Callable[[], Awaitable[Worker]]


class Workers:
    """At most `count` processes, each lent to one report at a time; each request may take `seconds`."""

    def __init__(self, *, start: Start, count: int, seconds: float, idle_seconds: float) -> None:
        self.count = count
        self._start = start
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._free = asyncio.Semaphore(count)
        self._idle: dict[Worker, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    @asynccontextmanager
    async def lend(self, assignment: Assignment) -> AsyncIterator[Lease]:
        """A process of one's own for the renderings of one report; waits while all are lent."""
        async with self._free:
            lease = Lease(assignment, seconds=self._seconds, worker=self._take(), start=self._start)
            try:
                yield lease
            finally:
                self._keep(lease.give_back())

    async def close(self) -> None:
        """End the processes: idle ones now, lent ones when they are given back."""
        self._closed = True
        while worker := self._take():
            self._end(worker)
        await asyncio.gather(*self._ending)

    def _take(self) -> Worker | None:
        while self._idle:
            worker, timer = self._idle.popitem()
            timer.cancel()
            if worker.alive:
                return worker
        return None

    def _keep(self, worker: Worker | None) -> None:
        if worker is None:
            return
        if self._closed:
            self._end(worker)
        else:
            self._idle[worker] = asyncio.get_running_loop().call_later(self._idle_seconds, self._retire, worker)

    def _retire(self, worker: Worker) -> None:
        del self._idle[worker]
        self._end(worker)

    def _end(self, worker: Worker) -> None:
        worker.end()
        task = asyncio.create_task(worker.wait())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class Lease:
    """The renderings of one report. A process that dies or takes too long fails one of them; the next gets a new process."""

    def __init__(self, assignment: Assignment, *, seconds: float, worker: Worker | None, start: Start) -> None:
        self._assignment = assignment
        self._start = start
        self._seconds = seconds
        self._worker = worker
        self._opened = False

    async def open(self) -> bytes | Asking:
        """The report document, or what must be asked before there is one. Raises `RenderFailed`."""
        answer = await self._ask(Open(assignment=self._assignment))
        if isinstance(answer, Asking):
            return answer
        self._opened = True
        return answer.data

    async def render(self, file_format: ArtifactFormat) -> Done:
        """One artifact. Raises `RenderFailed`."""
        if not self._opened:
            await self.open()
        answer = await self._ask(Render(format=file_format))
        assert isinstance(answer, Done), "renderings ask nothing"
        return answer

    def give_back(self) -> Worker | None:
        """The process, unless it has ended."""
        worker, self._worker = self._worker, None
        return worker

    async def _ask(self, request: Request) -> Done | Asking:
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._exchange(request)
        except TimeoutError:
            raise RenderFailed(
                "render_timeout", f"Rendering this file took longer than {self._seconds:g} s and was given up; try again later."
            ) from None
        except (EOFError, ConnectionError):
            raise RenderFailed(
                "render_crashed", "The process that rendered this file died, perhaps for want of memory; try again later."
            ) from None
        if isinstance(answer, Failed):
            log.error("render.failed", code=answer.code, where=answer.where)
            raise RenderFailed(answer.code, _MESSAGES[answer.code])
        return answer

    async def _exchange(self, request: Request) -> Answer:
        """Ask our process, or a new one. Unless it answers, it is killed: nobody knows what it is doing."""
        worker, self._worker = self._worker, None
        try:
            worker = worker or await self._start()
            answer = await worker.ask(request)
            self._worker = worker
            return answer
        finally:
            if worker is not None and self._worker is None:
                self._opened = False
                worker.kill()
                await worker.wait()


_MESSAGES = {
    "transcript_unreadable": "The stored transcript cannot be read by this version; transcribe the recording again.",
    "render_failed": "This file could not be rendered because of a defect of ours; report it with the job's id.",
}


class RenderProcess:
    """A `Worker` at the other end of two pipes."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> RenderProcess:
        """Start a process, without our settings in its environment: it needs none, and some are secret."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        root = str(Path(services.__path__[0]).parent)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
        command = [sys.executable, "-P", "-m", "services.reporter.worker", str(os.getpid())]
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=environment, limit=PIPE_BYTES)
        log.debug("render.worker_started", pid=process.pid)
        return cls(process)

    @property
    def alive(self) -> bool:
        """See `Worker.alive`."""
        return self._process.returncode is None

    async def ask(self, request: Request) -> Answer:
        """See `Worker.ask`."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(frame(request))
        await stdin.drain()
        length = await stdout.readexactly(LENGTH_BYTES)
        answer: Answer = _ANSWERS.decode(await stdout.readexactly(int.from_bytes(length, "big")))
        return answer

    def end(self) -> None:
        """Close its input, upon which it ends by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def kill(self) -> None:
        """See `Worker.kill`."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> None:
        """See `Worker.wait`."""
        await self._process.wait()
